// Revocation lists: who may sign them, which kinds are understood, and what they say.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import '../../src/pki/reflect.ts';
import * as x509 from '@peculiar/x509';
import { parseRevocationLists, toSerialNumber } from '../../src/pki/revocation.ts';
import { createAuthority } from '../support/pki.ts';

const serialOf = (pem: string): bigint => toSerialNumber(new X509Certificate(pem).serialNumber);
const bytes = (text: string): Buffer => Buffer.from(text);
const toDer = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
const critical = (oid: string): x509.Extension => new x509.Extension(oid, true, Buffer.from('020101', 'hex'));

describe('a revocation list', async () => {
  const root = await createAuthority('root');
  const bad = (await root.issue({ commonName: 'bad' })).certificate;
  const good = (await root.issue({ commonName: 'good' })).certificate;
  const list = await root.revoke([bad]);
  const { fingerprint256 } = new X509Certificate(root.certificate);

  for (const [what, file] of [
    ['PEM', bytes(list)],
    ['DER', toDer(list)],
    ['PEM with words around it', bytes(`# revoked\n${list}\nend\n`)],
  ] as const) {
    it(`says in ${what} what is revoked`, () => {
      const found = parseRevocationLists(file, root.certificate).get(fingerprint256);
      assert.equal(found?.isRevoked(serialOf(bad)), true);
      assert.equal(found.isRevoked(serialOf(good)), false);
      assert.ok(found.nextUpdate > Date.now());
    });
  }

  it('counts for the authority that signed it, of several; and the newer of two counts', async () => {
    const other = await createAuthority('other');
    const older = await root.revoke([good], { thisUpdate: new Date(Date.now() - 7_200_000) });
    const file = bytes(older + list + (await other.revoke([])));
    const lists = parseRevocationLists(file, other.certificate + root.certificate);
    assert.equal(lists.size, 2);
    assert.equal(lists.get(fingerprint256)?.isRevoked(serialOf(good)), false);
    assert.equal(lists.get(fingerprint256)?.isRevoked(serialOf(bad)), true);
  });

  const impostor = await createAuthority('root');
  const changed = toDer(list);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  const unmarked = await root.intermediate('signs certificates only');
  for (const [what, file, authorities, message] of [
    [
      'of another authority',
      await (await createAuthority('other')).revoke([]),
      root.certificate,
      /is not signed by an authority/,
    ],
    [
      'of an authority of the same name',
      await impostor.revoke([bad]),
      root.certificate,
      /is not signed by an authority/,
    ],
    [
      'beside a good one',
      list + (await impostor.revoke([])),
      root.certificate,
      /is not signed by an authority/,
    ],
    ['that was changed', changed, root.certificate, /is not signed by an authority/],
    [
      'of the changes since another one',
      await root.revoke([], { extensions: [critical('2.5.29.27')] }),
      root.certificate,
      /is not a complete list/,
    ],
    [
      'of a part of the certificates',
      await root.revoke([], { extensions: [critical('2.5.29.28')] }),
      root.certificate,
      /is not a complete list/,
    ],
    ['that is none', 'x', root.certificate, /cannot be read/],
    ['that is empty', '', root.certificate, /cannot be read/],
    ['that is cut off', toDer(list).subarray(0, 40), root.certificate, /cannot be read/],
    ['that is a certificate', unmarked.certificate, root.certificate, /cannot be read/],
  ] as const) {
    it(`${what} is an error`, () => {
      assert.throws(
        () => parseRevocationLists(typeof file === 'string' ? bytes(file) : file, authorities),
        message,
      );
    });
  }
});
