// Certificates and keys that could not work, told when the configuration is read.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { TestAuthority } from '../../support/pki.ts';
import { checkAuthorities, checkPair } from '../../../src/config/checks/certificates.ts';
import { createAuthority } from '../../support/pki.ts';

const DAY_MS = 86_400_000;
const now = Date.now();
const days = (count: number): Date => new Date(now + count * DAY_MS);

let authority: TestAuthority;
before(async () => {
  authority = await createAuthority('certificates');
});

describe('a certificate with its key', () => {
  it('passes', async () => {
    const { certificate, key } = await authority.issue({ commonName: 'a', notAfter: days(90) });
    assert.deepEqual(checkPair(certificate, key, now), { problems: [], warnings: [] });
  });

  it('with the key of another is a problem', async () => {
    const { certificate } = await authority.issue({ notAfter: days(90) });
    const { key } = await authority.issue({ notAfter: days(90) });
    assert.deepEqual(checkPair(certificate, key, now).problems, [
      'the private key does not belong to the certificate',
    ]);
  });

  it('that has expired is a problem', async () => {
    const { certificate, key } = await authority.issue({ notBefore: days(-2), notAfter: days(-1) });
    assert.match(checkPair(certificate, key, now).problems.join(), /^the certificate expired at 2\d{3}-/);
  });

  it('that expires soon, or is not valid yet, is a warning', async () => {
    const soon = await authority.issue({ notAfter: days(13) });
    assert.match(checkPair(soon.certificate, soon.key, now).warnings.join(), /^the certificate expires at /);
    const later = await authority.issue({ notBefore: days(1), notAfter: days(90) });
    const verdict = checkPair(later.certificate, later.key, now);
    assert.deepEqual(verdict.problems, []);
    assert.match(verdict.warnings.join(), /^the certificate is not valid before /);
  });

  it('that is no PEM is a problem in words that repeat nothing of it', async () => {
    const { certificate, key } = await authority.issue({ notAfter: days(90) });
    const broken = certificate.replace(/[A-Za-z0-9]{20}/, 'AAAAAAAAAAAAAAAAAAAA');
    const rows: readonly (readonly [string, string, string])[] = [
      ['hunter2', key, 'there is no PEM certificate in it'],
      [key, key, 'there is no PEM certificate in it'],
      [broken, key, 'a PEM certificate in it cannot be read'],
      [certificate, 'hunter2', 'there is no PEM private key in it'],
      [certificate, certificate, 'there is no PEM private key in it'],
      [
        certificate,
        '-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n',
        'the PEM private key cannot be read',
      ],
    ];
    for (const [first, second, problem] of rows) {
      assert.deepEqual(checkPair(first, second, now).problems, [problem]);
    }
  });

  it('whose key is encrypted is a problem', async () => {
    const { certificate } = await authority.issue({ notAfter: days(90) });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const options = { format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' } as const;
    for (const type of ['pkcs8', 'sec1'] as const) {
      const key = privateKey.export({ ...options, type }).toString();
      assert.deepEqual(checkPair(certificate, key, now).problems, ['the private key is encrypted'], type);
    }
  });
});

describe('a bundle of authorities', () => {
  it('passes', async () => {
    const other = await createAuthority('other');
    const bundle = authority.certificate + other.certificate;
    assert.deepEqual(checkAuthorities(bundle, now), { problems: [], warnings: [] });
  });

  it('without a certificate is a problem', () => {
    assert.deepEqual(checkAuthorities('', now).problems, ['there is no PEM certificate in it']);
  });

  it('of which none is valid is a problem, and of which one is not a warning', async () => {
    const old = await authority.issue({ authority: true, notBefore: days(-2), notAfter: days(-1) });
    assert.deepEqual(checkAuthorities(old.certificate, now).problems, ['no certificate in it is valid now']);
    const verdict = checkAuthorities(authority.certificate + old.certificate, now);
    assert.deepEqual(verdict, { problems: [], warnings: ['a certificate in it is not valid now'] });
  });

  it('with what is no authority, or with a key, is a warning', async () => {
    const leaf = await authority.issue({ notAfter: days(90) });
    assert.deepEqual(checkAuthorities(leaf.certificate + leaf.key, now).warnings, [
      'a certificate in it is not that of an authority (CA:TRUE is missing)',
      'it also holds a private key, which is not needed here',
    ]);
  });

  // RSA with 1,024 bits, self-signed, CN=short, made for this test alone; its key was thrown away.
  it('with a short key is a problem', () => {
    const problems = checkAuthorities(SHORT_RSA, now).problems;
    assert.ok(
      problems.includes('the certificate has a key of 1024 bits, and 2048 are the least'),
      problems.join(),
    );
  });
});

const SHORT_RSA = `-----BEGIN CERTIFICATE-----
MIIB/jCCAWegAwIBAgIUZy7UjQLj/y/gPM5fFKLtKZ1KWdowDQYJKoZIhvcNAQEL
BQAwEDEOMAwGA1UEAwwFc2hvcnQwIBcNMjYxMTIzMTk0NTIxWhgPMjEyNjEwMzAx
OTQ1MjFaMBAxDjAMBgNVBAMMBXNob3J0MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB
iQKBgQCoU5Hs9UceG152Ztfi1wROgIbPwC8oV5DsefeHv5BWGE87n8K7zy9DJVrS
qEutSdRw+e1wACwEe8xTj9miTiAW+iAnOA0tKXDay/prwRA3HJQzFwPbM2huyNa7
OyZZIjqJrvH/WTD1R55WAEsL3KPJq7mfPgCn7aQGWVppgq491wIDAQABo1MwUTAd
BgNVHQ4EFgQUKihADTvdYByqtMLwlm0gVtuOthIwHwYDVR0jBBgwFoAUKihADTvd
YByqtMLwlm0gVtuOthIwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOB
gQBDRM0fAEo7fpUDVmtIPZ5hwta/7Wb8p/u9U7Kk11PnWlip7xEuX1Ft2kePvXEq
wW1Pei4hekvS2cDIKk/Va0XeBYYk5X8fdpAbyIOAmyMMSpR9T2EzFTGipaGKFLVg
JZyzYpQvdEmGeLPX5JGju9+lmLnHcfQmYoIBDof/ucd+5w==
-----END CERTIFICATE-----
`;
