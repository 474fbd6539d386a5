// The recordings commands on a directory of recordings: lists, replays, other forms and searches of ordinary, encrypted,
// damaged and hostile ones.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { spawn } from '@lydell/node-pty';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { createEncrypt } from '../../src/age/age.ts';
import { printTable } from '../../src/cli/admin/table.ts';
import { main } from '../../src/cli/main.ts';
import { createDirectoryStore } from '../../src/record/store/directory-store.ts';
import { createEncryptedStore } from '../../src/record/store/encrypted-store.ts';

const run = promisify(execFile);
const hasAsciinema = await run('asciinema', ['--version']).then(
  () => true,
  () => false,
);

let directory: string;
let identityFile: string;
let recipient: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gateway-recordings-'));
  identityFile = join(await mkdtemp(join(tmpdir(), 'gateway-identity-')), 'identity.txt');
  const identity = await generateIdentity();
  recipient = await identityToRecipient(identity);
  await writeFile(identityFile, `# an auditor\n${identity}\n`);
});
after(async () => {
  await rm(directory, { recursive: true });
  await rm(join(identityFile, '..'), { recursive: true });
});

interface Written {
  readonly events?: readonly (readonly [number, string, string])[];
  readonly tty?: boolean;
  readonly user?: string;
  readonly startedAt?: string;
  readonly encrypted?: boolean;
  readonly ended?: boolean;
  readonly title?: string;
  /** Lines in each segment. */
  readonly perSegment?: number;
}

async function write(written: Written): Promise<string> {
  const {
    events = [],
    tty = true,
    user = 'alice',
    encrypted = false,
    ended = true,
    perSegment = 3,
  } = written;
  const { startedAt = '2026-11-01T10:00:00.000Z', title = `${user}: exec` } = written;
  const id = crypto.randomUUID();
  const plain = createDirectoryStore({}, { directory, fsync: false });
  const encrypt = () => createEncrypt([recipient]);
  const store = encrypted ? createEncryptedStore({ store: plain, encrypt }) : plain;
  const kubeletGateway = { user, node: 'node-1', action: 'exec', namespace: 'default', pod: 'shell', tty };
  const recording = await store.begin(id, { kind: 'Begin', version: 1, id, startedAt, kubeletGateway });
  const header = { version: 3, term: { cols: 20, rows: 5 }, timestamp: 1_793_527_200, title, kubeletGateway };
  const lines = [header, ...events].map((line) => Buffer.from(`${JSON.stringify(line)}\n`));
  for (let at = 0, number = 1; at < lines.length; at += perSegment, number += 1) {
    const segment = await recording.createSegment(`${String(number).padStart(8, '0')}.cast`, 1_000_000);
    await segment.append(lines.slice(at, at + perSegment));
    await recording.append({ kind: 'Segment', ...(await segment.close()), closedAt: startedAt });
  }
  if (ended) {
    const endedAt = '2026-11-01T10:01:00.000Z';
    await recording.append({ kind: 'End', endedAt, state: 'complete', reason: 'nodeClosed', exitCode: 3 });
  }
  recording.release();
  return id;
}

async function recordings(...args: readonly string[]) {
  const said = { out: '', err: '' };
  const terminal = {
    out: (text: string) => void (said.out += text),
    err: (text: string) => void (said.err += text),
  };
  const code = await main(['recordings', ...args, '--directory', directory], terminal);
  return { code, ...said };
}

describe('recordings list', () => {
  it('shows the newest first, filtered by who, where and when', async () => {
    const old = await write({ user: 'lister', startedAt: '2026-01-01T00:00:00.000Z' });
    const young = await write({ user: 'lister', startedAt: '2026-02-01T00:00:00.000Z', ended: false });
    const { code, out } = await recordings('list', '--user', 'lister');
    assert.equal(code, 0);
    const lines = out.trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^ID +STARTED +DURATION +USER +NODE +POD +ACTION +STATE +EXIT$/);
    assert.ok(lines[1]?.startsWith(young) && lines[1].includes('interrupted'));
    assert.ok(lines[2]?.startsWith(old) && lines[2].includes('complete'));
    const since = await recordings('list', '--user', 'lister', '--since', '2026-01-15T00:00:00Z');
    assert.ok(since.out.includes(young) && !since.out.includes(old));
    const until = await recordings('list', '--user', 'lister', '--until', '2026-01-15T00:00:00Z');
    assert.ok(!until.out.includes(young) && until.out.includes(old));
    for (const flag of ['node', 'namespace', 'pod']) {
      assert.equal((await recordings('list', `--${flag}`, 'other')).out, '');
    }
  });

  it('steers no terminal, whatever a user is called', async () => {
    await write({ user: '\u001b]52;c;ZXZpbA==\u0007evil\u202e' });
    const { out } = await recordings('list', '--wide');
    assert.ok(out.includes('evil'));
    assert.ok(!/[\u001b\u0007\u202e]/.test(out));
  });
});

describe('a table', () => {
  it('has as many rows as there are', () => {
    const rows = Array.from({ length: 300_000 }, () => ({ cells: ['x'] }));
    let lines = 0;
    const terminal = { out: () => (lines += 1), err: () => undefined };
    const table = { kind: 'Table', columnDefinitions: [{ name: 'a', priority: 0 }], rows };
    printTable(table, { wide: false }, terminal, '');
    assert.equal(lines, 300_001);
  });
});

describe('recordings play', () => {
  const HOSTILE =
    '\u001b]52;c;ZXZpbA==\u0007\u001b]0;title\u0007\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\\u001b[c\u001b[6n';

  it('shows the output, and what is about it beside', async () => {
    const id = await write({
      events: [
        [0, 'o', 'hello \u001b[31mred'],
        [0, 'm', 'kubelet-gateway: ended'],
        [0, 'x', '3'],
      ],
    });
    const { code, out, err } = await recordings('play', id);
    assert.equal(code, 0);
    assert.ok(out.startsWith('hello \u001b[31mred\u001b[!p'), JSON.stringify(out));
    assert.match(err, /alice: exec\n\nkubelet-gateway: ended\n\nexit code 3\n/);
  });

  it('marks what would reach beyond the screen, and does none of it', async () => {
    const cut = HOSTILE.split('').map((text) => [0, 'o', text] as const);
    for (const events of [[[0, 'o', HOSTILE] as const], cut]) {
      const id = await write({ events });
      const { out } = await recordings('play', id);
      assert.ok(!out.includes('\u001b]'), JSON.stringify(out));
      assert.ok(!out.includes('ZXZpbA') && !out.includes('\u001b[c') && !out.includes('\u001b[6n'));
      for (const what of ['OSC 52', 'OSC 0', 'OSC 8', 'CSI c', 'CSI 6n'])
        assert.ok(out.includes(`[${what}]`), what);
      assert.ok(out.includes('link'));
    }
  });

  it('keeps the lines of a session without a terminal from becoming stairs', async () => {
    const id = await write({ tty: false, events: [[0, 'o', 'a\nb\r\nc\n']] });
    assert.equal((await recordings('play', id)).out, 'a\r\nb\r\nc\r\n');
  });

  it('goes at the speed that is asked for, and cuts pauses', async () => {
    const id = await write({
      events: [
        [100, 'o', 'x'],
        [100_000, 'o', 'y'],
      ],
    });
    const { out } = await recordings('play', id, '--speed', '1000', '--idle-limit', '100ms');
    assert.equal(out, 'xy');
  });
});

describe('recordings export', () => {
  const events: readonly (readonly [number, string, string])[] = [
    [0.5, 'o', 'he'],
    [0, 'r', '30x10'],
    [0.25, 'o', 'llo \u001b[1mbold\u001b[0m\r\n'],
    [0, 'e', ''],
    [0, 'o', 'error\r\n'],
    [0, 'i', 'typed'],
    [0, 'b', Buffer.from([0xff, 0x41]).toString('base64')],
    [0, 'o', '\ufffdA'],
    [0, 'O', Buffer.from([0, 1, 2]).toString('base64')],
    [0, 'f', '{"name":"x"}'],
    [0, 'm', 'kubelet-gateway: ended'],
    [0, 'x', '0'],
  ];

  it('hands out asciicast v3 as it was stored', async () => {
    const id = await write({ events });
    const { out } = await recordings('export', id);
    const names = (await readdir(join(directory, id))).filter((name) => name.endsWith('.cast')).toSorted();
    const stored = await Promise.all(names.map((name) => readFile(join(directory, id, name), 'utf8')));
    assert.ok(names.length > 1);
    assert.equal(out, stored.join(''));
  });

  it('makes asciicast v2 of it', async () => {
    const id = await write({ events });
    const { out } = await recordings('export', id, '--format', 'asciicast-v2');
    const [head, ...lines] = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(head, {
      version: 2,
      width: 20,
      height: 5,
      timestamp: 1_793_527_200,
      title: 'alice: exec',
    });
    assert.deepEqual(lines, [
      [0.5, 'o', 'he'],
      [0.5, 'r', '30x10'],
      [0.75, 'o', 'llo \u001b[1mbold\u001b[0m\r\n'],
      [0.75, 'o', 'error\r\n'],
      [0.75, 'i', 'typed'],
      [0.75, 'o', '\ufffdA'],
      [0.75, 'o', '\u0000\u0001\u0002'],
      [0.75, 'm', 'kubelet-gateway: ended'],
    ]);
  });

  it('is v2 to the stock player', { skip: hasAsciinema ? false : 'asciinema is not installed' }, async () => {
    const id = await write({ events: events.filter(([, code]) => code !== 'O') });
    const file = join(directory, `${id}.v2`);
    assert.equal((await recordings('export', id, '--format', 'asciicast-v2', '--output', file)).code, 0);
    const home = { ...process.env, HOME: directory, TERM: 'xterm' };
    for (const args of [['cat'], ['play', '--speed', '100']]) {
      // It wants a terminal, in which to look for keys.
      const player = spawn('asciinema', [...args, file], { env: home, cols: 80, rows: 24 });
      let shown = '';
      player.onData((text) => (shown += text));
      const code = await new Promise((resolve) => player.onExit(({ exitCode }) => resolve(exitCode)));
      assert.equal(code, 0, shown);
      assert.ok(shown.includes('hello \u001b[1mbold\u001b[0m'), JSON.stringify(shown));
      assert.ok(shown.includes('error'), JSON.stringify(shown));
    }
    await rm(file);
    await rm(join(directory, '.config'), { recursive: true, force: true });
  });

  it('makes text of what was on the screen', async () => {
    const many = Array.from({ length: 40 }, (_, at) => [0, 'o', `line ${at}\r\n`] as const);
    const id = await write({
      events: [
        ...many,
        [0, 'o', 'wrong\rright\u001b[K\r\n'],
        [0, 'o', 'a long line that is wrapped\u001b]0;x\u0007'],
      ],
    });
    const { out } = await recordings('export', id, '--format', 'text');
    const lines = [...many.map((_, at) => `line ${at}`), 'right', 'a long line that is wrapped'];
    assert.equal(out, `${lines.join('\n')}\n`);
  });

  it('gives the bytes back', async () => {
    const id = await write({ events });
    const file = join(directory, 'raw');
    await recordings('export', id, '--format', 'raw', '--output', file);
    const expected = Buffer.concat([
      Buffer.from('hello \u001b[1mbold\u001b[0m\r\nerror\r\n'),
      Buffer.from([0xff, 0x41, 0, 1, 2]),
    ]);
    assert.deepEqual(await readFile(file), expected);
    // And never over a file that is there.
    const again = await recordings('export', id, '--format', 'raw', '--output', file);
    assert.equal(again.code, 2);
    assert.match(again.err, /is there already/);
    await rm(file);
  });
});

describe('an export that goes to a terminal', () => {
  const ACTS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;
  const HOSTILE = '\u009d52;c;eA==\u009c\u202e\u001b]0;x\u0007\u007f';

  it('holds no character on which it acts, and means the same', async () => {
    const id = await write({ events: [[0, 'o', HOSTILE]], title: HOSTILE });
    for (const [format, event] of [
      ['asciicast-v3', [0, 'o', HOSTILE]],
      ['asciicast-v2', [0, 'o', HOSTILE]],
    ] as const) {
      const { out } = await recordings('export', id, '--format', format);
      assert.ok(!ACTS.test(out), format);
      const [head = '', line = ''] = out.split('\n');
      assert.equal((JSON.parse(head) as { title: string }).title, HOSTILE);
      assert.deepEqual(JSON.parse(line), event);
    }
    assert.ok(!ACTS.test((await recordings('export', id, '--format', 'text')).out));
  });

  it('nor does what somebody wrote in the place of a recording', async () => {
    const id = await write({});
    const file = join(directory, id, '00000001.cast');
    const message = JSON.stringify({ atMs: 1e300, event: 'message', connection: 1, text: HOSTILE });
    await writeFile(file, `{"kind":"PortForward"}\n${message}\n\u001b]52;c;eA==\u0007\n`);
    for (const args of [
      ['export', id],
      ['export', id, '--format', 'text'],
      ['play', id],
      ['search', 'message'],
    ]) {
      const { out } = await recordings(...args);
      assert.ok(out.includes('message'), args.join(' '));
      assert.ok(!ACTS.test(out), args.join(' '));
    }
    await rm(join(directory, id), { recursive: true });
  });

  it('is refused where it would be raw', async () => {
    const id = await write({ events: [[0, 'o', HOSTILE]] });
    const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
    const args = [MAIN, 'recordings', 'export', id, '--directory', directory, '--format', 'raw'];
    const terminal = spawn(process.execPath, args, { cols: 200, rows: 24 });
    let shown = '';
    terminal.onData((text) => (shown += text));
    const code = await new Promise((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
    assert.equal(code, 2, shown);
    assert.match(shown, /raw output does to a terminal what the session said/);
    assert.ok(!/[\u0007\u009d]/.test(shown));
    const { stdout } = await run(process.execPath, args);
    assert.equal(stdout, HOSTILE);
  });
});

describe('recordings search', () => {
  it('finds what was seen, however it came to be there', async () => {
    const id = await write({
      user: 'searched',
      events: [
        [1, 'o', 'pass'],
        [1, 'o', '\u001b[1mword\u001b[0m: '],
        [1, 'o', '\r\n\u001b[5;10Hright\u001b[5;1Hleft and\u001b[5;10H'],
        [1, 'o', '\u001b[2J\u001b[Hwrapped over two lines of the screen'],
        [3600, 'o', '\r\nmist\b\bre'],
      ],
    });
    const rows: readonly (readonly [string, string, string])[] = [
      ['password:', '0:00:02.000', 'password:'],
      ['left and right', '0:00:03.000', 'left and right'],
      ['two lines of the', '0:00:04.000', 'wrapped over two lines of the screen'],
      ['mire', '1:00:04.000', 'mire'],
    ];
    for (const [text, offset, line] of rows) {
      const { code, out } = await recordings('search', text, '--user', 'searched');
      assert.equal(out, `${id}  ${offset}  ${line}\n`, text);
      assert.equal(code, 0);
    }
    assert.equal((await recordings('search', 'PassWord', '--user', 'searched')).code, 1);
    assert.equal((await recordings('search', 'PassWord', '-i', '--user', 'searched')).code, 0);
    // What was never on the screen in one piece.
    assert.equal((await recordings('search', '[1mword', '--user', 'searched')).code, 1);
  });

  it('finds what scrolled by within one piece, and each time that it comes', async () => {
    const text = Array.from({ length: 500 }, (_, at) => `row ${at}\r\n`).join('');
    const id = await write({
      user: 'scroller',
      events: [
        [1, 'o', text],
        [1, 'o', '\u001b[2J\u001b[H'],
        [1, 'o', 'row 250'],
      ],
    });
    const { out } = await recordings('search', 'row 250', '--user', 'scroller');
    assert.equal(out, `${id}  0:00:01.000  row 250\n${id}  0:00:03.000  row 250\n`);
  });

  it('finds wide characters, accents and text with what cannot be seen in it', async () => {
    const wide = '日本語'.repeat(14);
    const id = await write({
      user: 'wide',
      events: [
        // Of the 80 columns the last is left: the next character does not fit into it.
        [1, 'o', `-${wide}`],
        [1, 'o', '\u001b[2J\u001b[H日本語\u001b[1;3HXX\u001b[1;1H'],
        [1, 'o', '\u001b[2J\u001b[Hcafe\u0301 se\u200bcr\u2060et'],
      ],
    });
    for (const [text, offset, line] of [
      [wide, '0:00:01.000', `-${wide}`],
      ['日XX語', '0:00:02.000', '日XX語'],
      ['café', '0:00:03.000', 'cafe\u0301 se\uFFFDcr\uFFFDet'],
      ['secret', '0:00:03.000', 'cafe\u0301 se\uFFFDcr\uFFFDet'],
    ] as const) {
      const { code, out } = await recordings('search', text, '--user', 'wide');
      assert.equal(out, `${id}  ${offset}  ${line}\n`, text);
      assert.equal(code, 0);
    }
  });

  it('finds what is in a recording with times that cannot be', async () => {
    const id = await write({ user: 'timeless', events: [[1, 'o', 'needle one\r\n']] });
    const file = join(directory, id, '00000001.cast');
    const text = await readFile(file, 'utf8');
    const later = Array.from({ length: 2000 }, () => '[300000000,"o",""]\n').join('');
    await writeFile(file, `${text}[1e999,"o","lost"]\n${later}[0,"o","needle two"]\n`);
    const { code, out, err } = await recordings('search', 'needle', '--user', 'timeless');
    assert.equal(code, 1);
    assert.match(out, /needle one\n.*needle two\n/);
    assert.match(err, /there is a line that is no event/);
    assert.ok(!err.includes('RangeError') && !err.includes('Invalid time'), err);
    await rm(join(directory, id), { recursive: true });
  });

  it('prints nothing that acts', async () => {
    await write({ user: 'hostile', events: [[0, 'o', 'find\u202eme \u001b]52;c;eA==\u0007here']] });
    const { out } = await recordings('search', 'here', '--user', 'hostile');
    assert.match(out, /find\uFFFDme here/);
  });
});

describe('an encrypted recording', () => {
  it('is listed by anybody, and read by whoever has the identity', async () => {
    const id = await write({ user: 'sealed', encrypted: true, events: [[0, 'o', 'secret text']] });
    assert.match((await recordings('list', '--user', 'sealed', '--wide')).out, / yes /);
    for (const verb of ['play', 'export']) {
      const { code, err } = await recordings(verb, id);
      assert.equal(code, 1);
      assert.match(err, /is encrypted, and --identity is missing/);
    }
    const { code, err } = await recordings('search', 'secret', '--user', 'sealed');
    assert.equal(code, 1);
    assert.match(err, /not all of what was asked about could be searched/);
    assert.equal((await recordings('play', id, '--identity', identityFile)).out, 'secret text');
    const found = await recordings('search', 'secret', '--user', 'sealed', '--identity', identityFile);
    assert.match(found.out, /secret text/);
  });

  it('is not opened by another identity, which is not shown', async () => {
    const id = await write({ encrypted: true, events: [[0, 'o', 'secret text']] });
    const other = join(directory, 'other.txt');
    const identity = await generateIdentity();
    await writeFile(other, identity);
    const { code, err } = await recordings('play', id, '--identity', other);
    assert.equal(code, 1);
    assert.match(err, /no identity matched/);
    await writeFile(other, identity.slice(0, -3));
    const wrong = await recordings('play', id, '--identity', other);
    assert.equal(wrong.code, 2);
    assert.ok(!wrong.err.includes(identity.slice(20, -5)));
    await rm(other);
  });
});

describe('a recording that is not as it was', () => {
  it('is played, with a warning, when a segment was changed', async () => {
    const id = await write({
      events: [
        [0, 'o', 'one'],
        [0, 'o', 'two'],
        [0, 'o', 'three'],
      ],
    });
    await appendFile(join(directory, id, '00000002.cast'), '[0,"o","forged"]\n');
    const { code, err } = await recordings('play', id);
    assert.equal(code, 1);
    assert.match(err, /00000002\.cast is not what the manifest says: it has \d+ bytes, not \d+\n/);
  });

  it('says of bytes that were changed in their place that they were', async () => {
    const id = await write({ events: [[0, 'o', 'one']] });
    const file = join(directory, id, '00000001.cast');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"one"', '"two"'));
    const { code, out, err } = await recordings('play', id);
    assert.equal(code, 1);
    assert.equal(out, 'two');
    assert.match(err, /00000001\.cast is not what the manifest says: it was changed/);
  });

  const NUMBERS = [1, 2, 3, 4, 5, 6].map((number) => [0, 'o', `${number} `] as const);
  const fileOf = (id: string, number: number): string => join(directory, id, `0000000${number}.cast`);

  it('says which segments are missing or emptied, and shows the others', async () => {
    const id = await write({ events: NUMBERS, perSegment: 2 });
    await rm(fileOf(id, 2));
    await writeFile(fileOf(id, 3), '');
    for (const args of [['play', id] as const, ['export', id, '--format', 'text'] as const]) {
      const { code, out, err } = await recordings(...args);
      assert.equal(code, 1);
      assert.equal(out.trimEnd(), '1 6');
      assert.match(err, /00000002\.cast is missing\n/);
      assert.match(err, /00000003\.cast is not what the manifest says: it has 0 bytes, not \d+\n/);
      assert.ok(!/00000001|00000004|ENOENT/.test(err), err);
    }
    const v3 = await recordings('export', id);
    assert.equal(v3.code, 1);
    assert.deepEqual(v3.out.match(/[1-6] (?=")/g), ['1 ', '6 ']);
    assert.match(v3.err, /00000002\.cast is missing\n/);
    const { code, out, err } = await recordings('search', '6');
    assert.equal(code, 1);
    assert.ok(out.includes(id));
    assert.match(err, /00000002\.cast is missing\n/);
    const { out: list } = await recordings('list');
    assert.match(list, new RegExp(`${id}.*complete, 1 segment missing`));
  });

  it('is shown without its beginning', async () => {
    const id = await write({ events: NUMBERS, perSegment: 2 });
    await rm(fileOf(id, 1));
    const { code, out, err } = await recordings('play', id);
    assert.equal(code, 1);
    assert.equal(out, '2 3 4 5 6 ');
    assert.match(err, /00000001\.cast is missing\n/);
    assert.match(err, /its beginning is missing/);
  });

  it('says of an encrypted one too which segments are missing or emptied', async () => {
    const id = await write({ encrypted: true, events: NUMBERS, perSegment: 2 });
    await rm(`${fileOf(id, 2)}.age`);
    await writeFile(`${fileOf(id, 3)}.age`, '');
    const { code, out, err } = await recordings('play', id, '--identity', identityFile);
    assert.equal(code, 1);
    assert.equal(out, '1 6 ');
    assert.match(err, /00000002\.cast\.age is missing\n/);
    assert.match(err, /00000003\.cast\.age is not what the manifest says: it has 0 bytes, not \d+\n/);
  });

  it('shows what was taken out of its manifest', async () => {
    const id = await write({ events: NUMBERS, perSegment: 2 });
    const manifest = join(directory, id, 'manifest.jsonl');
    const lines = (await readFile(manifest, 'utf8')).split('\n');
    await writeFile(manifest, lines.toSpliced(2, 1).join('\n'));
    await rm(fileOf(id, 2));
    const { code, err } = await recordings('play', id);
    assert.equal(code, 1);
    assert.match(err, /its manifest has lines that do not follow from each other/);
    assert.match(err, /its manifest names segment 3 where segment 2 would be/);
  });

  it('has a line of its manifest that is none: the others are read, and that is said', async () => {
    const id = await write({ events: NUMBERS, perSegment: 2 });
    const manifest = join(directory, id, 'manifest.jsonl');
    const text = await readFile(manifest, 'utf8');
    await writeFile(manifest, text.replace('"kind":"Segment"', '"kind":"Segment",'));
    const { code, out, err } = await recordings('play', id);
    assert.equal(code, 1);
    assert.ok(out.includes('6 '));
    assert.match(err, /its manifest has lines that do not follow from each other/);
    assert.match(err, /00000001\.cast is not named in the manifest/);
  });

  it('is listed without its manifest, as such', async () => {
    const id = await write({ events: NUMBERS });
    await rm(join(directory, id, 'manifest.jsonl'));
    const { out } = await recordings('list', '--wide');
    assert.match(out, new RegExp(`${id}.*its manifest is missing`));
    await rm(join(directory, id), { recursive: true });
  });

  it('is an error when an encrypted segment was changed or cut, which is named', async () => {
    const id = await write({ encrypted: true, events: [[0, 'o', 'secret text']] });
    const file = join(directory, id, '00000001.cast.age');
    const stored = await readFile(file);
    for (const changed of [stored.subarray(0, -1), Buffer.concat([stored, Buffer.from('x')])]) {
      await writeFile(file, changed);
      const { code, out, err } = await recordings('play', id, '--identity', identityFile);
      assert.equal(code, 1);
      assert.ok(!out.includes('secret'));
      assert.match(err, /00000001\.cast\.age/);
    }
  });

  it('says of an encrypted segment that was not finished that it cannot be read', async () => {
    const id = await write({ encrypted: true, ended: false, events: [[0, 'o', 'proven']] });
    const whole = await readFile(join(directory, id, '00000001.cast.age'));
    for (const cut of [0, 50, whole.length - 5]) {
      await writeFile(join(directory, id, '00000002.cast.age'), whole.subarray(0, cut));
      const { code, out, err } = await recordings('play', id, '--identity', identityFile);
      assert.equal(code, 1);
      assert.equal(out, 'proven');
      assert.match(err, /00000002\.cast\.age was not finished/);
    }
  });

  it('is read up to where a dead gateway came, and says what is not proven', async () => {
    const id = await write({ ended: false, events: [[0, 'o', 'proven ']] });
    await writeFile(join(directory, id, '00000002.cast'), '[0,"o","open"]\n[0,"o","to');
    const { code, out, err } = await recordings('play', id);
    assert.equal(code, 1);
    assert.equal(out, 'proven open');
    assert.match(err, /00000002\.cast is not named in the manifest/);
    assert.match(err, /ends in the middle of a line/);
  });

  it('is not followed out of its folder', async () => {
    const id = await write({ events: [] });
    const manifest = join(directory, id, 'manifest.jsonl');
    const entry = { kind: 'Segment', file: '../../../../etc/passwd', bytes: 1, sha256: '', closedAt: '' };
    await appendFile(manifest, `${JSON.stringify(entry)}\n`);
    const { out } = await recordings('export', id);
    assert.ok(!out.includes('root:'));
    for (const name of ['../x', '..', '/etc/passwd', 'ABC']) {
      const { code, err } = await recordings('export', name);
      assert.equal(code, 2);
      assert.match(err, /is a UUID/);
    }
  });
});

describe('mistakes', () => {
  const id = crypto.randomUUID();
  const rows: readonly (readonly [readonly string[], RegExp, number])[] = [
    [[], /list, play, export or search\?/, 2],
    [['play'], /the id of the recording is missing/, 2],
    [['search'], /the text to search for is missing/, 2],
    [['play', id, '--speed', '0'], /--speed/, 2],
    [['play', id, '--user', 'x'], /play does not take --user/, 2],
    [['export', id, '--format', 'gif'], /--format: asciicast-v3, asciicast-v2, text, raw/, 2],
    [['list', '--since', 'yesterday'], /--since: a time such as/, 2],
    [['list', '--node', 'no such/node'], /--node/, 2],
    [['list', '--config', 'x'], /where from\?/, 2],
    [['play', id, '--identity', 'gone'], /--identity: the file cannot be read/, 2],
    [['play', id], /there is no recording/, 1],
  ];
  for (const [args, message, expected] of rows) {
    it(`recordings ${args.join(' ').replace(id, 'ID')}`, async () => {
      const { code, err } = await recordings(...args);
      assert.match(err, message);
      assert.equal(code, expected);
    });
  }
});
