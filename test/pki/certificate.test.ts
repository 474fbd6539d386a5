import '../../src/pki/reflect.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as x509 from '@peculiar/x509';
import type { SubjectParts } from '../../src/pki/issue.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { oddChain, presented } from '../support/certificates.ts';
import { createAuthority } from '../support/pki.ts';

const UID = '1.3.6.1.4.1.57683.2';

describe('parseCertificate', async () => {
  const authority = await createAuthority('names');
  const subjects: readonly (readonly [
    string,
    SubjectParts,
    { cn?: string[]; o?: string[]; uid?: string[]; others?: number },
  ])[] = [
    ['a common name', [{ CN: ['alice'] }], { cn: ['alice'] }],
    ['no common name', [{ O: ['x'] }], { o: ['x'] }],
    ['two common names', [{ CN: ['alice'] }, { CN: ['bob'] }], { cn: ['alice', 'bob'] }],
    ['two in one RDN', [{ CN: ['alice', 'bob'] }], { cn: ['alice', 'bob'] }],
    ['organizations in several RDNs, in order', [{ O: ['b'] }, { O: ['a'] }], { o: ['b', 'a'] }],
    ['a multi-valued RDN of several types', [{ CN: ['alice'], O: ['x'] }], { cn: ['alice'], o: ['x'] }],
    ['UTF8String', [{ CN: [{ utf8String: 'Zoë' }] }], { cn: ['Zoë'] }],
    ['PrintableString', [{ CN: [{ printableString: 'alice' }] }], { cn: ['alice'] }],
    ['IA5String', [{ CN: [{ ia5String: 'alice@x' }] }], { cn: ['alice@x'] }],
    ['BMPString', [{ CN: [{ bmpString: 'Zoë' }] }], { cn: ['Zoë'] }],
    [
      'separators of the printed form',
      [{ CN: ['alice, O=system:masters'] }],
      { cn: ['alice, O=system:masters'] },
    ],
    ['plus and newline', [{ CN: ['a+O=b\nO=c'] }], { cn: ['a+O=b\nO=c'] }],
    ['what looks like hexadecimal DER', [{ CN: ['#0c0141'] }], { cn: ['#0c0141'] }],
    ['NUL', [{ CN: ['alice\0.evil'] }], { cn: ['alice\0.evil'] }],
    ['an empty common name', [{ CN: [''] }], { cn: [''] }],
    ['how many others there are', [{ CN: ['a'], L: ['b'] }, { L: ['c'] }], { cn: ['a'], others: 2 }],
    ['a user id', [{ CN: ['alice'] }, { [UID]: ['42'] }], { cn: ['alice'], uid: ['42'] }],
  ];
  for (const [what, subject, { cn = [], o = [], uid = [], others = 0 }] of subjects) {
    it(`reads ${what}`, async () => {
      const { leaf } = presented((await authority.issue({ subject })).certificate);
      assert.deepEqual(parseCertificate(leaf).subject, {
        commonNames: cn,
        organizations: o,
        uids: uid,
        attributeCount: cn.length + o.length + uid.length + others,
      });
    });
  }

  it('refuses a string type that it does not read', async () => {
    // NumericString 42, as raw DER.
    const { leaf } = await oddChain({ subject: 'CN=#12023432' });
    assert.throws(() => parseCertificate(presented(leaf).leaf), /string type/);
  });

  it('refuses an extension that is there twice', async () => {
    const extension = new x509.BasicConstraintsExtension(false);
    const { leaf } = await oddChain({ extensions: [extension, extension] });
    assert.throws(() => parseCertificate(presented(leaf).leaf), /extension twice/);
  });

  it('refuses what is no certificate', () => {
    assert.throws(() => parseCertificate(new Uint8Array([0x30, 0x03, 0x02, 0x01, 0x00])));
  });

  it('names the critical extensions that nobody evaluates', async () => {
    const { leaf } = await oddChain({
      extensions: [
        new x509.Extension('1.2.3.4', true, new Uint8Array([5, 0])),
        new x509.Extension('1.2.3.5', false, new Uint8Array([5, 0])),
        new x509.Extension('2.5.29.30', false, new Uint8Array([0x30, 0])),
      ],
    });
    assert.deepEqual(parseCertificate(presented(leaf).leaf).unsupportedExtensions, ['1.2.3.4', '2.5.29.30']);
  });
});
