// Source addresses: the TCP peer's, and before it only what proxies wrote that the configuration trusts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderLines } from '../../src/core/headers.ts';
import { createSourceReader, toCanonicalAddress } from '../../src/listen/peer.ts';

const TRUSTED = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8'];

const rows: readonly {
  name: string;
  peer: string;
  forwarded?: readonly string[];
  trusted?: readonly string[];
  expected: readonly string[];
}[] = [
  {
    name: 'no proxy is trusted',
    peer: '10.0.0.1',
    forwarded: ['1.1.1.1'],
    trusted: [],
    expected: ['10.0.0.1'],
  },
  { name: 'the peer is not trusted', peer: '11.0.0.1', forwarded: ['1.1.1.1'], expected: ['11.0.0.1'] },
  { name: 'no header', peer: '10.0.0.1', expected: ['10.0.0.1'] },
  { name: 'an empty header', peer: '10.0.0.1', forwarded: [''], expected: ['10.0.0.1'] },
  { name: 'one hop', peer: '10.0.0.1', forwarded: ['1.1.1.1'], expected: ['1.1.1.1', '10.0.0.1'] },
  {
    name: 'two hops',
    peer: '10.0.0.1',
    forwarded: ['1.1.1.1, 10.9.9.9'],
    expected: ['1.1.1.1', '10.9.9.9', '10.0.0.1'],
  },
  {
    name: 'a forged entry left of a stranger',
    peer: '10.0.0.1',
    forwarded: ['6.6.6.6, 1.1.1.1, 10.9.9.9'],
    expected: ['1.1.1.1', '10.9.9.9', '10.0.0.1'],
  },
  {
    name: 'two header lines are one list',
    peer: '10.0.0.1',
    forwarded: ['1.1.1.1', '10.9.9.9'],
    expected: ['1.1.1.1', '10.9.9.9', '10.0.0.1'],
  },
  {
    name: 'a malformed entry',
    peer: '10.0.0.1',
    forwarded: ['1.1.1.1, unknown, 10.9.9.9'],
    expected: ['10.9.9.9', '10.0.0.1'],
  },
  {
    name: 'an empty entry',
    peer: '10.0.0.1',
    forwarded: ['1.1.1.1,,10.9.9.9'],
    expected: ['10.9.9.9', '10.0.0.1'],
  },
  { name: 'a host name', peer: '10.0.0.1', forwarded: ['localhost'], expected: ['10.0.0.1'] },
  { name: 'markup', peer: '10.0.0.1', forwarded: ['<b>1.1.1.1</b>'], expected: ['10.0.0.1'] },
  { name: 'an octal address', peer: '10.0.0.1', forwarded: ['010.1.1.1'], expected: ['10.0.0.1'] },
  {
    name: 'addresses with ports',
    peer: '10.0.0.1',
    forwarded: ['[2001:DB8::0:1]:80, 10.1.1.1:65000'],
    expected: ['2001:db8::1', '10.1.1.1', '10.0.0.1'],
  },
  {
    name: 'a single trusted address',
    peer: '192.0.2.7',
    forwarded: ['1.1.1.1'],
    expected: ['1.1.1.1', '192.0.2.7'],
  },
  { name: 'its neighbour', peer: '192.0.2.8', forwarded: ['1.1.1.1'], expected: ['192.0.2.8'] },
  {
    name: 'an IPv6 proxy',
    peer: 'fd12::1',
    forwarded: ['2001:DB8::2'],
    expected: ['2001:db8::2', 'fd12::1'],
  },
  {
    name: 'an IPv4-mapped hop is trusted as IPv4',
    peer: '10.0.0.1',
    forwarded: ['1.1.1.1, ::ffff:10.2.3.4'],
    expected: ['1.1.1.1', '10.2.3.4', '10.0.0.1'],
  },
  { name: 'a zone', peer: '10.0.0.1', forwarded: ['fe80::1%eth0'], expected: ['10.0.0.1'] },
];

describe('source addresses', () => {
  for (const { name, peer, forwarded = [], trusted = TRUSTED, expected } of rows) {
    it(name, () => {
      const headers = new HeaderLines(forwarded.flatMap((value) => ['X-Forwarded-For', value]));
      assert.deepEqual(createSourceReader(trusted)(peer, headers), expected);
    });
  }

  it('follows no more than 32 addresses', () => {
    const headers = new HeaderLines(['x-forwarded-for', Array<string>(1000).fill('10.1.1.1').join(',')]);
    assert.equal(createSourceReader(TRUSTED)('10.0.0.1', headers).length, 32);
  });

  for (const cidr of [
    '',
    'x',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'fd00::/129',
    '10.0.0.0/-1',
    'example.org/8',
  ]) {
    it(`refuses ${JSON.stringify(cidr)} as a CIDR`, () => {
      assert.throws(() => createSourceReader([cidr]), /not a CIDR/);
    });
  }
});

describe('a canonical address', () => {
  const addresses: readonly [text: string, canonical: string | undefined][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::FFFF:7f00:1', '127.0.0.1'],
    ['0:0:0:0:0:ffff:c000:0207', '192.0.2.7'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['::1', '::1'],
    ['', undefined],
    ['1.2.3', undefined],
    ['1.2.3.4 ', undefined],
    ['::1%lo', undefined],
  ];
  for (const [text, canonical] of addresses) {
    it(`of ${JSON.stringify(text)} is ${String(canonical)}`, () => {
      assert.equal(toCanonicalAddress(text), canonical);
    });
  }
});
