// Which addresses the gateway dials. A Node object can be written by a node (NodeRestriction lets a kubelet set its own
// addresses), and a name can be pointed anywhere by whoever answers for it, so that neither may lead the gateway, and
// its credentials, to the host itself, to a cloud's metadata service or to nowhere (CVE-2022-3294, CVE-2020-8562).

import { BlockList, isIP } from 'node:net';

export const ADDRESS_PROBLEMS = [
  'unspecified',
  'loopback',
  'linkLocal',
  'metadata',
  'multicast',
  'reserved',
  'embedded',
  'ownListener',
  'notAnAddress',
] as const;
/** Why an address is not dialled. */
export type AddressProblem = (typeof ADDRESS_PROBLEMS)[number];

/** For people: what is wrong with such an address. */
export const ADDRESS_PROBLEM_WORDS: Readonly<Record<AddressProblem, string>> = {
  unspecified: 'an unspecified address',
  loopback: 'a loopback address',
  linkLocal: 'a link-local address',
  metadata: 'the address of a metadata service',
  multicast: 'a multicast address',
  reserved: 'a reserved or broadcast address',
  embedded: 'an IPv4 address in the form of an IPv6 address',
  ownListener: 'a listener of the gateway itself',
  notAnAddress: 'not an IP address',
};

/** Undefined: it may be dialled. */
export type AddressRule = (address: string, port: number) => AddressProblem | undefined;

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface AddressRuleOptions {
  /** CIDRs, or single addresses, that are dialled in spite of the rule; never a listener of the gateway itself. */
  readonly allowed: readonly string[];
  /** The gateway's own listeners; `0.0.0.0` and `::` stand for every address of the host. */
  readonly own: readonly Endpoint[];
  /** Every address of the host. */
  readonly hostAddresses: () => readonly string[];
}

/** IANA's special-purpose address registries (RFC 6890), and where clouds put their metadata. First match counts. */
const FOUR = toTable([
  // Oracle's and Alibaba's; Azure's WireServer; the link-local one is everybody else's.
  ['metadata', '192.0.0.192/32'],
  ['metadata', '100.100.100.200/32'],
  ['metadata', '168.63.129.16/32'],
  ['metadata', '169.254.169.254/32'],
  ['unspecified', '0.0.0.0/8'],
  ['loopback', '127.0.0.0/8'],
  ['linkLocal', '169.254.0.0/16'],
  ['reserved', '192.0.0.0/24'],
  ['multicast', '224.0.0.0/4'],
  ['reserved', '240.0.0.0/4'],
]);

const SIX = toTable([
  // Amazon's and Google's.
  ['metadata', 'fd00:ec2::254/128'],
  ['metadata', 'fd20:ce::254/128'],
  ['unspecified', '::/128'],
  ['loopback', '::1/128'],
  // IPv4-mapped, IPv4-compatible (RFC 4291 §2.5.5), 6to4 (RFC 3056) and Teredo (RFC 4380): no kubelet is there.
  ['embedded', '::ffff:0:0/96'],
  ['embedded', '::ffff:0:0:0/96'],
  ['embedded', '::/96'],
  ['embedded', '2002::/16'],
  ['embedded', '2001::/32'],
  ['linkLocal', 'fe80::/10'],
  ['linkLocal', 'fec0::/10'],
  ['multicast', 'ff00::/8'],
]);

/** Addresses of NAT64 (RFC 6052, RFC 8215): IPv6 that a translator turns into the IPv4 address in its last 32 bits. */
const isNat64 = toMatcher(['64:ff9b::/96', '64:ff9b:1::/48']);

export function createAddressRule({ allowed, own, hostAddresses }: AddressRuleOptions): AddressRule {
  const isAllowed = toMatcher(allowed);
  return (address, port) => {
    if (isIP(address) === 0) return 'notAnAddress';
    if (isOwn(address, port, own, hostAddresses)) return 'ownListener';
    return isAllowed(address) ? undefined : toAddressProblem(address);
  };
}

/** What is wrong with an IP address, whatever is allowed; undefined: nothing. */
function toAddressProblem(address: string): AddressProblem | undefined {
  if (isIP(address) === 4) return firstOf(FOUR, address);
  const known = firstOf(SIX, address);
  if (known !== undefined || !isNat64(address)) return known;
  return firstOf(FOUR, toIPv4(toBytes(address).subarray(12)));
}

type Matcher = (address: string) => boolean;

/** One list for each family: to a BlockList, an IPv4 range also holds the IPv4-mapped forms of its addresses. */
function toMatcher(ranges: readonly string[]): Matcher {
  const four = new BlockList();
  const six = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const version = isIP(address);
    if (version === 4) four.addSubnet(address, Number(bits ?? 32), 'ipv4');
    else if (version === 6) six.addSubnet(address, Number(bits ?? 128), 'ipv6');
    else throw new TypeError(`${JSON.stringify(range)} is no range of addresses`);
  }
  return (address) => (isIP(address) === 4 ? four.check(address, 'ipv4') : six.check(address, 'ipv6'));
}

type Table = readonly (readonly [AddressProblem, Matcher])[];

function toTable(rows: readonly (readonly [AddressProblem, string])[]): Table {
  return rows.map(([problem, range]) => [problem, toMatcher([range])]);
}

/** A zone (`fe80::1%eth0`) says where a link-local address is; no other has one. */
function firstOf(rows: Table, address: string): AddressProblem | undefined {
  if (address.includes('%')) return 'linkLocal';
  return rows.find(([, matches]) => matches(address))?.[0];
}

function isOwn(
  address: string,
  port: number,
  own: readonly Endpoint[],
  hostAddresses: () => readonly string[],
): boolean {
  const candidates = own.filter((listener) => listener.port === port);
  if (candidates.length === 0) return false;
  const canonical = toCanonical(address);
  return candidates.some((listener) => {
    if (toCanonical(listener.address) === canonical) return true;
    if (!isWildcard(listener.address)) return false;
    // All of 127.0.0.0/8 is the host, and 0.0.0.0 is connected to it too.
    const problem = toAddressProblem(canonical);
    if (problem === 'loopback' || problem === 'unspecified') return true;
    return hostAddresses().some((one) => toCanonical(one) === canonical);
  });
}

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** One text for one address: mapped IPv4 as IPv4, IPv6 as its 32 digits. A host name stays as it is. */
function toCanonical(address: string): string {
  if (isIP(address) !== 6) return address === 'localhost' ? '127.0.0.1' : address;
  const bytes = toBytes(address);
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes.readUInt16BE(10) === 0xffff;
  return isMapped ? toIPv4(bytes.subarray(12)) : bytes.toString('hex');
}

const toIPv4 = (bytes: Buffer): string => [...bytes].join('.');

/** The 16 bytes of a valid IPv6 address. */
function toBytes(address: string): Buffer {
  const [plain = ''] = address.split('%');
  // An address that ends in dots, as one that ends in digits.
  const text = plain.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_match, ...parts: string[]) => {
    const [a, b, c, d] = parts.map(Number);
    return `${(((a ?? 0) << 8) | (b ?? 0)).toString(16)}:${(((c ?? 0) << 8) | (d ?? 0)).toString(16)}`;
  });
  const [left = '', right] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(left);
  const after = right === undefined ? [] : groups(right);
  const zeros: string[] = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const hex = [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('');
  return Buffer.from(hex, 'hex');
}
