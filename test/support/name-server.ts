// A name server on loopback that answers as a test says, over UDP (RFC 1035): for names that point somewhere else every
// time somebody asks.

import { createSocket } from 'node:dgram';
import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { isIP } from 'node:net';

export interface NameServer {
  /** Asks this server, for A and AAAA, as a system's resolver would. */
  readonly lookup: (host: string) => Promise<readonly LookupAddress[]>;
  /** Names that were asked for, once for each question. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** `answer` is called for each question of type A; an AAAA is answered with what of it is IPv6. */
export async function startNameServer(answer: (name: string) => readonly string[]): Promise<NameServer> {
  const asked: string[] = [];
  /** What the question of type A was answered with: both types are one look-up. */
  let last: readonly string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    const { name, type, end } = readQuestion(query);
    if (type === TYPE_A) {
      asked.push(name);
      last = answer(name);
    }
    const addresses = last.filter((address) => isIP(address) === (type === TYPE_A ? 4 : 6));
    socket.send(toAnswer(query, end, type, addresses), peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    lookup: async (host) => {
      const four = await resolver.resolve4(host).catch(() => []);
      const six = await resolver.resolve6(host).catch(() => []);
      return [...four, ...six].map((address) => ({ address, family: isIP(address) }));
    },
    asked,
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

const TYPE_A = 1;
const HEADER_BYTES = 12;

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function toAnswer(query: Buffer, end: number, type: number, addresses: readonly string[]): Buffer {
  const header = Buffer.from(query.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    const data = type === TYPE_A ? Buffer.from(address.split('.').map(Number)) : toSixteenBytes(address);
    const record = Buffer.alloc(12);
    // A pointer to the name of the question; class IN; nobody may remember it.
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(0, 6);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([header, query.subarray(HEADER_BYTES, end), ...records]);
}

function toSixteenBytes(address: string): Buffer {
  const [left = '', right] = address.split('::');
  const groups = (part: string | undefined): string[] => (part ? part.split(':') : []);
  const [before, after] = [groups(left), groups(right)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}
