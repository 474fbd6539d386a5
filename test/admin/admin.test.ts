// The admin server over real sockets, as it is without a certificate.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import type { TestContext } from 'node:test';
import { describe, it } from 'node:test';
import type { AdminPorts } from '../../src/admin/admin.ts';
import { createAdminApp, createAdminServer } from '../../src/admin/admin.ts';
import type { AdminConfiguration } from '../../src/core/configuration.ts';
import type { KeptLog } from '../support/kept-log.ts';
import { createKeptLog } from '../support/kept-log.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const METRICS = { contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'up 1\n' };

async function ask(port: number, path: string, options: { method?: string } = {}): Promise<Answer> {
  const target = { host: '127.0.0.1', port, path, agent: false, ...options };
  const request = httpRequest(target);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

async function start(
  t: TestContext,
  ports: Partial<AdminPorts> = {},
  options: Partial<AdminConfiguration> = {},
): Promise<{ port: number; log: KeptLog; server: ReturnType<typeof createAdminServer> }> {
  const log = createKeptLog();
  const app = createAdminApp({ metrics: () => Promise.resolve(METRICS), checks: [], log, ...ports });
  const server = createAdminServer({ app, log }, { address: '127.0.0.1', port: 0, ...options });
  const { port } = await server.start();
  t.after(() => server.close());
  return { port, log, server };
}

describe('the admin server', () => {
  it('answers health checks and metrics', async (t) => {
    const { port } = await start(t);
    for (const path of ['/livez', '/readyz', '/healthz', '/readyz?exclude=x']) {
      const answer = await ask(port, path);
      assert.deepEqual([answer.status, answer.body], [200, 'ok'], path);
      assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.equal(answer.headers['x-powered-by'], undefined);
    }
    const metrics = await ask(port, '/metrics');
    assert.deepEqual(
      [metrics.status, metrics.headers['content-type'], metrics.body],
      [200, METRICS.contentType, METRICS.body],
    );
    const head = await ask(port, '/livez', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, '']);
  });

  it('answers a failing check with 500', async (t) => {
    const { port } = await start(t, { checks: [{ name: 'audit', check: () => 'disk full' }] });
    const answer = await ask(port, '/livez');
    assert.equal(answer.status, 500);
    assert.match(answer.body, /^\[-\]audit failed: reason withheld$/m);
    assert.doesNotMatch(answer.body, /disk/);
  });

  for (const path of [
    '/',
    '/livez/',
    '/Livez',
    '//livez',
    '/livez/ping',
    '/debug/pprof',
    '/%6civez',
    '/..%2flivez',
  ]) {
    it(`has nothing at ${path}`, async (t) => {
      const { port } = await start(t);
      const answer = await ask(port, path);
      assert.deepEqual([answer.status, answer.body], [404, 'not found\n']);
    });
  }

  it('only reads', async (t) => {
    const { port } = await start(t);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      const answer = await ask(port, '/livez', { method });
      assert.deepEqual([answer.status, answer.headers.allow?.startsWith('GET')], [405, true], method);
    }
  });

  it('keeps the text of an unforeseen error in the log', async (t) => {
    const { port, log } = await start(t, { metrics: () => Promise.reject(new Error('registry of secrets')) });
    const answer = await ask(port, '/metrics');
    assert.deepEqual([answer.status, answer.body], [500, 'internal error\n']);
    assert.equal(log.lines.at(-1)?.fields['error'], 'registry of secrets');
  });

  it('says that nobody can be known without a certificate, and shows no metrics that are not open', async (t) => {
    const { port } = await start(t, { metrics: undefined });
    for (const path of [
      '/metrics',
      '/apis',
      '/apis/kubelet-gateway.io/v1alpha1/sessions',
      '/api/v1/nodes',
      '/version',
    ]) {
      for (const method of ['GET', 'DELETE']) {
        const answer = await ask(port, path, { method });
        assert.equal(answer.status, 403, `${method} ${path}`);
        assert.match(answer.body, /has no certificate/);
      }
    }
    assert.equal((await ask(port, '/livez')).status, 200);
  });

  it('does not start on an address that is taken', async (t) => {
    const { port } = await start(t);
    await assert.rejects(start(t, {}, { port }), /EADDRINUSE/);
  });
});
