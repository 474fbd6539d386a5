// Archives that pass by: what is in them is listed, however they are cut, and nothing about one that is broken, endless or
// hostile does more than end its listing.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { ArchiveWatch } from '../../src/record/archive-watch.ts';
import { FileSummary } from '../../src/record/file-summary.ts';

interface Told {
  readonly files: string[];
  readonly problems: string[];
}

async function watch(chunks: Iterable<Buffer>, stream: 'stdin' | 'stdout' = 'stdout'): Promise<Told> {
  const told: Told = { files: [], problems: [] };
  const archives = new ArchiveWatch({
    onFile: ({ direction, name, type, bytes, link }) =>
      told.files.push(`${direction} ${type} ${name} ${bytes}${link === undefined ? '' : ` ${link}`}`),
    onProblem: (problem) => told.problems.push(problem),
  });
  for (const chunk of chunks) {
    archives.see(stream, chunk);
    // Chunks of a connection come one event after the other.
    await new Promise((resolve) => setImmediate(resolve));
  }
  archives.end();
  return told;
}

function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const LONG = `${'d'.repeat(120)}/${'n'.repeat(180)}`;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-archive-'));
  await mkdir(join(folder, 'in', 'd'.repeat(120)), { recursive: true });
  await writeFile(join(folder, 'in', 'a.txt'), 'x'.repeat(1000));
  await writeFile(join(folder, 'in', 'empty'), '');
  await writeFile(join(folder, 'in', LONG), 'y'.repeat(70_000));
  await writeFile(join(folder, 'in', 'grüße "q"\n'), 'z');
  await symlink('../../etc/passwd', join(folder, 'in', 'link'));
});
after(() => rm(folder, { recursive: true, force: true }));

const archive = (...args: readonly string[]): Buffer => {
  const { stdout, status } = spawnSync('tar', ['-C', folder, ...args, 'in'], { maxBuffer: 10_000_000 });
  assert.equal(status, 0);
  return stdout;
};

describe('an archive', () => {
  const expected = [
    'fromPod file in/a.txt 1000',
    `fromPod file in/${LONG} 70000`,
    'fromPod file in/empty 0',
    'fromPod file in/grüße "q"\n 1',
    'fromPod symlink in/link 0 ../../etc/passwd',
  ].toSorted();
  for (const format of ['gnu', 'pax']) {
    it(`in the format ${format} is listed, however it is cut`, async () => {
      const bytes = archive('-cf', '-', `--format=${format}`);
      for (const size of [bytes.length, 16_384, 511, 100]) {
        const { files, problems } = await watch(cut(bytes, size));
        assert.deepEqual(files.filter((file) => !file.includes(' directory ')).toSorted(), expected);
        assert.deepEqual(problems, []);
      }
    });
  }

  it('is listed by its direction', async () => {
    const { files } = await watch([archive('-cf', '-')], 'stdin');
    assert.ok(files.length > 4 && files.every((file) => file.startsWith('toPod ')));
  });

  it('that follows another is listed too', async () => {
    const one = archive('-cf', '-');
    const once = await watch([one]);
    assert.equal((await watch([one, one])).files.length, once.files.length * 2);
  });

  it('is noticed by itself and not by a command, and other bytes are no archive', async () => {
    for (const bytes of [
      Buffer.from('tar: usage'),
      Buffer.alloc(10_000),
      Buffer.alloc(600, 'ustar'),
      Buffer.alloc(0),
    ]) {
      assert.deepEqual(await watch(cut(bytes, 100)), { files: [], problems: [] });
    }
  });
});

describe('an archive that is no good', () => {
  it('is listed as far as it can be read, and that is said once', async () => {
    const bytes = Buffer.from(archive('-cf', '-'));
    const second = bytes.indexOf('ustar', 600) - 257;
    bytes[second + 148] = 0x39;
    const { files, problems } = await watch(cut(bytes, 1000));
    assert.equal(files.length, 1);
    assert.deepEqual(problems, ['fromPod: the archive is cut short or malformed']);
  });

  it('is cut short', async () => {
    const bytes = archive('-cf', '-');
    const { files, problems } = await watch(cut(bytes.subarray(0, 70_000), 1000));
    assert.ok(files.length > 0);
    assert.deepEqual(problems, ['fromPod: the archive is cut short or malformed']);
  });

  it('has any bytes changed, and is cut anywhere: nothing is thrown, and it ends', async () => {
    const whole = archive('-cf', '-');
    const change = fc.tuple(fc.nat(20_000), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 6 }),
        fc.integer({ min: 300, max: 20_000 }),
        async (changes, size) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          const { problems } = await watch(cut(bytes, size));
          assert.ok(problems.length <= 1);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('has a size that is no number', async () => {
    const bytes = Buffer.from(archive('-cf', '-'));
    bytes.fill(0xff, 124, 136);
    const { problems } = await watch(cut(bytes, 1000));
    assert.deepEqual(problems, ['fromPod: the archive is cut short or malformed']);
  });
});

describe('a summary of files', () => {
  const file = (name: string, bytes: number) =>
    ({ kind: 'file', direction: 'toPod', name, type: 'file', bytes }) as const;

  it('counts all, and lists and names a bounded number', () => {
    const summary = new FileSummary();
    const listed = Array.from({ length: 20_000 }, (_, at) => summary.add(file(`${at}`.padEnd(1000, 'x'), 2)));
    assert.equal(listed.filter((each) => each === 'listed').length, 9999);
    assert.equal(listed[9999], 'last');
    assert.equal(listed[10_000], 'counted');
    assert.deepEqual(summary.toNotes(), { 'files-to-pod': '20000 files, 40000 bytes' });
    assert.ok(JSON.stringify(summary.toManifest()).length < 10_000);
  });

  it('is nothing where there were none', () => {
    assert.equal(new FileSummary().toNotes(), undefined);
    assert.equal(new FileSummary().toManifest(), undefined);
  });
});
