// The authentication section beside the issuers: TokenReview, revocation lists and the lifetime of client certificates.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { loadConfiguration } from '../../src/config/load.ts';
import { createAuthority } from '../support/pki.ts';
import type { JsonObject, SetUp } from './set-up.ts';
import { FOLDER, MAIN, createSetUp, minimal, problemsOf, toFiles, warningsOf } from './set-up.ts';

let setUp: SetUp;
let extra: Record<string, string>;
before(async () => {
  setUp = await createSetUp();
  const authority = await createAuthority('people');
  const other = await createAuthority('others');
  const list = await authority.revoke([]);
  extra = {
    'people.crt': authority.certificate,
    'people.crl': list,
    // As the bytes of the file are read: each as one character.
    'people.der': Buffer.from(list.replace(/-----[^-]+-----/g, ''), 'base64').toString('latin1'),
    'old.crl': await authority.revoke([], { nextUpdate: new Date(Date.now() - 1000) }),
    'others.crl': await other.revoke([]),
    'kubeconfig.yaml': stringify({
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      clusters: [{ name: 'a', cluster: { server: 'https://10.0.0.1:6443' } }],
      users: [{ name: 'a', user: { token: 't' } }],
    }),
  };
});

const load = (authentication: JsonObject) => {
  const files = new Map([
    ...setUp.files,
    ...Object.entries(extra).map(([name, text]) => [`${FOLDER}/${name}`, text] as const),
    [MAIN, stringify({ ...minimal(), authentication })],
  ]);
  return loadConfiguration(MAIN, { files: toFiles(files), variables: {} });
};

const review = (more: JsonObject = {}): JsonObject => ({
  tokenReview: { kubeconfigFile: 'kubeconfig.yaml', audiences: ['kubelet-gateway'], ...more },
});
const people = (more: JsonObject = {}): JsonObject => ({ clientCAFile: 'people.crt', ...more });

describe('the authentication section', () => {
  for (const [what, section, ...expected] of [
    ['TokenReview alone', review()],
    [
      'nothing at all',
      {},
      'authentication: nobody could sign in: there is neither a JWT issuer in configurationFile nor a clientCAFile nor a tokenReview',
    ],
    [
      'TokenReview of nobody',
      { tokenReview: { audiences: ['a'] } },
      'authentication.tokenReview: needs exactly one of kubeconfigFile and inCluster',
    ],
    [
      'TokenReview of two',
      review({ inCluster: true }),
      'authentication.tokenReview: needs exactly one of kubeconfigFile and inCluster',
    ],
    [
      'TokenReview without an audience',
      review({ audiences: [] }),
      'authentication.tokenReview.audiences: must name at least one audience',
    ],
    [
      'an audience twice',
      review({ audiences: ['a', 'a'] }),
      'authentication.tokenReview.audiences[1]: this audience is listed twice',
    ],
    [
      'in a cluster that is none',
      { tokenReview: { inCluster: true, audiences: ['a'] } },
      'authentication.tokenReview.inCluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod of a cluster',
    ],
    [
      'a time that is too long',
      review({ authenticatedTTL: '1h' }),
      'authentication.tokenReview.authenticatedTTL: must be at most 10m',
    ],
    ['revocation lists in PEM', people({ clientCRLFile: 'people.crl' })],
    ['revocation lists in DER', people({ clientCRLFile: 'people.der' })],
    [
      'a list of another authority',
      people({ clientCRLFile: 'others.crl' }),
      'authentication.clientCRLFile: a revocation list is not signed by an authority of the client CA bundle',
    ],
    [
      'a list that is none',
      people({ clientCRLFile: 'people.crt' }),
      'authentication.clientCRLFile: a revocation list cannot be read: there is neither PEM nor DER in the file',
    ],
    [
      'a list that is not there',
      people({ clientCRLFile: 'nowhere.crl' }),
      `authentication.clientCRLFile: cannot read ${FOLDER}/nowhere.crl: there is no such file`,
    ],
    ['a lifetime', people({ maxClientCertificateLifetime: '24h' })],
    [
      'rules about certificates that nobody may have',
      { ...review(), clientCRLFile: 'people.crl', maxClientCertificateLifetime: '24h' },
      'authentication.clientCRLFile: is about client certificates: it needs clientCAFile',
      'authentication.maxClientCertificateLifetime: is about client certificates: it needs clientCAFile',
    ],
  ] as readonly (readonly [string, JsonObject, ...string[]])[]) {
    it(what, async () => assert.deepEqual(problemsOf(await load(section)), expected));
  }

  it('warns of a list that is out of date, which keeps nobody else out', async () => {
    const result = await load(people({ clientCRLFile: 'old.crl' }));
    assert.deepEqual(problemsOf(result), []);
    assert.deepEqual(warningsOf(result), [
      'authentication.clientCRLFile: is out of date: client certificates are refused',
    ]);
  });

  it('becomes values, and the list is a file whose change is noticed', async () => {
    const result = await load({
      ...review(),
      ...people({ clientCRLFile: 'people.der', maxClientCertificateLifetime: '24h' }),
    });
    assert.ok(result.ok);
    const { tokenReview, clientRevocationLists, maxClientCertificateLifetimeMs } =
      result.configuration.authentication;
    const { connection, ...settings } = tokenReview ?? assert.fail();
    assert.equal(connection.server, 'https://10.0.0.1:6443');
    assert.deepEqual(settings, {
      audiences: ['kubelet-gateway'],
      authenticatedTtlMs: 120_000,
      unauthenticatedTtlMs: 30_000,
      maxEntries: 8192,
      timeoutMs: 10_000,
      maxInFlight: 100,
      maxInFlightPerSource: 20,
    });
    assert.equal(Buffer.from(clientRevocationLists ?? []).toString('latin1'), extra['people.der']);
    assert.equal(maxClientCertificateLifetimeMs, 86_400_000);
    assert.ok(result.files.includes(`${FOLDER}/people.der`));
  });
});
