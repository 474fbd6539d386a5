// The operators' side of the gateway: health and Prometheus metrics, on a listener of their own. The health endpoints
// of the same application also answer beside the line on the main listeners, which pass nothing else on to it.

import type { Express, NextFunction, Request, Response } from 'express';
import type { RequestListener, Server as HttpServer } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { createServer as createHttpsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import express from 'express';
import helmet from 'helmet';
import type { AdminConfiguration, ServingCertificate } from '../core/configuration.ts';
import type { Log } from '../core/ports.ts';
import type { HealthCheck } from './health.ts';
import { HEALTH_ENDPOINTS, createHealth } from './health.ts';

const TEXT = 'text/plain; charset=utf-8';

export interface AdminPorts {
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly checks: readonly HealthCheck[];
  readonly log: Log;
}

/** GET and HEAD of /livez, /readyz, /healthz and /metrics. Everything else is 404 or 405. */
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
  app.get('/metrics', async (_request, response) => {
    const { contentType, body } = await ports.metrics();
    send(response, 200, contentType, body);
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
  /**
   * Another certificate for connections after the returned function was called; nothing on a plain listener. Throws when
   * it cannot be used; the function does not.
   */
  prepare(tls: ServingCertificate | undefined): () => void;
  close(): Promise<void>;
}

/** Throws when the certificate or its key cannot be used. */
export function createAdminServer(
  ports: { readonly app: RequestListener; readonly log: Log },
  options: AdminConfiguration,
): AdminServer {
  const { app, log } = ports;
  const secure: HttpsServer | undefined = options.tls && createHttpsServer(toTls(options.tls), app);
  const server: HttpServer | HttpsServer = secure ?? createHttpServer(app);
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
          log.info({ address, port, tls: secure !== undefined }, 'admin listening');
          resolve({ address, port });
        });
      }),
    prepare: (tls) => {
      if (tls === undefined || secure === undefined) return () => undefined;
      const options = toTls(tls);
      // What setSecureContext would do, tried: it throws here, while nothing has been changed yet.
      createSecureContext(options);
      return () => {
        secure.setSecureContext(options);
      };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

const toTls = ({ certificate, privateKey }: ServingCertificate) => ({
  cert: certificate,
  key: privateKey.reveal(),
  minVersion: 'TLSv1.2' as const,
});
