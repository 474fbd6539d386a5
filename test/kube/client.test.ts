import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import type { KubeConnection } from '../../src/core/kube-connection.ts';
import { systemClock } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import type { KubeClientOptions } from '../../src/kube/client.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import type { ReviewSpec } from '../../src/kube/subject-access-review.ts';
import type { ApiServer, ApiServerOptions } from '../support/api-server.ts';
import { startApiServer } from '../support/api-server.ts';
import { createAuthority } from '../support/pki.ts';

const spec: ReviewSpec = {
  user: 'bob',
  uid: 'u1',
  groups: ['dev', 'system:authenticated'],
  extra: { 'example.org/tenant': ['blue'] },
  resourceAttributes: {
    verb: 'get',
    group: '',
    version: 'v1',
    resource: 'nodes',
    subresource: 'proxy',
    name: 'node-1',
    namespace: '',
  },
};

const never = new AbortController().signal;

async function start(t: TestContext, options: Partial<ApiServerOptions> = {}): Promise<ApiServer> {
  const server = await startApiServer({ decide: () => ({ allowed: true, reason: 'yes' }), ...options });
  t.after(() => server.close());
  return server;
}

function connect(t: TestContext, connection: KubeConnection, options: KubeClientOptions = {}) {
  const client = createKubeClient({ clock: systemClock }, connection, { firstDelayMs: 1, ...options });
  t.after(() => client.close());
  return client;
}

const undecided = (cause: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault);
  assert.equal(error.reason, 'InternalError');
  assert.match(error.message, /^authorization could not be decided/);
  const texts: string[] = [];
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) texts.push(at.message);
  assert.match(texts.join(': '), cause);
  return true;
};

describe('a SubjectAccessReview', () => {
  it('goes over the wire as it is, by client certificate, on one kept connection', async (t) => {
    const server = await start(t);
    const client = connect(t, server.connection);
    for (let i = 0; i < 3; i += 1) {
      assert.deepEqual(await client.createSubjectAccessReview(spec, never), {
        allowed: true,
        denied: false,
        reason: 'yes',
        evaluationError: '',
      });
    }
    assert.deepEqual(server.requests, [spec, spec, spec]);
    assert.equal(server.connectionCount, 1);
  });

  it('goes below the path of the server URL', async (t) => {
    const server = await start(t);
    const client = connect(t, { ...server.connection, server: `${server.url}/` });
    assert.equal((await client.createSubjectAccessReview(spec, never)).allowed, true);
    const below = connect(t, { ...server.connection, server: `${server.url}/clusters/a` });
    // The test server knows no such path and hangs up.
    await assert.rejects(below.createSubjectAccessReview(spec, never), undecided(/socket hang up/));
  });

  it('goes by bearer token', async (t) => {
    const server = await start(t, { credential: 'token' });
    const client = connect(t, server.connection);
    assert.equal((await client.createSubjectAccessReview(spec, never)).allowed, true);
    server.token = 'another';
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/HTTP 401/));
  });

  it('goes by a token file, which is read again when it changes', async (t) => {
    const server = await start(t, { credential: 'token' });
    const folder = await mkdtemp(join(tmpdir(), 'kube-token-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'token');
    const client = connect(t, { ...server.connection, credential: { kind: 'tokenFile', path } });
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/ENOENT/));
    await writeFile(path, 'two words\n');
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/does not hold one token/));
    for (const token of ['first', 'second']) {
      server.token = token;
      await writeFile(`${path}.new`, `${token}\n`);
      await rename(`${path}.new`, path);
      assert.equal((await client.createSubjectAccessReview(spec, never)).allowed, true);
    }
    await rm(path);
    assert.equal((await client.createSubjectAccessReview(spec, never)).allowed, true);
  });

  it('is asked again after a reset, 500, 504 and 429, a few times', async (t) => {
    const server = await start(t);
    const client = connect(t, server.connection);
    server.interrupt({ kind: 'reset' }, { kind: 'status', code: 500 }, { kind: 'status', code: 504 });
    assert.equal((await client.createSubjectAccessReview(spec, never)).allowed, true);
    assert.equal(server.requests.length, 4);
    server.interrupt(...Array.from({ length: 4 }, () => ({ kind: 'status', code: 429 }) as const));
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/HTTP 429/));
    assert.equal(server.requests.length, 8);
  });

  it('is not asked again when the API server has refused it', async (t) => {
    const server = await start(t);
    const client = connect(t, server.connection);
    for (const code of [400, 401, 403, 404, 422, 503]) {
      server.interrupt({ kind: 'status', code });
      await assert.rejects(
        client.createSubjectAccessReview(spec, never),
        undecided(new RegExp(`HTTP ${code}`)),
      );
    }
    assert.equal(server.requests.length, 6);
  });

  it('follows no redirect and takes no other success for an answer', async (t) => {
    const server = await start(t);
    const other = await start(t);
    const client = connect(t, server.connection);
    server.interrupt(
      { kind: 'status', code: 307, headers: { location: `${other.url}/` } },
      { kind: 'status', code: 200 },
    );
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/HTTP 307/));
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/HTTP 200/));
    assert.equal(other.connectionCount, 0);
  });

  it('is undecided by a malformed or an endless answer', async (t) => {
    const server = await start(t);
    const client = connect(t, server.connection, { maxAnswerBytes: 1000 });
    server.interrupt({ kind: 'body', body: '{"allowed":true}' }, { kind: 'body', body: 'x'.repeat(1001) });
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/malformed/));
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/longer than 1000 bytes/));
    assert.equal(server.requests.length, 2);
  });

  it('ends with its signal, waiting for an answer or for the next attempt', async (t) => {
    const server = await start(t);
    const client = connect(t, server.connection);
    server.interrupt({ kind: 'silence' });
    const silent = new AbortController();
    const first = client.createSubjectAccessReview(spec, silent.signal);
    await server.received(1);
    silent.abort(new Error('too slow'));
    await assert.rejects(first, undecided(/abort/));

    server.interrupt({ kind: 'status', code: 429, headers: { 'retry-after': '5' } });
    const patient = new AbortController();
    const second = client.createSubjectAccessReview(spec, patient.signal);
    await server.received(2);
    patient.abort(new Error('too slow'));
    await assert.rejects(second, undecided(/abort|429/));
    assert.equal(server.requests.length, 2);
  });
});

describe('the connection to an API server', () => {
  it('is made only to a server whose certificate is right', async (t) => {
    const server = await start(t, { serverNames: ['kubernetes.default.svc'] });
    const { connection } = server;
    const named = connect(t, { ...connection, tlsServerName: 'kubernetes.default.svc' });
    assert.equal((await named.createSubjectAccessReview(spec, never)).allowed, true);

    const unnamed = connect(t, connection);
    await assert.rejects(unnamed.createSubjectAccessReview(spec, never), undecided(/IP: 127\.0\.0\.1/));

    const stranger = await createAuthority('another-ca');
    const foreign = connect(t, {
      ...connection,
      tlsServerName: 'kubernetes.default.svc',
      certificateAuthority: stranger.certificate,
    });
    await assert.rejects(foreign.createSubjectAccessReview(spec, never), undecided(/certificate/));
    assert.equal(server.requests.length, 1);
  });

  it('is never made in the clear', () => {
    assert.throws(
      () =>
        createKubeClient(
          { clock: systemClock },
          { server: 'http://127.0.0.1:8080', credential: { kind: 'token', token: new Secret('t') } },
        ),
      /https/,
    );
  });

  it('that cannot be made leaves the question undecided', async (t) => {
    const server = await startApiServer({ decide: () => ({ allowed: true }) });
    await server.close();
    const client = connect(t, server.connection);
    await assert.rejects(client.createSubjectAccessReview(spec, never), undecided(/ECONNREFUSED/));
  });
});
