// Certificates that the gateway makes for its users: what is in them, for every kind of authority, and what a strange
// name cannot turn them into.

import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import '../../src/pki/reflect.ts';
import * as x509 from '@peculiar/x509';
import { USER_KEY_TYPES } from '../../src/core/credential-source.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { createAuthority as issueAuthority } from '../../src/pki/issue.ts';
import type { CertificateSubject } from '../../src/pki/mint.ts';
import { checkMinted, createSigningRequest, generateKeys, readMintingAuthority } from '../../src/pki/mint.ts';
import type { TestAuthority } from '../support/pki.ts';
import { createAuthority } from '../support/pki.ts';

let authority: TestAuthority;
before(async () => {
  authority = await createAuthority('kubelet clients');
});

const ALICE: CertificateSubject = { commonName: 'alice', organizations: ['sre', 'dev'] };
const inMinutes = (minutes: number): Date =>
  new Date(Math.floor(Date.now() / 1000) * 1000 + minutes * 60_000);
const FIFTEEN = { notBefore: inMinutes(-5), notAfter: inMinutes(15) };

async function mint(subject: CertificateSubject, of: TestAuthority = authority) {
  const keys = await generateKeys('P-256');
  const pem = await readMintingAuthority(of.certificate, of.key).issue(subject, keys.publicKey, FIFTEEN);
  return { keys, pem, leaf: new X509Certificate(pem) };
}

describe('a minted certificate', () => {
  it('is for clients, of no authority, of exactly its time, and says nothing else', async () => {
    const { keys, pem, leaf } = await mint(ALICE);
    const facts = parseCertificate(leaf.raw);
    assert.deepEqual(facts, {
      subject: { commonNames: ['alice'], organizations: ['sre', 'dev'], uids: [], attributeCount: 3 },
      authority: false,
      mayCertify: false,
      extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'],
      unsupportedExtensions: [],
    });
    assert.equal(leaf.subjectAltName, undefined);
    assert.deepEqual([leaf.validFromDate, leaf.validToDate], [FIFTEEN.notBefore, FIFTEEN.notAfter]);
    assert.ok(leaf.verify(new X509Certificate(authority.certificate).publicKey));
    assert.equal(await checkMinted(pem, ALICE, keys.publicKey), FIFTEEN.notAfter.getTime());
  });

  it('has a serial number of its own, of 128 random bits', async () => {
    const serials = await Promise.all([1, 2, 3].map(async () => (await mint(ALICE)).leaf.serialNumber));
    assert.equal(new Set(serials).size, 3);
    for (const serial of serials) assert.match(serial, /^40[0-9A-F]{32}$/);
  });

  it('is signed with whatever key the authority has', async () => {
    const rows = [
      generateKeyPairSync('ed25519').privateKey,
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
      generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
      generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    ];
    for (const key of rows) {
      const { certificate } = await selfSigned(key);
      for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const) {
        if (type === 'sec1' && key.asymmetricKeyType !== 'ec') continue;
        if (type === 'pkcs1' && key.asymmetricKeyType !== 'rsa') continue;
        const pem = key.export({ type, format: 'pem' }).toString();
        const keys = await generateKeys('Ed25519');
        const made = await readMintingAuthority(certificate, pem).issue(ALICE, keys.publicKey, FIFTEEN);
        assert.ok(new X509Certificate(made).verify(new X509Certificate(certificate).publicKey));
        await checkMinted(made, ALICE, keys.publicKey);
      }
    }
  });

  it('comes with the intermediates, and without the root', async () => {
    const intermediate = await authority.intermediate('users');
    const { certificate, key } = intermediate;
    const both = { ...intermediate, certificate: certificate + authority.certificate, key };
    const { pem } = await mint(ALICE, both);
    const names = (pem.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g) ?? []).map(
      (block) => new X509Certificate(block).subject,
    );
    assert.deepEqual(names.slice(1), ['CN=users']);
  });

  const NAMES = [
    'alice, O=system:masters',
    'a+O=b',
    'a\nO=c',
    '#0c0141',
    'a"b\\',
    'Zoë 😀',
    'https://issuer#sub',
    'x'.repeat(300),
    '/CN=root',
  ];
  for (const name of NAMES) {
    it(`carries ${JSON.stringify(name.slice(0, 24))} as it is, to a TLS server too`, async () => {
      const subject = { commonName: name, organizations: [name, `${name},O=x`] };
      const { keys, pem, leaf } = await mint(subject);
      assert.deepEqual(parseCertificate(leaf.raw).subject, {
        commonNames: [name],
        organizations: [name, `${name},O=x`],
        uids: [],
        attributeCount: 3,
      });
      await checkMinted(pem, subject, keys.publicKey);
      assert.deepEqual(await shownToServer(pem, keys.pem.reveal()), leaf.raw);
    });
  }

  for (const keyType of USER_KEY_TYPES) {
    it(`has a key of ${keyType}, which a TLS client can use`, async () => {
      const keys = await generateKeys(keyType);
      const minting = readMintingAuthority(authority.certificate, authority.key);
      const pem = await minting.issue(ALICE, keys.publicKey, FIFTEEN);
      assert.deepEqual(await shownToServer(pem, keys.pem.reveal()), new X509Certificate(pem).raw);
      assert.ok(!JSON.stringify(keys.pem).includes('PRIVATE'));
    });

    it(`can be asked for by a request with a key of ${keyType}`, async () => {
      const keys = await generateKeys(keyType);
      const pem = await createSigningRequest(ALICE, keys, keyType);
      const request = new x509.Pkcs10CertificateRequest(pem);
      assert.equal(await request.verify(), true);
      assert.deepEqual(request.subjectName.getField('O'), ['sre', 'dev']);
      assert.deepEqual(request.subjectName.getField('CN'), ['alice']);
      assert.equal(request.extensions.length, 0);
    });
  }
});

describe('what came of a request', () => {
  it('is refused unless it is what was asked for', async () => {
    const { keys, pem } = await mint(ALICE);
    const others: readonly CertificateSubject[] = [
      { commonName: 'bob', organizations: ['sre', 'dev'] },
      { commonName: 'alice', organizations: ['sre'] },
      { commonName: 'alice', organizations: ['sre', 'dev', 'more'] },
      { commonName: 'alice', organizations: ['sre', 'sre', 'dev'] },
    ];
    for (const other of others)
      await assert.rejects(checkMinted(pem, other, keys.publicKey), /another subject/);
    await checkMinted(pem, { ...ALICE, organizations: ['dev', 'sre'] }, keys.publicKey);
    const { publicKey } = await generateKeys('P-256');
    await assert.rejects(checkMinted(pem, ALICE, publicKey), /another key/);
    await assert.rejects(checkMinted('nonsense', ALICE, keys.publicKey));
  });

  it('is refused when it does more than a client needs', async () => {
    const keys = await generateKeys('P-256');
    const base = { commonName: 'alice', organizations: ['sre', 'dev'] };
    const rows = [
      {
        extensions: [new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'])],
        words: /for clients alone/,
      },
      { extensions: [], words: /for clients alone/ },
      {
        extensions: [
          new x509.BasicConstraintsExtension(true),
          new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2']),
        ],
        words: /an authority/,
      },
    ];
    for (const { extensions, words } of rows) {
      const certificate = await x509.X509CertificateGenerator.create({
        subject: 'O=sre, O=dev, CN=alice',
        issuer: 'CN=x',
        publicKey: keys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
        ...FIFTEEN,
        extensions,
      });
      await assert.rejects(checkMinted(certificate.toString('pem'), base, keys.publicKey), words);
    }
  });
});

describe('a minting authority', () => {
  it('is refused when it could not sign, in words that quote nothing', async () => {
    const other = await createAuthority('other');
    const leaf = await authority.issue({ commonName: 'no authority' });
    const silent = await issueAuthority('silent', { withoutCertSign: true });
    const rows: readonly [string, string, RegExp][] = [
      ['hunter2', authority.key, /no PEM certificate/],
      [authority.certificate, other.key, /does not belong/],
      [authority.certificate, 'hunter2', /./],
      [leaf.certificate, leaf.key, /not that of an authority/],
      [silent.certificate, silent.key, /not that of an authority/],
    ];
    for (const [certificate, key, words] of rows) {
      assert.throws(
        () => readMintingAuthority(certificate, key),
        (error: unknown) => {
          assert.ok(error instanceof Error);
          assert.match(error.message, words);
          assert.ok(!error.message.includes('hunter2'));
          return true;
        },
      );
    }
  });

  it('has another version when it is another', async () => {
    const other = await createAuthority('kubelet clients');
    const version = (of: TestAuthority): string => readMintingAuthority(of.certificate, of.key).version;
    assert.notEqual(version(authority), version(other));
    assert.equal(version(authority), version(authority));
  });
});

/** An authority with this key. */
async function selfSigned(key: KeyObject): Promise<{ certificate: string }> {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const curves: Record<string, [string, string]> = {
    prime256v1: ['P-256', 'SHA-256'],
    secp384r1: ['P-384', 'SHA-384'],
    secp521r1: ['P-521', 'SHA-512'],
  };
  const [namedCurve, hash] = curves[curve ?? ''] ?? ['', 'SHA-256'];
  const algorithm =
    key.asymmetricKeyType === 'ed25519'
      ? { name: 'Ed25519' }
      : key.asymmetricKeyType === 'rsa'
        ? { name: 'RSASSA-PKCS1-v1_5', hash }
        : { name: 'ECDSA', namedCurve, hash };
  const { subtle } = webcrypto;
  const privateKey = await subtle.importKey(
    'pkcs8',
    key.export({ type: 'pkcs8', format: 'der' }),
    algorithm,
    false,
    ['sign'],
  );
  const publicKey = await subtle.importKey(
    'spki',
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    algorithm,
    true,
    ['verify'],
  );
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=authority',
    keys: { privateKey, publicKey },
    signingAlgorithm: algorithm,
    notAfter: inMinutes(60),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return { certificate: certificate.toString('pem') };
}

/** The leaf that a TLS server is shown by a client with these. */
async function shownToServer(cert: string, key: string): Promise<Buffer> {
  const serving = await authority.issue({ dnsNames: ['localhost'], usages: ['server'] });
  const server = createServer({
    cert: serving.certificate,
    key: serving.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'secureConnection');
  const { port } = server.address() as AddressInfo;
  const client = connect({
    host: '127.0.0.1',
    port,
    cert,
    key,
    ca: authority.certificate,
    servername: 'localhost',
  });
  const [socket] = (await accepted) as [TLSSocket];
  const shown = socket.getPeerX509Certificate()?.raw;
  client.destroy();
  socket.destroy();
  server.close();
  assert.ok(shown);
  return shown;
}
