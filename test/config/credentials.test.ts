// Credentials that are issued while the gateway runs, as they are configured: what is read, refused and warned of.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { LoadResult } from '../../src/config/load.ts';
import type { Json, JsonObject, SetUp } from './set-up.ts';
import { createSetUp, load, minimal, problemsOf, warningsOf } from './set-up.ts';
import { createAuthority } from '../support/pki.ts';

let setUp: SetUp;
let kubeconfig: string;
before(async () => {
  setUp = await createSetUp();
  kubeconfig = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'c',
        cluster: {
          server: 'https://api.example.org',
          'certificate-authority-data': Buffer.from(setUp.authority).toString('base64'),
        },
      },
    ],
    users: [{ name: 'u', user: { token: 'secret' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  });
});

const aboutCredentials = (result: LoadResult): readonly string[] =>
  warningsOf(result).filter((warning) => warning.startsWith('credentials'));

const withCredential = (credential: JsonObject, more: JsonObject = {}): JsonObject => ({
  ...minimal(),
  ...more,
  credentials: [{ name: 'reader', ...credential }],
});
const AUTHORITY = { certificateFile: 'minting.crt', privateKeyFile: 'minting.key' };
const REQUEST: JsonObject = { kubeconfigFile: 'api.yaml', approval: 'wait' };
const TOKEN: JsonObject = { kubeconfigFile: 'api.yaml', serviceAccount: 'kube-system/kubelet-gateway' };
const files = (): Record<string, string> => ({ 'api.yaml': kubeconfig });

describe('a token of a ServiceAccount', () => {
  it('is read, with a warning about who could use it', async () => {
    const result = await load(setUp, withCredential({ serviceAccountToken: TOKEN }), files());
    assert.ok(result.ok, JSON.stringify(problemsOf(result)));
    const [source] = result.configuration.credentials;
    assert.ok(source?.kind === 'serviceAccountToken');
    const { connection, ...rest } = source;
    assert.equal(connection.server, 'https://api.example.org');
    assert.deepEqual(rest, {
      kind: 'serviceAccountToken',
      name: 'reader',
      namespace: 'kube-system',
      serviceAccount: 'kubelet-gateway',
      audiences: [],
      expirationSeconds: 3600,
    });
    assert.match(
      aboutCredentials(result).join('\n'),
      /serviceAccountToken: every node that this token is shown to/,
    );
  });

  it('of an audience of its own is warned of', async () => {
    const token = { ...TOKEN, audiences: ['kubelet'] };
    const result = await load(setUp, withCredential({ serviceAccountToken: token }), files());
    assert.match(
      aboutCredentials(result).join('\n'),
      /audiences: a kubelet accepts tokens of the API server's own/,
    );
  });

  const rows: readonly [string, Json, string][] = [
    ['expirationSeconds', 599, 'serviceAccountToken.expirationSeconds: must be at least 600'],
    [
      'serviceAccount',
      'kubelet-gateway',
      'serviceAccountToken.serviceAccount: must be NAMESPACE/NAME of a ServiceAccount',
    ],
    [
      'serviceAccount',
      'a/../b',
      'serviceAccountToken.serviceAccount: must be NAMESPACE/NAME of a ServiceAccount',
    ],
    ['inCluster', true, 'serviceAccountToken: needs exactly one of kubeconfigFile and inCluster'],
    [
      'kubeconfigFile',
      'none.yaml',
      'serviceAccountToken.kubeconfigFile: cannot read /etc/kubelet-gateway/none.yaml: there is no such file',
    ],
  ];
  for (const [key, value, problem] of rows) {
    it(`is refused with ${key} ${JSON.stringify(value)}`, async () => {
      const token = { ...TOKEN, [key]: value };
      const result = await load(setUp, withCredential({ serviceAccountToken: token }), files());
      assert.deepEqual(problemsOf(result), [`credentials[0].${problem}`]);
    });
  }
});

describe("a certificate of the user's own", () => {
  it('of the gateway is read with what it is by default', async () => {
    const userCertificate = { authority: AUTHORITY, clientCertificateUsers: true };
    const result = await load(setUp, withCredential({ userCertificate }));
    assert.ok(result.ok, JSON.stringify(problemsOf(result)));
    assert.deepEqual(result.configuration.credentials, [
      {
        kind: 'userCertificate',
        name: 'reader',
        issuedBy: {
          kind: 'authority',
          certificateFile: '/etc/kubelet-gateway/minting.crt',
          privateKeyFile: '/etc/kubelet-gateway/minting.key',
        },
        lifetimeMs: 900_000,
        keyType: 'P-256',
        issuers: [],
        clientCertificateUsers: true,
        reviewedTokenUsers: false,
      },
    ]);
    assert.deepEqual(aboutCredentials(result), []);
    assert.ok(!result.files.some((file) => file.includes('minting')), 'the authority is followed by itself');
  });

  it('of an API server is read, and each way of approval is warned of', async () => {
    for (const [approval, words] of [
      ['wait', /good at the API server too/],
      ['gateway', /can make certificates for anybody/],
    ] as const) {
      const userCertificate = {
        certificateSigningRequest: { ...REQUEST, approval },
        clientCertificateUsers: true,
      };
      const result = await load(setUp, withCredential({ userCertificate }), files());
      assert.ok(result.ok, JSON.stringify(problemsOf(result)));
      const [source] = result.configuration.credentials;
      assert.ok(source?.kind === 'userCertificate');
      assert.ok(source.issuedBy.kind === 'certificateSigningRequest');
      assert.equal(source.issuedBy.approve, approval === 'gateway');
      assert.equal(source.issuedBy.signerName, 'kubernetes.io/kube-apiserver-client');
      assert.equal(source.issuedBy.timeoutMs, 30_000);
      assert.match(aboutCredentials(result).join('\n'), words);
    }
  });

  const USERS = { clientCertificateUsers: true };
  const rows: readonly [string, JsonObject, string][] = [
    [
      'both ways',
      { authority: AUTHORITY, certificateSigningRequest: REQUEST, ...USERS },
      ': needs exactly one of authority and certificateSigningRequest',
    ],
    ['neither way', { ...USERS }, ': needs exactly one of authority and certificateSigningRequest'],
    [
      'nobody',
      { authority: AUTHORITY },
      '.issuers: lists nobody: needs issuers, clientCertificateUsers or reviewedTokenUsers, or no certificate is ever made',
    ],
    [
      'too short a life',
      { authority: AUTHORITY, ...USERS, lifetime: '59s' },
      '.lifetime: must be at least 1m',
    ],
    [
      'too long a life',
      { authority: AUTHORITY, ...USERS, lifetime: '25h' },
      '.lifetime: must be at most 24h',
    ],
    [
      'a life that no API server gives',
      { certificateSigningRequest: REQUEST, ...USERS, lifetime: '9m' },
      '.lifetime: must be at least 10m with a certificateSigningRequest',
    ],
    [
      'no word about approval',
      { certificateSigningRequest: { kubeconfigFile: 'api.yaml' }, ...USERS },
      '.certificateSigningRequest.approval: is required: must be one of gateway, wait',
    ],
    [
      "the signer of the kubelets' own certificates",
      { certificateSigningRequest: { ...REQUEST, signerName: 'kubernetes.io/kubelet-serving' }, ...USERS },
      '.certificateSigningRequest.signerName: signs no certificates of users',
    ],
    [
      'an unknown kind of key',
      { authority: AUTHORITY, ...USERS, keyType: 'RSA' },
      '.keyType: must be one of P-256, Ed25519',
    ],
    [
      'an issuer that nobody signs in with',
      { authority: AUTHORITY, issuers: ['https://evil.example'] },
      '.issuers[0]: there is no issuer of this URL in authentication.configurationFile',
    ],
    [
      'users of a TokenReview that there is not',
      { authority: AUTHORITY, reviewedTokenUsers: true },
      '.reviewedTokenUsers: needs authentication.tokenReview',
    ],
    [
      '{node} in the name of the authority',
      { authority: { ...AUTHORITY, certificateFile: '{node}.crt' }, ...USERS },
      '',
    ],
  ];
  for (const [what, userCertificate, problem] of rows) {
    it(`${problem === '' ? 'takes literally' : 'is refused with'} ${what}`, async () => {
      const result = await load(setUp, withCredential({ userCertificate }), files());
      assert.deepEqual(
        problemsOf(result),
        problem === '' ? [] : [`credentials[0].userCertificate${problem}`],
      );
    });
  }

  it('is refused beside another kind of credential', async () => {
    const userCertificate = { authority: AUTHORITY, clientCertificateUsers: true };
    const result = await load(setUp, withCredential({ userCertificate, bearerTokenFile: 'token' }));
    assert.match(problemsOf(result).join(), /^credentials\[0\]: needs exactly one of/);
  });
});

describe('check-config', () => {
  const check = async (certificate: string, key: string, more: JsonObject = {}) => {
    const userCertificate = { authority: AUTHORITY, clientCertificateUsers: true };
    const contents = { ...files(), 'minting.crt': certificate, 'minting.key': key };
    return load(setUp, withCredential({ userCertificate }, more), contents, { checkCredentialFiles: true });
  };

  it('reads the files of an authority', async () => {
    const authority = await createAuthority('minting');
    const good = await check(authority.certificate, authority.key);
    assert.deepEqual([problemsOf(good), aboutCredentials(good)], [[], []]);
    const leaf = await authority.issue({ notAfter: new Date(Date.now() + 90 * 86_400_000) });
    assert.deepEqual(problemsOf(await check(leaf.certificate, leaf.key)), [
      'credentials[0].userCertificate.authority: the certificate is not that of an authority that may sign certificates',
    ]);
    const other = await createAuthority('other');
    assert.deepEqual(problemsOf(await check(authority.certificate, other.key)), [
      'credentials[0].userCertificate.authority: the private key does not belong to the certificate',
    ]);
  });

  it('warns of an authority that somebody else trusts too', async () => {
    const authority = await createAuthority('everything');
    const contents = {
      'minting.crt': authority.certificate,
      'minting.key': authority.key,
      'client-ca.crt': authority.certificate,
    };
    const userCertificate = { authority: AUTHORITY, clientCertificateUsers: true };
    const options = { checkCredentialFiles: true };
    const trusted = await load(setUp, withCredential({ userCertificate }), contents, options);
    assert.match(aboutCredentials(trusted).join('\n'), /authority: is also in authentication.clientCAFile/);

    const api = kubeconfig.replace(
      /("certificate-authority-data":")[^"]*/,
      `$1${Buffer.from(authority.certificate).toString('base64')}`,
    );
    const authorization = {
      mode: 'SubjectAccessReview',
      podSubresources: 'enabled',
      subjectAccessReview: { kubeconfigFile: 'api.yaml' },
    };
    const signing = await load(
      setUp,
      withCredential({ userCertificate }, { authorization }),
      { 'minting.crt': authority.certificate, 'minting.key': authority.key, 'api.yaml': api },
      options,
    );
    assert.deepEqual(problemsOf(signing), []);
    assert.match(aboutCredentials(signing).join('\n'), /authority: also signs for the API server/);
  });
});
