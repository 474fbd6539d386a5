// Tokens and certificates that an API server issues, over the wire: what is sent, what is refused, what is left behind.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { systemClock } from '../../src/core/ports.ts';
import type { IssuingClient } from '../../src/kube/issuing-client.ts';
import { createIssuingClient } from '../../src/kube/issuing-client.ts';
import { parseSigningRequest } from '../../src/kube/certificate-signing-request.ts';
import { parseTokenRequest } from '../../src/kube/token-request.ts';
import type { CertificateSubject, MintedKeys } from '../../src/pki/mint.ts';
import { checkMinted, createSigningRequest, generateKeys } from '../../src/pki/mint.ts';
import type { ApiServer } from '../support/api-server.ts';
import { startApiServer } from '../support/api-server.ts';

let api: ApiServer;
let client: IssuingClient;
let keys: MintedKeys;
const ALICE: CertificateSubject = { commonName: 'alice', organizations: ['sre'] };
before(async () => {
  api = await startApiServer({ decide: () => ({ allowed: true }) });
  client = createIssuingClient({ clock: systemClock }, api.connection);
  keys = await generateKeys('P-256');
});
after(async () => {
  client.close();
  await api.close();
});
beforeEach(() => {
  Object.assign(api.issuing, {
    signing: 'signed',
    approver: 'none',
    conflicts: 0,
    onRequest: (pem: string) => pem,
    onTokenRequest: () => undefined,
  });
});

const SPEC = { namespace: 'kube-system', serviceAccount: 'gateway', audiences: [], expirationSeconds: 600 };
const forever = (): AbortSignal => new AbortController().signal;
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

describe('a TokenRequest', () => {
  it("asks for the API server's own audience, and yields the token and its end", async () => {
    const { token, expiresAt } = await client.requestToken(SPEC, forever());
    assert.match(token.reveal(), /^token-\d+-of-gateway$/);
    assert.ok(expiresAt > Date.now() + 590_000 && expiresAt <= Date.now() + 601_000);
    assert.deepEqual(api.issuing.tokenRequests.at(-1), SPEC);
    assert.ok(!inspect(token).includes('token-'));
  });

  it('that is refused says why, for the log', async () => {
    api.issuing.onTokenRequest = () => 403;
    await assert.rejects(
      client.requestToken(SPEC, forever()),
      /TokenRequest: HTTP 403: .*refused by the test/,
    );
  });

  it('that is answered with another success is none, and the token is in no message', () => {
    const rows: readonly [string, RegExp][] = [
      ['{"token":"secret"', /not JSON/],
      [
        '{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1beta1","status":{"token":"secret"}}',
        /not an/,
      ],
      [
        '{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","status":{"token":"secret"}}',
        /not a time/,
      ],
      [
        '{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","status":{"token":"secret\\r\\nX: y","expirationTimestamp":"2030-01-01T00:00:00Z"}}',
        /no token/,
      ],
      ['{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","status":{}}', /no token/],
    ];
    for (const [body, words] of rows) {
      assert.throws(
        () => parseTokenRequest(body),
        (error: unknown) => {
          assert.match(String(error), words);
          assert.ok(!inspect(error).includes('secret'));
          return true;
        },
      );
    }
  });

  it('is given up on a signal', async () => {
    api.issuing.onTokenRequest = () => new Promise(() => undefined);
    await assert.rejects(client.requestToken(SPEC, within(20)), /TokenRequest failed/);
  });
});

const request = async (approve: boolean, signal: AbortSignal): Promise<string> => {
  const pem = await createSigningRequest(ALICE, keys, 'P-256');
  const spec = { request: pem, signerName: 'kubernetes.io/kube-apiserver-client', expirationSeconds: 600 };
  return client.requestCertificate(spec, approve, signal);
};

describe('a CertificateSigningRequest', () => {
  it('is approved, signed and removed', async () => {
    await checkMinted(await request(true, forever()), ALICE, keys.publicKey);
    assert.deepEqual(api.issuing.lastSpec?.usages, ['digital signature', 'client auth']);
    assert.equal(api.issuing.lastSpec.expirationSeconds, 600);
    assert.equal(api.issuing.subjects.at(-1), 'O=sre, CN=alice');
    assert.deepEqual(api.issuing.present, []);
  });

  it('is approved again when somebody has changed it in between', async () => {
    api.issuing.conflicts = 2;
    await checkMinted(await request(true, forever()), ALICE, keys.publicKey);
  });

  it('waits for another approver', async () => {
    api.issuing.approver = 'approves';
    const before = api.issuing.asked.length;
    await checkMinted(await request(false, forever()), ALICE, keys.publicKey);
    assert.ok(!api.issuing.asked.slice(before).some((line) => line.includes('/approval')));
  });

  const rows: readonly [string, Partial<typeof api.issuing>, boolean, RegExp][] = [
    ['denied', { approver: 'denies' }, false, /refused: NoSuchPerson/],
    ['not signed by its signer', { signing: 'failed' }, true, /refused: SignerFailed/],
    ['approved by nobody', {}, false, /not issued in time|failed/],
    ['signed by nobody', { signing: 'never' }, true, /not issued in time|failed/],
    ['changed all the time', { conflicts: 99 }, true, /HTTP 409/],
  ];
  for (const [what, state, approve, words] of rows) {
    it(`that is ${what} is an error, and is removed`, async () => {
      Object.assign(api.issuing, state);
      await assert.rejects(request(approve, within(400)), words);
      assert.deepEqual(api.issuing.present, []);
    });
  }

  it('is not approved when it is another than the one that was made', async () => {
    const other = await createSigningRequest({ ...ALICE, commonName: 'eve' }, keys, 'P-256');
    api.issuing.onRequest = () => other;
    const before = api.issuing.asked.length;
    await assert.rejects(request(true, forever()), /not the one that was made/);
    assert.ok(!api.issuing.asked.slice(before).some((line) => line.includes('/approval')));
    assert.deepEqual(api.issuing.present, []);
  });

  it('is no answer in another form', () => {
    const base = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' };
    for (const answer of [
      {},
      { ...base, metadata: {} },
      { ...base, kind: 'Status', metadata: { name: 'a' } },
      { ...base, metadata: { name: 'a' }, status: { certificate: 1 } },
      { ...base, metadata: { name: 'a' }, status: { conditions: {} } },
    ]) {
      assert.throws(() => parseSigningRequest(JSON.stringify(answer)), TypeError);
    }
  });
});
