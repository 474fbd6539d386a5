// The audit file: what a settled write promises, and what a failed one leaves behind.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createFileSink } from '../../../src/observe/audit/file-sink.ts';
import type { FileSinkOptions } from '../../../src/observe/audit/file-sink.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createKeptLog } from '../../support/kept-log.ts';

const run = promisify(execFile);
const root = await mkdtemp(join(tmpdir(), 'audit-file-'));
after(() => rm(root, { recursive: true, force: true }));

const START = Date.UTC(2026, 10, 23, 18, 0, 0, 0);

async function create(options: Partial<FileSinkOptions> = {}) {
  const folder = await mkdtemp(join(root, 'case-'));
  const path = join(folder, 'audit.log');
  const clock = createFakeClock(START);
  const log = createKeptLog();
  const full = { path, maxBytes: 0, maxAgeMs: 0, maxFiles: 0, fsync: false, ...options };
  const open = () => createFileSink({ clock, log }, full);
  return { folder, path, clock, log, open };
}

const textOf = (path: string): Promise<string> => readFile(path, 'utf8');

describe('the audit file', () => {
  it('is for its owner alone, as is a directory made for it', async () => {
    const { folder, open } = await create({ path: join(root, 'new', 'deep', 'audit.log') });
    await rm(folder, { recursive: true });
    const sink = await open();
    assert.equal((await stat(join(root, 'new', 'deep', 'audit.log'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(root, 'new', 'deep'))).mode & 0o777, 0o700);
    await sink.close();
  });
  it('is continued, and a last line that a crash left without its end gets one', async () => {
    const { path, open } = await create({ fsync: true });
    await writeFile(path, 'whole\ntor');
    const sink = await open();
    await sink.write(['next']);
    await sink.close();
    assert.equal(await textOf(path), 'whole\ntor\nnext\n');
  });
  it('cannot be a directory', async () => {
    const { path, open } = await create();
    await mkdir(path);
    await assert.rejects(open(), { code: 'EISDIR' });
  });
  it('takes nothing after it was closed', async () => {
    const { open } = await create();
    const sink = await open();
    await sink.close();
    await assert.rejects(sink.write(['late']), /closed/);
  });
});

describe('rotation', () => {
  it('goes by size, between events, and names the file after the time', async () => {
    const { folder, clock, open } = await create({ maxBytes: 20 });
    const sink = await open();
    await sink.write(['aaaaaaaaa']);
    await sink.write(['bbbbbbbbb']);
    await sink.write(['ccccccccc']);
    clock.advance(61_005);
    await sink.write(['a line that is longer than a file may be']);
    await sink.write(['d']);
    await sink.close();
    assert.deepEqual(await contents(folder), {
      'audit-2026-11-23T18-00-00.000.log': 'aaaaaaaaa\nbbbbbbbbb\n',
      'audit-2026-11-23T18-01-01.005.log': 'ccccccccc\n',
      'audit-2026-11-23T18-01-01.006.log': 'a line that is longer than a file may be\n',
      'audit.log': 'd\n',
    });
  });
  it('counts what was in the file before', async () => {
    const { folder, path, open } = await create({ maxBytes: 20 });
    await writeFile(path, 'aaaaaaaaaaaaaaa\n');
    const sink = await open();
    await sink.write(['bbbbb']);
    await sink.close();
    assert.equal((await readdir(folder)).length, 2);
  });
  it('keeps so many files', async () => {
    const { folder, clock, open } = await create({ maxBytes: 1, maxFiles: 2 });
    await writeFile(join(folder, 'audit-of-something-else.log'), 'mine');
    const sink = await open();
    for (const line of ['a', 'b', 'c', 'd', 'e']) {
      await sink.write([line]);
      clock.advance(1000);
    }
    await sink.close();
    assert.deepEqual(Object.values(await contents(folder)), ['c\n', 'd\n', 'mine', 'e\n']);
  });
  it('keeps files so long', async () => {
    const { folder, clock, open } = await create({ maxBytes: 1, maxAgeMs: 5_000 });
    const sink = await open();
    await sink.write(['a']);
    await sink.write(['b']);
    clock.advance(4_000);
    await sink.write(['c']);
    clock.advance(2_000);
    await sink.write(['d']);
    await sink.close();
    assert.deepEqual(Object.values(await contents(folder)), ['b\n', 'c\n', 'd\n']);
  });
  it('that fails loses no event and is said', async () => {
    const { folder, path, log, open } = await create({ maxBytes: 5 });
    const sink = await open();
    await sink.write(['aaaa']);
    // Somebody took the name away, so that there is nothing to rename.
    await rename(path, join(folder, 'taken'));
    await sink.write(['bbbb']);
    await sink.write(['cccc']);
    await sink.close();
    assert.equal(await textOf(join(folder, 'taken')), 'aaaa\nbbbb\ncccc\n');
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['the audit file could not be rotated; events go on into it'],
    );
  });
});

async function contents(folder: string): Promise<Readonly<Record<string, string>>> {
  const texts: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) texts[name] = await textOf(join(folder, name));
  return texts;
}

describe('a file that somebody else moves', () => {
  it('is followed by reopen, as logrotate asks', async () => {
    const { folder, path, open } = await create();
    const sink = await open();
    await sink.write(['a']);
    await rename(path, `${path}.1`);
    await sink.write(['b']);
    await sink.reopen();
    await sink.write(['c']);
    await sink.close();
    assert.deepEqual(await contents(folder), { 'audit.log': 'c\n', 'audit.log.1': 'a\nb\n' });
  });
  it('is made again when it is removed, and the event is in the new one', async () => {
    const { path, log, open } = await create();
    const sink = await open();
    await sink.write(['a']);
    await rm(path);
    await sink.write(['b']);
    await sink.close();
    assert.equal(await textOf(path), 'b\n');
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['the audit file was removed; it is made again'],
    );
  });
  it('is made again with its directory', async () => {
    const { folder, path, open } = await create();
    const sink = await open();
    await rm(folder, { recursive: true });
    await sink.write(['b']);
    await sink.close();
    assert.equal(await textOf(path), 'b\n');
  });
  it('fails the write when it cannot be made again, until it can', async () => {
    const { folder, path, open } = await create();
    const sink = await open();
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file where the directory was');
    await assert.rejects(sink.write(['a']));
    await assert.rejects(sink.write(['b']));
    await rm(folder);
    await sink.write(['c']);
    await sink.close();
    assert.equal(await textOf(path), 'c\n');
  });
  it('may be emptied in place, as logrotate does with copytruncate', async () => {
    const { path, open } = await create({ maxBytes: 10 });
    const sink = await open();
    await sink.write(['aaaaaaa']);
    await truncate(path);
    await sink.write(['b']);
    await sink.write(['c']);
    await sink.close();
    assert.equal(await textOf(path), 'b\nc\n');
  });
});

const SINK_FILE = new URL('../../../src/observe/audit/file-sink.ts', import.meta.url).href;
const PORTS_FILE = new URL('../../../src/core/ports.ts', import.meta.url).href;

/** Writes to the file under a limit of its size (in 1024-byte blocks), and once more when the limit is lifted. */
const UNDER_A_LIMIT = `
  import { execFileSync } from 'node:child_process';
  import { appendFileSync } from 'node:fs';
  const { createFileSink } = await import(${JSON.stringify(SINK_FILE)});
  const { systemClock } = await import(${JSON.stringify(PORTS_FILE)});
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const [path, intruder] = process.argv.slice(1);
  const sink = await createFileSink({ clock: systemClock, log },
    { path, maxBytes: 0, maxAgeMs: 0, maxFiles: 0, fsync: false });
  await sink.write(['first']);
  if (intruder === 'yes') appendFileSync(path, 'somebody else\\n');
  const codes = [];
  await sink.write(['x'.repeat(1500), 'y'.repeat(1500)]).catch((error) => codes.push(error.code));
  execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:unlimited']);
  await sink.write(['last']);
  await sink.close();
  console.log(codes.join());
`;

async function writeUnderLimit(intruder: boolean): Promise<{ text: string; codes: string }> {
  const { path } = await create();
  const script = `ulimit -S -f 2; exec "$@"`;
  const node = [process.execPath, '--input-type=module', '-e', UNDER_A_LIMIT, path, intruder ? 'yes' : 'no'];
  const { stdout } = await run('bash', ['-c', script, 'bash', ...node]);
  return { text: await textOf(path), codes: stdout.trim() };
}

const hasPrlimit = await run('prlimit', ['--version']).then(
  () => true,
  () => false,
);

describe(
  'a write that the disk takes only a part of',
  { skip: !hasPrlimit && 'prlimit is not installed' },
  () => {
    it('fails and is taken back', async () => {
      const { text, codes } = await writeUnderLimit(false);
      assert.equal(codes, 'EFBIG');
      assert.equal(text, 'first\nlast\n');
    });
    it('does not damage the next line where it cannot be taken back', async () => {
      const { text } = await writeUnderLimit(true);
      const lines = text.split('\n');
      assert.deepEqual(
        [lines[0], lines[1], lines.at(-2), lines.at(-1)],
        ['first', 'somebody else', 'last', ''],
      );
      assert.match(lines.slice(2, -2).join(''), /^x+y*$/);
    });
  },
);

describe('a full disk', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, () => {
  it('fails the write', async () => {
    const { open } = await create({ path: '/dev/full' });
    const sink = await open();
    await assert.rejects(sink.write(['a']), { code: 'ENOSPC' });
    await sink.close();
  });
});
