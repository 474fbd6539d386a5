// Who is at the other end of a connection: the certificate that was presented, and the addresses that a request came
// by. `X-Forwarded-For` counts only as far as it was written by proxies that the configuration trusts.

import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { PresentedCertificate } from '../core/exchange.ts';
import type { HeaderLines } from '../core/headers.ts';

/** Certificates of one chain that are kept; a real one has two to four. */
const MAX_CHAIN = 10;
/** Hops of `X-Forwarded-For` that are followed. */
const MAX_HOPS = 32;
const MAPPED = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/;
/** Some proxies add the port: `192.0.2.1:1234`, `[2001:db8::1]:1234`. */
const WITH_PORT = /^(?:([\d.]+)|\[([0-9A-Fa-f:.]+)\])(?::\d{1,5})?$/;

/**
 * The certificate of the client, undefined when it sent none. The others are those that lead from it to its issuer, in
 * that order; a client that sends unrelated ones sends them in vain.
 */
export function readPresentedCertificate(socket: TLSSocket): PresentedCertificate | undefined {
  const leaf = socket.getPeerCertificate(true);
  // Node's types do not say it: without a certificate the object is empty, and an issuer may be missing.
  if (!isCertificate(leaf)) return undefined;
  const chain: Buffer[] = [leaf.raw];
  for (
    let issuer: unknown = leaf.issuerCertificate;
    isCertificate(issuer);
    issuer = issuer.issuerCertificate
  ) {
    const { raw } = issuer;
    // A self-signed certificate is its own issuer.
    if (chain.length === MAX_CHAIN || chain.some((known) => known.equals(raw))) break;
    chain.push(raw);
  }
  return { leaf: leaf.raw, intermediates: chain.slice(1) };
}

const isCertificate = (value: unknown): value is { raw: Buffer; issuerCertificate?: unknown } =>
  typeof value === 'object' && value !== null && 'raw' in value && Buffer.isBuffer(value.raw);

/** An address in its canonical form: lower case, shortest, IPv4-mapped IPv6 as IPv4. Undefined: not an address. */
export function toCanonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const address = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [, dotted, high, low] = MAPPED.exec(address) ?? [];
  if (dotted !== undefined) return dotted;
  if (high === undefined || low === undefined) return address;
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}

export type SourceIPs = readonly [string, ...string[]];

/**
 * Makes the function that lists the addresses a request came by, farthest first, from the TCP peer's address and the
 * request's headers. Throws when a CIDR of `trustedProxies` is malformed.
 */
export function createSourceReader(
  trustedProxies: readonly string[],
): (peerAddress: string, headers: HeaderLines) => SourceIPs {
  const trusted = new BlockList();
  for (const cidr of trustedProxies) addTrusted(trusted, cidr);
  const isTrusted = (address: string): boolean => trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');

  return (peerAddress, headers) => {
    const sources: [string, ...string[]] = [peerAddress];
    if (trustedProxies.length === 0) return sources;
    const hops = headers.all('x-forwarded-for').join(',').split(',');
    while (hops.length > 0 && sources.length < MAX_HOPS && isIP(sources[0]) !== 0 && isTrusted(sources[0])) {
      const [, v4, v6] = WITH_PORT.exec(hops.at(-1)?.trim() ?? '') ?? [];
      const address = toCanonicalAddress(v4 ?? v6 ?? hops.at(-1)?.trim() ?? '');
      // Whatever stands left of a malformed entry was written by nobody who is trusted.
      if (address === undefined) break;
      sources.unshift(address);
      hops.pop();
    }
    return sources;
  };
}

function addTrusted(trusted: BlockList, cidr: string): void {
  const [network = '', prefix, ...rest] = cidr.split('/');
  const family = isIPv4(network) ? 'ipv4' : 'ipv6';
  const bits = prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix);
  const valid =
    isIP(network) !== 0 && rest.length === 0 && (prefix === undefined || /^\d{1,3}$/.test(prefix));
  if (!valid || bits > (family === 'ipv4' ? 32 : 128)) throw new Error(`not a CIDR: ${JSON.stringify(cidr)}`);
  trusted.addSubnet(network, bits, family);
}
