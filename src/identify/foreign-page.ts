// Refuses what a page of another site makes a browser do with its user's client certificate. A browser shows the
// certificate to whatever address a page names, and a WebSocket or a posted form needs nobody's leave (Fetch §3.2,
// RFC 6455 §10.2): an exec would run with the rights of whoever looks at the page. Programs send neither header.

import type { Received } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';

/** Throws a Fault (Forbidden). For requests whose only credential is one that a browser shows by itself. */
export function refuseForeignPage({ headers, method }: Pick<Received, 'headers' | 'method'>): void {
  // A browser sends it with every WebSocket, every POST, and whatever a script of another site wants to read.
  const own = `https://${headers.first('host')?.toLowerCase() ?? ''}`;
  if (headers.all('origin').some((origin) => origin !== own)) throw refusal();
  // A link that is followed is a GET, and its answer is no script's to read.
  const isLink = method === 'GET' && headers.first('upgrade') === undefined;
  const sites = headers.all('sec-fetch-site');
  if (!isLink && sites.some((site) => site !== 'same-origin' && site !== 'none')) throw refusal();
}

const refusal = (): Fault =>
  new Fault(
    'Forbidden',
    'a page of another origin may not use the client certificate of a browser: send a bearer token',
  );
