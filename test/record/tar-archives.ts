// Tar archives of blocks that are made by hand, and what our reader says of them.

import assert from 'node:assert/strict';
import { TarListing } from '../../src/record/tar-listing.ts';

/** Two empty blocks. */
export const END = Buffer.alloc(1024);
const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`;
export const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 511)]);

export interface Made {
  readonly type?: string;
  readonly size?: number | Buffer | string;
  readonly link?: string;
  readonly magic?: string;
  readonly prefix?: string;
  readonly also?: (block: Buffer) => void;
  /** Makes the sum of signed bytes. */
  readonly signed?: boolean;
}

export function header(name: string | Buffer, made: Made = {}): Buffer {
  const {
    type = '0',
    size = 0,
    link = '',
    magic = 'ustar\0' + '00',
    prefix = '',
    also,
    signed = false,
  } = made;
  const block = Buffer.alloc(512);
  Buffer.from(name).copy(block, 0, 0, 100);
  for (const at of [100, 108, 116]) block.write('0000644\0', at);
  Buffer.from(typeof size === 'number' ? octal(size) : size).copy(block, 124);
  block.write(octal(0), 136);
  block.write(type, 156, 'latin1');
  block.write(link, 157);
  block.write(magic, 257, 'latin1');
  block.write(prefix, 345);
  also?.(block);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + (signed && byte > 127 ? byte - 256 : byte), 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

export const file = (name: string, size = 0): Buffer =>
  Buffer.concat([header(name, { size }), padded(Buffer.alloc(size, 'x'))]);
export const record = (key: string, value: string): string => {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const length = [1, 2, 3, 4, 5, 6]
    .map((digits) => rest + digits)
    .find((all) => String(all).length + rest === all);
  return `${length ?? 0} ${key}=${value}\n`;
};
export const extended = (body: string | Buffer, type = 'x'): Buffer =>
  Buffer.concat([header('extended', { type, size: Buffer.byteLength(body) }), padded(Buffer.from(body))]);

export function list(parts: Iterable<Buffer>): {
  readonly entries: readonly string[];
  readonly problems: readonly string[];
} {
  const entries: string[] = [];
  const problems: string[] = [];
  const listing = new TarListing({
    onEntry: ({ type, name, bytes, link }) => {
      assert.equal(problems.length, 0, 'nothing follows a problem');
      entries.push(`${type} ${name} ${bytes}${link === undefined ? '' : ` -> ${link}`}`);
    },
    onProblem: (problem) => problems.push(problem),
  });
  for (const part of parts) listing.write(part);
  listing.end();
  return { entries, problems };
}

export function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    // As the decoder's, this memory is written over when the call has returned.
    const piece = Buffer.from(bytes.subarray(at, at + size));
    yield piece;
    piece.fill(0xee);
  }
}
