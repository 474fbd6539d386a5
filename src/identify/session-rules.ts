// What a request may do whose credential is a cookie. A browser sends the cookie with whatever a page makes it ask for, so
// that a cookie alone says who looks at the page and not who wrote it (Fetch metadata; RFC 6455 §10.2; RFC 6265 §8.2).
//
//   GET, HEAD            Sec-Fetch-Site same-origin or none; never exec, attach, run, portForward, checkpoint, pprof
//   upgrades and others  Origin is the gateway's own, the one that the request was sent to
//
// A browser that sends neither header cannot be told from an attack, and is refused.

import type { Found, Received } from '../core/exchange.ts';
import { isResolved, isSought } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import { unauthorized } from './refusals.ts';

type Asked = Pick<Received, 'method' | 'headers'>;

const isRead = ({ method, headers }: Asked): boolean =>
  (method === 'GET' || method === 'HEAD') && headers.first('upgrade') === undefined;

/** Whether a person has opened an address, as opposed to a page or a program that asks for something. */
export function isNavigation({ method, headers }: Asked): boolean {
  return (
    method === 'GET' &&
    headers.first('upgrade') === undefined &&
    headers.first('sec-fetch-mode') === 'navigate' &&
    headers.first('sec-fetch-dest') === 'document' &&
    headers.all('accept').some((line) => /(?:^|[\s,])text\/html\b/i.test(line))
  );
}

/** The refusal of a request that another page may have made; undefined: it is the gateway's own, or the person's. */
export function findForeignUse(received: Asked, origins: ReadonlySet<string>): Fault | undefined {
  const { headers } = received;
  const own = `https://${headers.first('host')?.toLowerCase() ?? ''}`;
  if (!origins.has(own)) {
    return new Fault(
      'Forbidden',
      'a session in a browser counts only at the addresses of login.externalURLs',
    );
  }
  const given = headers.all('origin');
  const isForeign = given.length > 1 || given.some((origin) => origin !== own);
  if (!isRead(received)) {
    if (!isForeign && given.length === 1) return undefined;
    return new Fault('Forbidden', "with a session in a browser this request needs the gateway's own Origin");
  }
  const sites = headers.all('sec-fetch-site');
  const [site] = sites;
  if (!isForeign && sites.length === 1 && (site === 'same-origin' || site === 'none')) return undefined;
  // A link on another site: the page for signing in lets the person go on, with a click that is theirs.
  if (isNavigation(received))
    return unauthorized('a link of another site: a session in a browser does not count');
  return new Fault(
    'Forbidden',
    'with a session in a browser only pages of the gateway itself may ask (Sec-Fetch-Site)',
  );
}

/** Throws a Fault for what a mere GET with a cookie must not reach. Knows what the request means, not how it is written. */
export function refuseDangerousRead(found: Found): void {
  if (found.authentication.method !== 'session' || !isRead(found)) return;
  const action = isResolved(found) ? found.action : isSought(found) ? found.sought : undefined;
  switch (action?.kind) {
    case 'exec':
    case 'attach':
    case 'run':
    case 'portForward':
    case 'checkpoint':
    case 'pprof':
      throw new Fault(
        'Forbidden',
        'a session in a browser does not reach this by a plain GET: send a bearer token',
      );
    default:
  }
}
