// The pages for people, beside the line, all under `/-/`, a prefix that no path of a kubelet or an API server has:
//
//   GET  /-/login                          chooses a provider, or the only one      GET  /-/home     the nodes
//   GET  /-/login/{provider}               begins                                   GET  /-/whoami   who one is
//   GET  /-/callback/{provider}            ends                                     GET  /-/style.css
//   GET  POST /-/logout, GET /-/logged-out                                          POST /-/sessions/end  one's own
//   POST /-/backchannel-logout/{provider}  from the provider
//
// Every request is observed like any exchange: audit event, metrics, a line in the log. Neither code nor state nor any
// other part of a query is in them. A sign-in counts once its event is stored.

import { ServerResponse } from 'node:http';
import type { Express, NextFunction, Request, Response } from 'express';
import express from 'express';
import helmet from 'helmet';
import type { Received } from '../core/exchange.ts';
import type { Observation } from '../core/observation.ts';
import type { LoginPorts, PageRequest } from './ports.ts';
import type { PageReply } from './reply.ts';
import { Fault, toFault } from '../core/fault.ts';
import { readCookies } from '../browser-session/cookies.ts';
import { HOME_PATH } from '../browser-session/own-path.ts';
import { callback } from './callback.ts';
import { home, whoami } from './home.ts';
import { toDocument } from './layout.ts';
import { LOGGED_OUT_PATH, askLogout, backChannelLogout, loggedOut, logout } from './logout.ts';
import { END_PATH, endOwnSession } from './own-sessions.ts';
import { DIRECTIVES } from './page-policy.ts';
import { problemPage } from './problems.ts';
import { seeOther } from './reply.ts';
import { login, loginAt } from './start.ts';
import { STYLE, STYLE_PATH } from './style.ts';

type Page = (ports: LoginPorts, request: PageRequest) => PageReply | Promise<PageReply>;

/** Of a form: one token. */
const MAX_FORM_BYTES = 32_768;

const PAGES: readonly (readonly ['get' | 'post', string, Page])[] = [
  ['get', '/', () => seeOther(HOME_PATH)],
  ['get', HOME_PATH, home],
  ['get', '/-/whoami', whoami],
  ['get', STYLE_PATH, () => ({ status: 200, content: { kind: 'style' } })],
  ['get', '/-/login', login],
  ['get', '/-/login/:provider', loginAt],
  ['get', '/-/callback/:provider', callback],
  ['get', '/-/logout', () => askLogout()],
  ['post', '/-/logout', logout],
  ['post', END_PATH, endOwnSession],
  ['get', LOGGED_OUT_PATH, () => loggedOut()],
  ['post', '/-/backchannel-logout/:provider', backChannelLogout],
];

/** Takes one exchange whose target is `/`, or begins with `/-/`. It answers, whatever happens. */
export type ServePage = (received: Received) => void;

export function createLoginPages(ports: LoginPorts): ServePage {
  const exchanges = new WeakMap<object, Received>();
  const app = createApp(ports);
  const serve = (page: Page) => async (request: Request, response: Response) => {
    const received = exchanges.get(request);
    if (received === undefined) throw new Error('a page without an exchange');
    await answer(ports, received, response, () => page(ports, toPageRequest(ports, received, request)));
  };
  for (const [method, path, page] of PAGES) {
    if (method === 'get') app.get(path, serve(page));
    else app.post(path, express.text({ type: () => true, limit: MAX_FORM_BYTES }), serve(page));
  }
  app.use(serve(() => problemPage('notFound', 'the gateway has no such page')));
  // A form that is too long or broken off. Express tells an error handler by its four parameters.
  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    ports.log.info(
      { error: error instanceof Error ? error.message : 'unknown' },
      'a page could not be served',
    );
    const received = exchanges.get(request);
    if (received === undefined || response.headersSent) next(error);
    else
      void answer(ports, received, response, () =>
        problemPage('unreadable', 'the request could not be read'),
      );
  });
  return (received) => {
    const { reply } = received;
    if (reply.kind !== 'http' || reply.request === undefined || !(reply.response instanceof ServerResponse)) {
      throw new Error('pages answer what Node has read');
    }
    const { request, response } = reply;
    exchanges.set(request, received);
    if (received.headers.first('expect') !== undefined) response.writeContinue();
    app(request, response);
  };
}

function createApp({ settings }: LoginPorts): Express {
  const app = express();
  app.disable('etag');
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', false);
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: DIRECTIVES,
      },
      // With no-referrer a browser would say `Origin: null` for our own forms (Fetch §3.2, step for no-cors requests).
      referrerPolicy: { policy: 'same-origin' },
      // A browser would hold localhost to it on every port, and whoever owns the name decides about its other names.
      strictTransportSecurity: settings.origins.some(isLoopback) ? false : { includeSubDomains: false },
    }),
  );
  return app;
}

const isLoopback = (origin: string): boolean => /^https:\/\/(?:localhost|127\.|\[::1\])/.test(origin);

function toPageRequest({ settings }: LoginPorts, received: Received, request: Request): PageRequest {
  const { headers, target } = received;
  const asked = `https://${headers.first('host')?.toLowerCase() ?? ''}`;
  const at = target.indexOf('?');
  const provider: unknown = request.params['provider'];
  const body: unknown = request.body;
  return {
    received,
    origin: settings.origins.find((origin) => origin === asked),
    query: new URLSearchParams(at < 0 ? '' : target.slice(at + 1)),
    cookies: readCookies(headers),
    provider: typeof provider === 'string' ? provider : '',
    form: new URLSearchParams(typeof body === 'string' ? body : ''),
  };
}

/** Observes, does, and sends. Never rejects. */
async function answer(
  ports: LoginPorts,
  received: Received,
  response: Response,
  make: () => PageReply | Promise<PageReply>,
): Promise<void> {
  const [path = ''] = received.target.split(/[?#]/, 1);
  const seen: Received = { ...received, target: path };
  const observation = ports.observe(seen);
  let reply = await attempt(ports, received, make);
  try {
    await tell(observation, seen, reply);
    reply.onStored?.();
  } catch (error) {
    // Not stored, not done: the cookies of the reply are not sent, but for those that take cookies away.
    const { message } = toFault(error);
    const setCookies = reply.setCookies?.filter((line) => line.endsWith('Max-Age=0')) ?? [];
    reply = problemPage('internal', message, { setCookies });
  }
  send(response, received, reply);
  const { status: code, fault, notes } = reply;
  observation.complete({
    code,
    ...(fault === undefined ? {} : { fault }),
    ...(notes === undefined ? {} : { notes }),
  });
}

async function attempt(
  { log }: LoginPorts,
  { auditId }: Received,
  make: () => PageReply | Promise<PageReply>,
): Promise<PageReply> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof Fault && error.reason === 'ServiceUnavailable')
      return problemPage('storeAway', error.message);
    log.error({ error, auditId }, 'a page failed');
    return problemPage('internal', 'internal error');
  }
}

/** The stage RequestReceived, with who it turned out to be. */
const tell = async (
  observation: Observation,
  received: Received,
  { authentication }: PageReply,
): Promise<void> =>
  observation.received(
    authentication === undefined
      ? received
      : // What the gateway answers by itself; observers look at the kind of evidence, not at the answer.
        { ...received, authentication, answer: { kind: 'json', contentType: 'text/html', body: '' } },
  );

function send(response: Response, { auditId, method }: Received, reply: PageReply): void {
  const { content, location, setCookies = [], authentication } = reply;
  response.status(reply.status);
  response.setHeader('Audit-Id', auditId);
  response.setHeader('Cache-Control', content.kind === 'style' ? 'private, max-age=300' : 'no-store');
  if (location !== undefined) response.setHeader('Location', location);
  if (setCookies.length > 0) response.setHeader('Set-Cookie', setCookies);
  let body = '';
  switch (content.kind) {
    case 'page':
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      body = toDocument({ ...content, auditId, user: authentication?.user.name });
      break;
    case 'json':
      response.setHeader('Content-Type', 'application/json');
      body = `${JSON.stringify(content.value)}\n`;
      break;
    case 'style':
      response.setHeader('Content-Type', 'text/css; charset=utf-8');
      body = STYLE;
      break;
    case 'nothing':
  }
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(method === 'HEAD' ? undefined : body);
}
