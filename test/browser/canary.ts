// A server that nobody should ever ask: what reaches it, a hostile page has sent there.

import { createServer } from 'node:http';

export interface Canary {
  /** `http://127.0.0.1:PORT`; a browser takes it for a secure context, so that no page is kept from it by its scheme. */
  readonly url: string;
  /** Paths with their queries, in order. `/page` is not counted. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** `/page` is a page of another site; everything else is noted and has no content, so that a browser stays where it is. */
export async function startCanary(): Promise<Canary> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/page') {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>another site</title>');
      return;
    }
    if (request.url !== '/favicon.ico') asked.push(request.url ?? '');
    response.writeHead(204, { 'access-control-allow-origin': '*' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
