// PKCS #12 files of ours, opened by OpenSSL: who does not know the password learns nothing, who does gets the pair back.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toPkcs12 } from '../../src/pki/pkcs12.ts';
import { createAuthority } from '../support/pki.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const PASSWORD = 'käse und brot';

let folder: string;
let certificates: string;
let privateKey: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pkcs12-'));
  const authority = await createAuthority('people');
  const intermediate = await authority.intermediate('people 2');
  const pair = await intermediate.issue({ commonName: 'alice', organizations: ['sre'], usages: ['client'] });
  certificates = pair.certificate;
  privateKey = pair.key;
  await writeFile(join(folder, 'alice.crt'), certificates);
  await writeFile(join(folder, 'alice.key'), privateKey);
  await writeFile(join(folder, 'password'), `${PASSWORD}\n`);
});
after(() => rm(folder, { recursive: true, force: true }));

const openssl = (...args: string[]) => spawnSync('openssl', ['pkcs12', ...args], { encoding: 'utf8' });

const pfx = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, 'pfx', ...args], { cwd: folder, encoding: 'utf8' });

const NAMED = ['--certificate', 'alice.crt', '--key', 'alice.key', '--password-file', 'password'];

test('a browser’s file from a certificate with its intermediate and its key, of the owner alone', async () => {
  const made = pfx(...NAMED, '--output', 'alice.p12', '--name', 'alice at work');
  assert.equal(made.status, 0, made.stderr);
  const file = join(folder, 'alice.p12');
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const opened = openssl('-in', file, '-passin', `pass:${PASSWORD}`, '-nodes');
  assert.equal(opened.status, 0, opened.stderr);
  assert.match(opened.stdout, /friendlyName: alice at work/);
  assert.equal(opened.stdout.match(/localKeyID/g)?.length, 2, 'the certificate and the key name each other');
  const [leaf, intermediate] =
    opened.stdout.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  assert.equal(new X509Certificate(leaf ?? '').subject, new X509Certificate(certificates).subject);
  assert.match(new X509Certificate(intermediate ?? '').subject, /people 2/);
  const key = createPrivateKey(
    /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(opened.stdout)?.[0] ?? '',
  );
  assert.ok(new X509Certificate(certificates).checkPrivateKey(key));
  const info = openssl('-in', file, '-passin', `pass:${PASSWORD}`, '-info', '-noout');
  assert.match(info.stderr, /MAC: sha256/);
  assert.equal(info.stderr.match(/PBES2, PBKDF2, AES-256-CBC/g)?.length, 2, info.stderr);

  const again = pfx(...NAMED, '--output', 'alice.p12');
  assert.equal(again.status, 1);
  assert.match(again.stderr, /alice.p12 is there already/);
});

test('another password opens nothing', async () => {
  const file = join(folder, 'other.p12');
  await writeFile(file, await toPkcs12({ certificates, privateKey, password: PASSWORD, name: 'alice' }));
  const { status, stdout } = openssl('-in', file, '-passin', 'pass:guessed it', '-nodes');
  assert.notEqual(status, 0);
  assert.doesNotMatch(stdout, /BEGIN/);
});

test('refused: a key of another certificate, no certificate, a short password, missing flags', async () => {
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  await writeFile(join(folder, 'foreign.key'), foreign.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(folder, 'short'), 'seven77');
  const rows: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[...NAMED, '--key', 'foreign.key', '--output', 'x.p12'], 1, /the key does not belong/],
    [[...NAMED, '--certificate', 'alice.key', '--output', 'x.p12'], 1, /no certificate in the file/],
    [[...NAMED, '--password-file', 'short', '--output', 'x.p12'], 2, /must have 8 characters/],
    [[...NAMED, '--password-file', 'gone', '--output', 'x.p12'], 2, /gone cannot be read/],
    [NAMED, 2, /needs --output/],
    [['--certificate', 'alice.crt', '--key', 'alice.key'], 2, /needs --password-file/],
    [[], 2, /needs --certificate and --key/],
  ];
  for (const [args, status, words] of rows) {
    const run = pfx(...args);
    assert.equal(run.status, status, run.stderr);
    assert.match(run.stderr, words);
  }
  await assert.rejects(stat(join(folder, 'x.p12')));
});
