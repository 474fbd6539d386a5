import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGetJson } from '../../src/outbound/http-get.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { startRogueIssuer } from '../support/identity-provider.ts';
import type { Behaviour } from '../support/identity-provider.ts';

describe('getJson', () => {
  const clock = createFakeClock();
  const getJson = createGetJson({ clock }, { maxBytes: 1_048_576 });

  it('fetches a document under the given authority only', async (t) => {
    const server = await startRogueIssuer();
    t.after(() => server.close());
    const { certificateAuthority, url } = server;
    assert.deepEqual(await getJson(`${url}/keys`, { certificateAuthority }), { keys: [] });
    await assert.rejects(getJson(`${url}/keys`), { code: /SELF_SIGNED|UNABLE_TO/ });
    assert.equal(server.hits.keys, 1);
  });

  const failures: readonly (readonly [Behaviour, RegExp])[] = [
    ['down', /socket hang up|ECONNRESET/],
    ['error', /answered 500 instead of 200/],
    ['redirect', /answered 302 instead of 200/],
    ['huge', /longer than 1048576 bytes/],
    ['html', /did not answer with JSON/],
  ];
  for (const [behaviour, message] of failures) {
    it(`refuses an answer that is ${behaviour}, and asks once`, async (t) => {
      const server = await startRogueIssuer();
      t.after(() => server.close());
      server.behave(behaviour);
      const { certificateAuthority } = server;
      await assert.rejects(getJson(`${server.url}/keys`, { certificateAuthority }), { message });
      assert.deepEqual(server.hits, { discovery: 0, keys: 1 });
    });
  }

  it('gives up on a server that says nothing', async (t) => {
    const server = await startRogueIssuer();
    t.after(() => server.close());
    server.behave('silent');
    const { certificateAuthority } = server;
    const answer = getJson(`${server.url}/keys`, { certificateAuthority });
    clock.advance(10_000);
    await assert.rejects(answer, { message: 'no whole answer within 10000 ms' });
    assert.equal(clock.pending, 0);
  });

  it('speaks TLS only, and sends no password', async () => {
    await assert.rejects(getJson('http://127.0.0.1/keys'), /not an https URL/);
    await assert.rejects(getJson('file:///etc/passwd'), /not an https URL/);
    await assert.rejects(getJson('https://user:secret@127.0.0.1/'), /user or a password/);
  });
});
