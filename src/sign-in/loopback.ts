// The loopback redirect of RFC 8252 §7.3: a server on 127.0.0.1 for the one answer that the provider sends through the
// browser. Only a request for the exact path, host and state ends the wait; any page may send others.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { timingSafeEqual } from 'node:crypto';
import { SignInError, tooLate } from './sign-in-error.ts';

const CALLBACK_PATH = '/callback';

export interface Loopback {
  readonly redirectUri: string;
  /** Resolves to the URL of the answer. Rejects with a SignInError when the signal says so. */
  answer(state: string, signal: AbortSignal): Promise<URL>;
  /** Shows the person the end, and closes. */
  close(): Promise<void>;
}

/** Takes the first port that is free; 0: any. Rejects with a SignInError when none is. */
export async function listenForAnswer(ports: readonly number[]): Promise<Loopback> {
  for (const port of ports) {
    const server = createServer();
    const bound = await tryPort(server, port);
    if (bound !== undefined) return toLoopback(server, `127.0.0.1:${bound}`);
  }
  throw new SignInError(
    `no port for the answer of the browser is free on 127.0.0.1 (tried ${ports.join(', ')}); see --redirect-port`,
  );
}

function toLoopback(server: Server, host: string): Loopback {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return {
    redirectUri: `http://${host}${CALLBACK_PATH}`,
    answer: (state, signal) =>
      new Promise((resolve, reject) => {
        const onAbort = (): void => reject(tooLate());
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        server.on('request', (request, response) => {
          const url = toCallback(request, host);
          if (url === undefined) say(response, 404, 'Nothing is here.');
          else if (!isSame(url.searchParams.get('state') ?? '', state)) {
            say(
              response,
              400,
              'This answer belongs to another login. Close this page, and look at the terminal.',
            );
          } else {
            const failed = url.searchParams.has('error');
            say(response, 200, failed ? 'The login failed: the terminal says why.' : 'You are signed in.');
            // It closes by itself, once the page is there.
            open.delete(request.socket);
            resolve(url);
          }
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Browsers keep connections open that they may want, and anybody here can: the login does not wait for them.
        for (const socket of open) socket.destroy();
      }),
  };
}

/** A name that another site has pointed at 127.0.0.1 is not our host (DNS rebinding). */
function toCallback({ method, url = '', headers }: IncomingMessage, host: string): URL | undefined {
  if (method !== 'GET' || headers.host !== host) return undefined;
  const parsed = URL.canParse(url, `http://${host}`) ? new URL(url, `http://${host}`) : undefined;
  return parsed?.pathname === CALLBACK_PATH && parsed.host === host ? parsed : undefined;
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function say(response: ServerResponse, status: number, text: string): void {
  const after = status === 200 ? '<p>This page can be closed.</p>' : '';
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  });
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>kubelet-gateway</title>` +
      `<style>body{font:18px/1.5 system-ui,sans-serif;max-width:30em;margin:20vh auto;padding:0 1em}</style>` +
      `<h1>${text}</h1>${after}</html>`,
  );
}

const tryPort = (server: Server, port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen({ host: '127.0.0.1', port }, () => {
      const address = server.address();
      resolve(address === null || typeof address === 'string' ? undefined : address.port);
    });
  });
