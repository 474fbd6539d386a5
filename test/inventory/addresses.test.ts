import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AddressProblem } from '../../src/inventory/addresses.ts';
import { ADDRESS_PROBLEM_WORDS, ADDRESS_PROBLEMS, createAddressRule } from '../../src/inventory/addresses.ts';

const none = { allowed: [], own: [], hostAddresses: () => [] };

const REFUSED: readonly (readonly [string, AddressProblem])[] = [
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['::', 'unspecified'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['169.254.1.1', 'linkLocal'],
  ['fe80::1', 'linkLocal'],
  ['febf::1', 'linkLocal'],
  ['fe80::1%eth0', 'linkLocal'],
  ['2001:db8::1%eth0', 'linkLocal'],
  ['169.254.169.254', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['192.0.0.192', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['fd00:0ec2:0:0::0254', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['ff02::1', 'multicast'],
  ['255.255.255.255', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['192.0.0.8', 'reserved'],
  ['::ffff:127.0.0.1', 'embedded'],
  ['::ffff:7f00:1', 'embedded'],
  ['::ffff:10.0.0.1', 'embedded'],
  ['::ffff:0:10.0.0.1', 'embedded'],
  ['::127.0.0.1', 'embedded'],
  ['::a9fe:a9fe', 'embedded'],
  ['2002:7f00:1::', 'embedded'],
  ['2001:0:7f00:1::', 'embedded'],
  ['64:ff9b::127.0.0.1', 'loopback'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['64:ff9b::0.0.0.0', 'unspecified'],
  ['64:ff9b:1::169.254.169.254', 'metadata'],
  ['localhost', 'notAnAddress'],
  ['127.1', 'notAnAddress'],
  ['2130706433', 'notAnAddress'],
  ['0x7f.1', 'notAnAddress'],
  ['[::1]', 'notAnAddress'],
  ['', 'notAnAddress'],
];

const DIALLED = [
  '10.0.0.1',
  '172.16.3.4',
  '192.168.1.1',
  '100.64.0.1',
  '203.0.113.7',
  'fd00::1',
  '2001:db8::1',
  '64:ff9b::10.0.0.1',
  '2a00:1450::1',
];

describe('the rule of addresses', () => {
  const rule = createAddressRule(none);
  for (const [address, problem] of REFUSED) {
    it(`refuses ${JSON.stringify(address)} as ${problem}`, () => assert.equal(rule(address, 10250), problem));
  }
  for (const address of DIALLED) {
    it(`dials ${address}`, () => assert.equal(rule(address, 10250), undefined));
  }

  it('has words for every problem', () => {
    for (const problem of ADDRESS_PROBLEMS) assert.ok(ADDRESS_PROBLEM_WORDS[problem].length > 5);
  });
});

describe('addresses that are allowed', () => {
  const rule = createAddressRule({ ...none, allowed: ['127.0.0.0/8', 'fe80::/10', '169.254.7.7'] });
  const rows: readonly (readonly [string, AddressProblem | undefined])[] = [
    ['127.0.0.1', undefined],
    ['127.9.9.9', undefined],
    ['fe80::5', undefined],
    ['169.254.7.7', undefined],
    ['169.254.7.8', 'linkLocal'],
    ['::1', 'loopback'],
    // An IPv4 range says nothing about other ways to write its addresses.
    ['::ffff:127.0.0.1', 'embedded'],
    ['64:ff9b::127.0.0.1', 'loopback'],
    ['localhost', 'notAnAddress'],
  ];
  for (const [address, problem] of rows) {
    it(`${address}: ${problem ?? 'dialled'}`, () => assert.equal(rule(address, 10250), problem));
  }

  it('are ranges or addresses', () => {
    assert.throws(() => createAddressRule({ ...none, allowed: ['everything'] }), /is no range of addresses/);
  });
});

describe('listeners of the gateway itself', () => {
  const hostAddresses = (): string[] => ['127.0.0.1', '10.0.0.5', 'fd00::5', '::1'];
  const allowed = ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::ffff:0:0/96'];
  const rule = (own: string) =>
    createAddressRule({ allowed, own: [{ address: own, port: 8443 }], hostAddresses });
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['10.0.0.5', '10.0.0.5', true],
    ['10.0.0.5', '10.0.0.6', false],
    ['10.0.0.5', '::ffff:10.0.0.5', true],
    ['127.0.0.1', '127.0.0.1', true],
    ['localhost', '127.0.0.1', true],
    ['0.0.0.0', '10.0.0.5', true],
    ['0.0.0.0', '127.0.0.1', true],
    ['0.0.0.0', '127.77.0.1', true],
    ['0.0.0.0', '0.0.0.0', true],
    ['0.0.0.0', '10.0.0.6', false],
    ['::', 'fd00::5', true],
    ['::', 'fd00:0:0:0:0:0:0:5', true],
    ['::', '10.0.0.5', true],
    ['::', '::1', true],
    ['::', 'fd00::6', false],
  ];
  for (const [own, address, isOwn] of rows) {
    it(`at ${own}: ${address} is ${isOwn ? 'refused' : 'another host'}`, () => {
      assert.equal(rule(own)(address, 8443), isOwn ? 'ownListener' : undefined);
      assert.notEqual(rule(own)(address, 10250), 'ownListener');
    });
  }
});
