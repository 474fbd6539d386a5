// What the gateway answers beside the line: health on every listener, and Prometheus metrics on the admin listener where
// they are open to anybody. An admin listener without a certificate has nothing else.

import type { Express, NextFunction, Request, Response } from 'express';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import express from 'express';
import helmet from 'helmet';
import type { AdminConfiguration } from '../core/configuration.ts';
import type { Log } from '../core/ports.ts';
import type { HealthCheck } from './health.ts';
import { HEALTH_ENDPOINTS, createHealth } from './health.ts';

/** The line, which knows who asks, is behind TLS alone. */
const NEEDS_TLS =
  'forbidden: this admin listener has no certificate, so nobody can be known here: configure admin.tls';

const TEXT = 'text/plain; charset=utf-8';

export interface AdminPorts {
  /** Undefined: they are not open, and the line serves them to those who may read them. */
  readonly metrics: (() => Promise<{ readonly contentType: string; readonly body: string }>) | undefined;
  readonly checks: readonly HealthCheck[];
  readonly log: Log;
}

/** GET and HEAD of /livez, /readyz, /healthz, and of /metrics where it is open. All else is 403, 404 or 405. */
export function createAdminApp(ports: AdminPorts): Express {
  const health = createHealth(ports, ports.checks);
  const app = express();
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  // Read with URLSearchParams below.
  app.set('query parser', false);
  app.use(helmet());
  app.use((_request, response, next) => {
    response.set('cache-control', 'no-store');
    next();
  });
  for (const endpoint of HEALTH_ENDPOINTS) {
    app.get(`/${endpoint}`, (request, response) => {
      const { status, body } = health(endpoint, new URL(request.url, 'http://gateway').searchParams);
      send(response, status, TEXT, body);
    });
  }
  const { metrics } = ports;
  if (metrics !== undefined) {
    app.get('/metrics', async (_request, response) => {
      const { contentType, body } = await metrics();
      send(response, 200, contentType, body);
    });
  }
  app.all(/^\/(?:metrics|apis?|version)(?:\/.*)?$/, (_request, response) => {
    send(response, 403, TEXT, `${NEEDS_TLS}\n`);
  });
  app.use((request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead) response.set('allow', 'GET, HEAD');
    send(response, isRead ? 404 : 405, TEXT, isRead ? 'not found\n' : 'method not allowed\n');
  });
  // Express tells an error handler by its four parameters.
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    ports.log.error(
      { error: error instanceof Error ? error.message : String(error) },
      'admin request failed',
    );
    // Express then cuts the connection.
    if (response.headersSent) next(error);
    else send(response, 500, TEXT, 'internal error\n');
  });
  return app;
}

/** Written as it is: Express's own `send` would change the content type of the metrics format. */
function send(response: Response, status: number, contentType: string, body: string): void {
  response.status(status);
  response.setHeader('content-type', contentType);
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}

export interface AdminServer {
  /** Rejects when the address cannot be listened on. */
  start(): Promise<{ readonly address: string; readonly port: number }>;
  close(): Promise<void>;
}

/** Plain HTTP. */
export function createAdminServer(
  ports: { readonly app: RequestListener; readonly log: Log },
  options: Pick<AdminConfiguration, 'address' | 'port'>,
): AdminServer {
  const { app, log } = ports;
  const server = createServer(app);
  server.on('error', (error) => {
    log.error({ error: error.message }, 'admin listener');
  });

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: options.address, port: options.port }, () => {
          server.off('error', reject);
          const bound = server.address();
          if (bound === null || typeof bound === 'string') {
            reject(new Error('not a TCP listener'));
            return;
          }
          const { address, port } = bound;
          log.info({ address, port, tls: false }, 'admin listening');
          resolve({ address, port });
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
