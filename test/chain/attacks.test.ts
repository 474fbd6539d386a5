// Attacks on an audit log that the real audit wrote: each row does something to copies of its files, and verification
// must say so. The attacker may write every file of the gateway, and has no signing key.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  readUnverified,
  createVerifier,
  createLocalSigner,
  generateSigningKey,
} from '../../src/chain/jws.ts';
import type { CheckpointVerifier } from '../../src/chain/jws.ts';
import { NO_PREVIOUS, readLink, toDigest, toLinkedLine } from '../../src/chain/link.ts';
import { looksLikeCheckpoint, readCheckpointJws, toCheckpointEvent } from '../../src/chain/checkpoint.ts';
import type { LogCase, OneReport } from '../observe/audit/chain/support.ts';
import {
  createCase,
  keySet,
  linesOf,
  openAudit,
  untilCheckpoint,
  verifyLog,
  writeLog,
  writeSteadyLog,
} from '../observe/audit/chain/support.ts';

const work = await mkdtemp(join(tmpdir(), 'attacks-'));
after(() => rm(work, { recursive: true, force: true }));

let verify: CheckpointVerifier;
/** One file of some 60 lines. */
let one: LogCase;
/** Several files. */
let many: LogCase;

before(async () => {
  verify = await createVerifier([keySet]);
  one = await createCase();
  await writeSteadyLog(one, 25);
  many = await createCase();
  await writeSteadyLog(many, 60, { maxBytes: 20_000 });
});
after(async () => {
  await one.remove();
  await many.remove();
});

async function copyOf(original: LogCase): Promise<LogCase> {
  const folder = await mkdtemp(join(work, 'case-'));
  await cp(original.folder, folder, { recursive: true });
  return {
    folder,
    path: join(folder, 'audit.log'),
    secondSink: join(folder, 'checkpoints'),
    remove: () => rm(folder, { recursive: true }),
  };
}

const check = (at: LogCase, withSecondSink = false): Promise<OneReport> =>
  verifyLog({ log: at.path, verify, ...(withSecondSink ? { checkpoints: at.secondSink } : {}) });

const write = (path: string, lines: readonly string[]): Promise<void> =>
  writeFile(path, lines.map((line) => `${line}\n`).join(''));

const said = ({ findings }: OneReport): string =>
  findings.map(({ kind, line, message }) => `${kind} ${line ?? ''} ${message}`).join('\n');

const checkpointLines = (lines: readonly string[]): number[] =>
  lines.flatMap((line, at) => (looksLikeCheckpoint(Buffer.from(line)) ? [at] : []));

const LINK = '"chain.kubelet-gateway.io/link":"x"}}';

/** The lines as somebody chains them who has no key. */
function rechain(lines: readonly string[], from = 0): string[] {
  const chain = readLink(Buffer.from(lines[0] ?? ''))?.chain ?? '';
  const done = lines.slice(0, from);
  let previous = from === 0 ? NO_PREVIOUS : toDigest(done.at(-1) ?? '');
  for (const line of lines.slice(from)) {
    const event = line.replace(/,"chain\.kubelet-gateway\.io\/link":"[^"]*"\}\}$/, '}}');
    const next = toLinkedLine(event, { chain, sequence: done.length + 1, previous });
    previous = toDigest(next);
    done.push(next);
  }
  return done;
}

describe('a log that nobody touched', () => {
  it('is proven to its last line, in one file', async () => {
    const report = await check(one, true);
    assert.equal(said(report), '');
    assert.equal(report.outcome, 'proven');
    assert.equal(report.tailLines, 0);
    assert.equal(report.lines, (await linesOf(one.path)).length);
  });
  it('is proven over its rotated files', async () => {
    const report = await check(many, true);
    assert.ok(report.files.length > 3, report.files.join());
    assert.equal(said(report), '');
    assert.equal(report.outcome, 'proven');
    assert.equal(report.chains, 1);
  });
  it('is not proven without a key', async () => {
    const report = await verifyLog({ log: one.path });
    assert.equal(said(report), '');
    assert.equal(report.outcome, 'unproven');
  });
  it('is a log of events for every other tool', async () => {
    for (const line of await linesOf(one.path)) {
      const event = JSON.parse(line) as Record<string, unknown>;
      assert.equal(event['kind'], 'Event');
      assert.equal(event['apiVersion'], 'audit.k8s.io/v1');
      assert.equal(typeof event['auditID'], 'string');
      for (const value of Object.values(event['annotations'] as object)) assert.equal(typeof value, 'string');
    }
  });
});

interface Attack {
  readonly name: string;
  readonly change: (lines: string[]) => string[];
  readonly finds: RegExp;
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'a line taken out',
    change: (lines) => lines.toSpliced(7, 1),
    finds: /tampering 8 line 8 is missing before it/,
  },
  {
    name: 'several lines taken out',
    change: (lines) => lines.toSpliced(7, 3),
    finds: /tampering 8 lines 8 to 10 are missing before it/,
  },
  {
    name: 'two lines swapped',
    change: (lines) => lines.with(7, lines[8] ?? '').with(8, lines[7] ?? ''),
    finds: /tampering 9 stands after line 9: it was moved/,
  },
  {
    name: 'a byte changed',
    change: (lines) =>
      lines.with(
        7,
        (lines[7] ?? '')
          .replace('system:masters', 'system:mastery')
          .replace('200', '403')
          .replace('"get"', '"put"'),
      ),
    finds: /tampering 9 does not follow from the line before/,
  },
  {
    name: 'a line put in without a link',
    change: (lines) => lines.toSpliced(7, 0, '{"kind":"Event","annotations":{"a":"b"}}'),
    finds: /tampering 8 is not of the chain/,
  },
  {
    name: 'a line put in with a link of its own making',
    change: (lines) => {
      const link = readLink(Buffer.from(lines[7] ?? ''));
      assert.ok(link !== undefined);
      return lines.toSpliced(7, 0, toLinkedLine('{"annotations":{"a":"b"}}', link));
    },
    finds: /tampering 9 stands after line 8: it was moved, repeated or put in/,
  },
  {
    name: 'a line repeated',
    change: (lines) => lines.toSpliced(7, 0, lines[6] ?? ''),
    finds: /tampering 8 stands after line 7/,
  },
  {
    name: 'an empty line',
    change: (lines) => lines.toSpliced(7, 0, ''),
    finds: /tampering 8 is not of the chain/,
  },
  {
    name: 'the head cut off within a file',
    change: (lines) => lines.slice(5),
    finds: /began at line 1; lines up to 5 were cut off/,
  },
  {
    name: 'the head cut off behind a checkpoint',
    change: (lines) => lines.slice((checkpointLines(lines)[1] ?? 0) + 1),
    finds: /were cut off/,
  },
  {
    name: 'a line changed and all behind it chained anew',
    change: (lines) => rechain(lines.with(7, (lines[7] ?? '').replace('"get"', '"put"')), 7),
    finds: /the checkpoint in it is about another line/,
  },
  {
    name: 'a line taken out and all chained anew',
    change: (lines) => rechain(lines.toSpliced(7, 1)),
    finds: /the checkpoint in it is about another line/,
  },
  {
    name: 'an event beside a checkpoint changed, whose signature is left as it is',
    change: (lines) => {
      const at = checkpointLines(lines).at(-1) ?? 0;
      return lines.with(at, (lines[at] ?? '').replace('system:kubelet-gateway', 'system:kubelet-gateweb'));
    },
    finds: /the checkpoint in it is not the whole of its event/,
  },
];

describe('found out by the log alone:', () => {
  for (const { name, change, finds } of ATTACKS) {
    it(name, async () => {
      const at = await copyOf(one);
      const lines = await linesOf(at.path);
      const changed = change([...lines]);
      assert.notDeepEqual(changed, lines, 'the attack does something');
      await write(at.path, changed);
      const report = await check(at);
      assert.equal(report.outcome, 'tampered', said(report));
      assert.match(said(report), finds);
      for (const { file } of report.findings) assert.ok(file !== '');
    });
  }

  it('a rotated file taken out of the middle', async () => {
    const at = await copyOf(many);
    const rotated = (await readdir(at.folder)).filter((name) => /^audit-/.test(name)).sort();
    await rm(join(at.folder, rotated[1] ?? ''));
    const report = await check(at);
    assert.equal(report.outcome, 'tampered');
    assert.match(said(report), /tampering 1 lines \d+ to \d+ are missing before it/);
  });
  it('a rotated file cut at its end', async () => {
    const at = await copyOf(many);
    const [name = ''] = (await readdir(at.folder)).filter((file) => /^audit-/.test(file)).sort();
    const path = join(at.folder, name);
    await writeFile(path, (await readFile(path)).subarray(0, -10));
    const report = await check(at);
    assert.match(said(report), /tampering \d+ ends within a line/);
  });
  it('and files that were pruned whole are no attack', async () => {
    const at = await copyOf(many);
    const rotated = (await readdir(at.folder)).filter((name) => /^audit-/.test(name)).sort();
    for (const name of rotated.slice(0, 2)) await rm(join(at.folder, name));
    const report = await check(at, true);
    assert.equal(said(report), '');
    assert.equal(report.outcome, 'proven');
  });
  it('a checkpoint of another chain', async () => {
    const other = await createCase();
    await writeSteadyLog(other, 25);
    const at = await copyOf(one);
    const lines = await linesOf(at.path);
    const theirs = await linesOf(other.path);
    await other.remove();
    const ours = checkpointLines(lines)[1] ?? 0;
    const foreign = theirs[checkpointLines(theirs)[1] ?? 0] ?? '';
    await write(at.path, rechain(lines.with(ours, foreign), ours));
    assert.match(said(await check(at)), /the checkpoint in it is of another chain/);
  });
  it('a checkpoint signed with another key', async () => {
    const at = await copyOf(one);
    const forger = await createLocalSigner((await generateSigningKey()).privateKey);
    const lines = await linesOf(at.path);
    const place = checkpointLines(lines).at(-1) ?? 0;
    const line = lines[place] ?? '';
    const told = readUnverified(readCheckpointJws(Buffer.from(line)) ?? '');
    const link = readLink(Buffer.from(line));
    assert.ok(link !== undefined);
    const forged = toLinkedLine(toCheckpointEvent(told, await forger.sign(told)), link);
    await write(at.path, lines.with(place, forged));
    assert.match(said(await check(at)), /signed with a key that was not given/);
  });
  it('the right log and the wrong key', async () => {
    const wrong = await createVerifier([JSON.stringify((await generateSigningKey()).jwk)]);
    const report = await verifyLog({ log: one.path, verify: wrong });
    assert.equal(report.outcome, 'tampered');
    assert.equal(report.proven, undefined);
  });
  it('a line on two ways: two events with one number', async () => {
    const at = await copyOf(one);
    const lines = await linesOf(at.path);
    const link = readLink(Buffer.from(lines[10] ?? ''));
    assert.ok(link !== undefined);
    const twin = toLinkedLine('{"kind":"Event","annotations":{"a":"b"}}', link);
    await write(at.path, lines.toSpliced(11, 0, twin));
    assert.match(said(await check(at)), /tampering 12 stands after line 11/);
  });
});

describe('found out with the second sink:', () => {
  it('the tail cut off, and how much is proven without it', async () => {
    const at = await copyOf(one);
    const lines = await linesOf(at.path);
    const last = checkpointLines(lines).at(-1) ?? 0;
    await write(at.path, lines.slice(0, last - 3));
    const alone = await check(at);
    assert.equal(alone.outcome, 'proven');
    assert.ok(alone.tailLines > 0);
    const both = await check(at, true);
    assert.equal(both.outcome, 'tampered');
    assert.match(said(both), /were signed by \S+, and the log ends before/);
  });
  it('an older copy of the whole log put in its place', async () => {
    const at = await createCase();
    await writeLog(at, 10);
    const older = await readFile(at.path);
    await writeLog(at, 10);
    await writeFile(at.path, older);
    assert.equal((await check(at)).outcome, 'proven');
    assert.equal((await check(at, true)).outcome, 'tampered');
    await at.remove();
  });
  it('an older copy that the gateway has gone on writing to', async () => {
    const at = await createCase();
    await writeLog(at, 10);
    const older = await readFile(at.path);
    await writeLog(at, 10);
    await writeFile(at.path, older);
    await writeLog(at, 30);
    assert.equal((await check(at)).outcome, 'proven');
    const report = await check(at, true);
    assert.equal(report.outcome, 'tampered');
    assert.match(said(report), /another line \d+ than the one that was signed|out of their order/);
    await at.remove();
  });
  it('the whole log written anew as another chain, without a key', async () => {
    const at = await copyOf(one);
    const fresh = await createCase();
    await writeLog(fresh, 25, { chain: { signer: undefined, secondSink: { stdout: false } } });
    await writeFile(at.path, await readFile(fresh.path));
    await fresh.remove();
    assert.equal((await check(at)).outcome, 'unproven');
    const report = await check(at, true);
    assert.equal(report.outcome, 'tampered');
    assert.match(said(report), /the log ends before/);
  });
  it('the log emptied', async () => {
    const at = await copyOf(one);
    await writeFile(at.path, '');
    assert.equal((await check(at, true)).outcome, 'tampered');
  });
  it('a line of the second sink changed', async () => {
    const at = await copyOf(one);
    const lines = await linesOf(at.secondSink);
    await write(at.secondSink, lines.with(1, `${(lines[1] ?? '').slice(0, -4)}AAAA`));
    assert.match(said(await check(at, true)), /the checkpoint (has a signature|is not a compact)/);
  });
  it('a line of the second sink taken out is told', async () => {
    const at = await copyOf(one);
    await write(at.secondSink, (await linesOf(at.secondSink)).toSpliced(1, 1));
    assert.match(said(await check(at, true)), /notice 2 checkpoints before it are missing here/);
  });
});

/** Lines of the real audit in a chain of their own, without a key. */
async function unsignedLines(): Promise<string[]> {
  const other = await createCase();
  await writeLog(other, 5, { chain: { signer: undefined, secondSink: { stdout: false } } });
  const lines = await linesOf(other.path);
  await other.remove();
  return lines;
}

describe('a chain that nobody signed beside one that is signed', () => {
  const EARLIER = 'audit-2020-01-01T00-00-00.000.log';

  for (const withSecondSink of [false, true]) {
    const sink = withSecondSink ? 'with the second sink' : 'by the log alone';
    it(`is not proven with it, and counted: a rotated file put there, ${sink}`, async () => {
      const at = await copyOf(one);
      const lines = await unsignedLines();
      await write(join(at.folder, EARLIER), lines);
      const report = await check(at, withSecondSink);
      assert.equal(report.outcome, 'unproven', said(report));
      assert.equal(report.unsignedLines, lines.length);
      assert.equal(report.signedChains, 1);
      assert.equal(report.tailLines, 0);
      assert.match(
        said(report),
        /notice {2}no checkpoint that verifies is about chain [0-9a-f]{32}: anybody/,
      );
      assert.ok(report.findings.some(({ file }) => file.endsWith(EARLIER)));
    });
    it(`is not proven with it, and counted: the current file, ${sink}`, async () => {
      const at = await copyOf(one);
      const lines = await unsignedLines();
      await write(join(at.folder, EARLIER), await linesOf(at.path));
      await write(at.path, lines);
      const report = await check(at, withSecondSink);
      assert.equal(report.outcome, 'unproven', said(report));
      assert.equal(report.tailLines, lines.length);
      assert.match(said(report), /no checkpoint that verifies is about chain/);
    });
    it(`is not proven with it, and counted: lines at the end of a chain that is over, ${sink}`, async () => {
      const at = await copyOf(one);
      const earlier = await linesOf(at.path);
      await rm(at.path);
      await writeLog(at, 12);
      await write(join(at.folder, EARLIER), earlier);
      const untouched = await check(at, withSecondSink);
      assert.equal(untouched.outcome, 'proven', said(untouched));
      assert.equal(untouched.signedChains, 2);
      const more = [...earlier, '{"kind":"Event","annotations":{"a":"b"}}'.replace('}}', `,${LINK}`)];
      await write(join(at.folder, EARLIER), rechain(more, earlier.length));
      const report = await check(at, withSecondSink);
      assert.equal(report.outcome, 'unproven', said(report));
      assert.equal(report.unsignedLines, 1);
    });
  }
  it('is tampering still when its checkpoints are those of another', async () => {
    const at = await copyOf(one);
    const lines = await unsignedLines();
    const genuine = await linesOf(at.path);
    const checkpoint = genuine[checkpointLines(genuine)[0] ?? 0] ?? '';
    await write(join(at.folder, EARLIER), rechain([...lines, checkpoint]));
    const report = await check(at);
    assert.equal(report.outcome, 'tampered', said(report));
    assert.equal(report.signedChains, 1);
  });
  it('is no alarm where the key was configured later: the chain goes on', async () => {
    const at = await createCase();
    await writeLog(at, 12, { maxBytes: 4000, chain: { signer: undefined, secondSink: { stdout: false } } });
    await writeLog(at, 12, { maxBytes: 4000 });
    for (const withSecondSink of [false, true]) {
      const report = await check(at, withSecondSink);
      assert.equal(report.outcome, 'proven', said(report));
      assert.equal(report.chains, 1);
      assert.ok(report.files.length > 2);
      assert.equal(report.unsignedLines, 0);
    }
    await at.remove();
  });
});

describe('whatever is done to one byte', () => {
  it('before the end of the last checkpoint is found out', async () => {
    const at = await copyOf(one);
    const bytes = await readFile(at.path);
    const end = bytes.length;
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(end - 1), fc.integer({ min: 1, max: 255 }), async (place, change) => {
        const mutated = Buffer.from(bytes);
        mutated[place] = (mutated[place] ?? 0) ^ change;
        await writeFile(at.path, mutated);
        const { outcome } = await check(at);
        runs += 1;
        // The last line end is the end of the file: without it the last line is one that is being written.
        assert.ok(outcome === 'tampered' || place === end - 1, `byte ${place}: ${outcome}`);
      }),
      { numRuns: 300 },
    );
    assert.equal(runs, 300);
  });
  it('of the last checkpoint, each byte tried', async () => {
    const at = await createCase();
    await writeLog(at, 1);
    const bytes = await readFile(at.path);
    const start = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1;
    for (let place = start; place < bytes.length - 1; place += 1) {
      const mutated = Buffer.from(bytes);
      mutated[place] = (mutated[place] ?? 0) ^ 1;
      await writeFile(at.path, mutated);
      const { outcome } = await check(at);
      assert.equal(outcome, 'tampered', `byte ${place - start} of the line`);
    }
    await at.remove();
  });
});

describe('a log of before the chain', () => {
  it('is moved away, and told of; its lines are proven by nothing', async () => {
    const at = await createCase();
    await write(at.path, ['{"kind":"Event"}', '{"kind":"Event"}']);
    await writeLog(at, 3);
    const report = await check(at, true);
    assert.equal(report.outcome, 'unproven', said(report));
    assert.equal(report.unchained, 2);
    assert.match(said(report), /2 lines are of no chain/);
    await at.remove();
  });

  it('is what a file looks like that somebody put beside a log: it does not pass', async () => {
    const at = await createCase();
    await writeLog(at, 3);
    const before = await check(at, true);
    assert.equal(before.outcome, 'proven', said(before));
    const planted = at.path.replace(/\.log$/, '-2026-01-01T00-00-00.000.log');
    await writeFile(planted, '{"kind":"Event","user":{"username":"framed"},"annotations":{"a":"b"}}\n');
    const report = await check(at, true);
    assert.equal(report.outcome, 'unproven', said(report));
    assert.equal(report.files.length, 2);
    await at.remove();
  });
});

describe('a log that is written while it is verified', () => {
  it('is proven up to its last checkpoint, and the tail is counted', async () => {
    const at = await createCase();
    const { audit, exchange } = await openAudit(at);
    await exchange();
    await untilCheckpoint(at);
    // With the end of the first, too few for another checkpoint.
    await exchange();
    await exchange();
    const report = await check(at, true);
    assert.equal(report.outcome, 'proven', said(report));
    assert.ok(report.tailLines >= 2 && report.tailLines < report.lines, String(report.tailLines));
    await audit.close();
    await at.remove();
  });
});
