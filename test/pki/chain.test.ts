import '../../src/pki/reflect.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as x509 from '@peculiar/x509';
import { createChainVerifier } from '../../src/pki/chain.ts';
import type { ChainResult } from '../../src/pki/chain.ts';
import { createAuthority } from '../../src/pki/issue.ts';
import { bundle, oddChain, presented } from '../support/certificates.ts';

const message = (result: ChainResult): string => (result.kind === 'refused' ? result.message : 'trusted');
const at = (iso: string): Date => new Date(iso);

describe('createChainVerifier', async () => {
  const root = await createAuthority('root');
  const verify = createChainVerifier(root.certificate);
  const ofRoot = async (pem: Promise<{ certificate: string }>): Promise<string> =>
    message(verify(presented((await pem).certificate)));

  it('trusts a leaf of the authority', async () => {
    assert.equal(await ofRoot(root.issue({ commonName: 'alice', usages: ['client'] })), 'trusted');
  });

  it('trusts a leaf below intermediates, in whatever order they come', async () => {
    const lower = await (await root.intermediate('upper')).intermediate('lower');
    const { leaf, intermediates } = presented((await lower.issue({ commonName: 'alice' })).certificate);
    assert.equal(message(verify({ leaf, intermediates })), 'trusted');
    assert.equal(message(verify({ leaf, intermediates: intermediates.toReversed() })), 'trusted');
  });

  it('refuses a leaf whose intermediate was not sent', async () => {
    const { leaf } = presented(
      (await (await root.intermediate('upper')).issue({ commonName: 'a' })).certificate,
    );
    assert.match(message(verify({ leaf, intermediates: [] })), /not issued by an accepted/);
  });

  it('refuses another authority, even one of the same name', async () => {
    const other = await createAuthority('root');
    assert.match(await ofRoot(other.issue({ commonName: 'alice' })), /not issued by an accepted/);
    assert.match(await ofRoot((await other.intermediate('upper')).issue({ commonName: 'a' })), /not issued/);
  });

  it('refuses a self-signed certificate, and the authority itself', async () => {
    const self = await createAuthority('alice');
    assert.match(message(verify(presented(self.certificate))), /not issued by an accepted/);
    assert.match(message(verify(presented(root.certificate))), /authority itself/);
  });

  it('refuses a leaf that issues', async () => {
    const alice = await root.issue({ commonName: 'alice' });
    const { leaf: aliceDer } = presented(alice.certificate);
    const mallory = await issuedByLeaf(alice.key, alice.certificate);
    assert.match(message(verify({ leaf: mallory, intermediates: [aliceDer] })), /no certificate authority/);
  });

  it('refuses an authority whose key may not sign certificates', async () => {
    const crippled = await root.intermediate('crippled', { withoutCertSign: true });
    assert.notEqual(await ofRoot(crippled.issue({ commonName: 'alice' })), 'trusted');
  });

  it('counts path lengths', async () => {
    const short = await createAuthority('short', { pathLength: 0 });
    const verifyShort = createChainVerifier(short.certificate);
    assert.equal(
      message(verifyShort(presented((await short.issue({ commonName: 'a' })).certificate))),
      'trusted',
    );
    const below = await (await short.intermediate('below')).issue({ commonName: 'a' });
    assert.match(message(verifyShort(presented(below.certificate))), /longer chain/);

    const one = await root.intermediate('one', { pathLength: 0 });
    assert.equal(await ofRoot(one.issue({ commonName: 'a' })), 'trusted');
    assert.match(await ofRoot((await one.intermediate('two')).issue({ commonName: 'a' })), /longer chain/);
  });

  it('bounds the depth and the number of presented certificates', async () => {
    let authority = root;
    for (let i = 0; i < 6; i++) authority = await authority.intermediate(`level ${i}`);
    assert.match(await ofRoot(authority.issue({ commonName: 'a' })), /not issued by an accepted/);
    for (let i = 0; i < 3; i++) authority = await authority.intermediate(`level ${i}`);
    assert.match(await ofRoot(authority.issue({ commonName: 'a' })), /more than 8/);
  });

  it('looks at extended key usages as Go does', async () => {
    assert.match(await ofRoot(root.issue({ commonName: 'a', usages: ['server'] })), /not for client auth/);
    assert.equal(await ofRoot(root.issue({ commonName: 'a', usages: [] })), 'trusted');
    const any = await oddChain({ extensions: [new x509.ExtendedKeyUsageExtension(['2.5.29.37.0'])] });
    assert.equal(message(createChainVerifier(any.root)(presented(any.leaf))), 'trusted');
  });

  const odd: readonly (readonly [string, Parameters<typeof oddChain>[0], RegExp])[] = [
    ['RSA 2048 with SHA-256', { authorityKey: 'rsa2048', key: 'rsa2048' }, /^trusted$/],
    ['SHA-1', { authorityKey: 'rsa2048', hash: 'SHA-1' }, /algorithm that is not accepted/],
    ['RSA-PSS', { authorityKey: 'rsa2048', pss: true }, /algorithm that is not accepted/],
    ['a leaf key of RSA 1024', { authorityKey: 'rsa2048', key: 'rsa1024' }, /fewer than 2048/],
    ['a critical unknown extension', { extensions: [critical('1.2.3.4')] }, /not supported \(1\.2\.3\.4\)/],
    ['name constraints', { extensions: [critical('2.5.29.30')] }, /not supported/],
    [
      'an unreadable extension twice',
      { extensions: [critical('1.2.3'), critical('1.2.3')] },
      /cannot be read/,
    ],
  ];
  for (const [what, options, expected] of odd) {
    it(`answers ${what}`, async () => {
      const chain = await oddChain(options);
      assert.match(message(createChainVerifier(chain.root)(presented(chain.leaf))), expected);
    });
  }

  it('refuses bytes that are no certificate', () => {
    assert.match(message(verify({ leaf: new Uint8Array([1, 2, 3]), intermediates: [] })), /cannot be read/);
  });

  it('refuses a certificate with one bit changed', async () => {
    const { leaf } = presented((await root.issue({ commonName: 'alice' })).certificate);
    const at = Buffer.from(leaf).indexOf('alice');
    leaf.set(Buffer.from('admin'), at);
    assert.match(message(verify({ leaf, intermediates: [] })), /not issued by an accepted/);
  });

  it('says in which time a chain holds: the overlap of all its certificates', async () => {
    const old = await createAuthority('old', { notBefore: at('2026-01-01'), notAfter: at('2028-01-01') });
    const middle = await old.intermediate('m', { notBefore: at('2026-02-01'), notAfter: at('2027-02-01') });
    const leaf = await middle.issue({
      notBefore: at('2026-01-15'),
      notAfter: at('2027-12-01'),
      commonName: 'a',
    });
    const result = createChainVerifier(old.certificate)(presented(leaf.certificate));
    assert(result.kind === 'trusted');
    assert.deepEqual(
      result.ways.map(({ notBefore, notAfter }) => ({ notBefore, notAfter })),
      [{ notBefore: Date.parse('2026-02-01'), notAfter: Date.parse('2027-02-01') }],
    );
  });

  it('accepts several authorities, and no bundle without one', async () => {
    const other = await createAuthority('other');
    const both = createChainVerifier(bundle(root, other));
    for (const authority of [root, other]) {
      const { certificate } = await authority.issue({ commonName: 'a' });
      assert.equal(message(both(presented(certificate))), 'trusted');
    }
    assert.throws(() => createChainVerifier(''), /no certificate/);
  });

  it('refuses a bundle with a certificate that is no authority, or a weak one', async () => {
    const { certificate } = await root.issue({ commonName: 'leaf' });
    assert.throws(() => createChainVerifier(certificate), /no certificate authority/);
    const weak = await oddChain({ authorityKey: 'rsa1024' });
    assert.throws(() => createChainVerifier(weak.root), /fewer than 2048/);
  });
});

function critical(oid: string): x509.Extension {
  return new x509.Extension(oid, true, new Uint8Array([0x30, 0]));
}

/** What the holder of a leaf's key can sign with it. */
async function issuedByLeaf(keyPem: string, certificatePem: string): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const [pkcs8] = x509.PemConverter.decode(keyPem);
  assert(pkcs8 !== undefined);
  const signingKey = await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const issuer = new x509.X509Certificate(x509.PemConverter.decodeFirst(certificatePem)).subjectName;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=mallory',
    issuer,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
  });
  return new Uint8Array(certificate.rawData);
}
