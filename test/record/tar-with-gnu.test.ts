// Random archives, each extracted by the machine's GNU tar beside our listing of it: what lies in the folder then is what was
// listed. Their blocks say more than they should: sizes of what has no body, one name after another, numbers in each notation.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Made } from './tar-archives.ts';
import { END, extended, header, list, padded, record } from './tar-archives.ts';

const version = spawnSync('tar', ['--version'], { encoding: 'utf8' });
const skip = /GNU tar/.test(version.stdout) ? false : 'no GNU tar on this machine: apt-get install tar';

const NUMBER = 'TAR_SEED';

/** Of a field of 12 bytes. */
function toBase256(value: number): Buffer {
  const field = Buffer.alloc(12);
  field.writeBigUInt64BE(BigInt(value), 4);
  field[0] = 0x80;
  return field;
}

/** What comes before a header, and says of the next entry something else than it. */
const before = fc.constantFrom(
  'nothing',
  'pax path',
  'pax size',
  'pax both',
  'gnu name',
  'gnu and pax',
  'global',
);
const entry = fc.record({
  type: fc.constantFrom('0', '0', '0', '\0', '7', '2', '5', '6'),
  bytes: fc.nat(1600),
  before,
  notation: fc.constantFrom('octal', 'base256', 'spaces'),
  magic: fc.constantFrom('ustar\x0000', 'ustar  \0', ''),
  folder: fc.constantFrom('', '', 'in/', 'in/this/'),
  isSlashed: fc.boolean(),
  signed: fc.boolean(),
});
type Entry = typeof entry extends fc.Arbitrary<infer Value> ? Value : never;

/** One entry with its body, under a name of its own. */
function toBlocks(made: Entry, at: number): Buffer {
  const isFile = made.type === '0' || made.type === '\0' || made.type === '7';
  const name = `${made.folder}n${at}é`;
  const hasSlash = made.type === '5' || (isFile && made.isSlashed);
  const real = `${name}${hasSlash ? '/' : ''}`;
  const hasBody = isFile && !hasSlash;
  const saysSize = made.before === 'pax size' || made.before === 'pax both';
  const said = saysSize && hasBody ? 7 : made.bytes;
  const size = {
    octal: said,
    base256: toBase256(said),
    spaces: `${said.toString(8).padStart(10, ' ')} \0`,
  }[made.notation];
  const isNamed = made.before !== 'nothing' && made.before !== 'pax size' && made.before !== 'global';
  const more: Made = { type: made.type, size, magic: made.magic, signed: made.signed };
  const first = {
    nothing: [],
    'pax path': [extended(record('path', real))],
    'pax size': hasBody ? [extended(record('size', String(made.bytes)))] : [],
    'pax both': [extended(record('path', real) + (hasBody ? record('size', String(made.bytes)) : ''))],
    'gnu name': [extended(`${real}\0`, 'L')],
    'gnu and pax': [extended('another\0', 'L'), extended(record('path', real))],
    global: [extended(record('comment', 'for all'), 'g')],
  }[made.before];
  return Buffer.concat([
    ...first,
    header(isNamed ? 'decoy' : real, { ...more, ...(made.type === '2' ? { link: `to${at}` } : {}) }),
    hasBody ? padded(Buffer.alloc(made.bytes, 'x')) : Buffer.alloc(0),
  ]);
}

/** Everything below a folder, in the words of our listing; folders that nobody listed are not said. */
function toFound(root: string, listed: ReadonlySet<string>): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const stats = lstatSync(join(root, name));
      if (stats.isSymbolicLink()) return `symlink ${name} 0 -> ${readlinkSync(join(root, name))}`;
      if (stats.isFIFO()) return `fifo ${name} 0`;
      return stats.isDirectory() ? `directory ${name} 0` : `file ${name} ${stats.size}`;
    })
    .filter((line) => listed.has(line) || !line.startsWith('directory in'))
    .toSorted();
}

describe('archives as GNU tar extracts them', { skip }, () => {
  it('are listed so', (t) => {
    const seed = Number(process.env[NUMBER] ?? Math.floor(Math.random() * 2 ** 31));
    t.diagnostic(`${NUMBER}=${seed}`);
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 8 }), (entries) => {
        const archive = Buffer.concat([...entries.map(toBlocks), END]);
        const { entries: listed, problems } = list([archive]);
        assert.deepEqual(problems, []);
        const words = listed.map((line) => line.replace(/^contiguous-file/, 'file').replace(/\/ 0$/, ' 0'));
        const folder = mkdtempSync(join(tmpdir(), 'gateway-tar-'));
        try {
          const { status, stderr } = spawnSync('tar', ['-xf', '-'], {
            cwd: folder,
            input: archive,
            encoding: 'utf8',
          });
          assert.equal(status, 0, stderr);
          assert.deepEqual(toFound(folder, new Set(words)), words.toSorted());
        } finally {
          rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 60, seed },
    );
  });
});
