// Recordings read back and deleted, in a directory and in an S3 store; what retention deletes, and what it never does.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import type { SessionId } from '../../src/core/operation.ts';
import { isSessionId } from '../../src/core/operation.ts';
import type { RecordingArchive, RecordingSummary } from '../../src/core/recording-archive.ts';
import { getWhole } from '../../src/object-store/object-store.ts';
import type { ObjectStore } from '../../src/object-store/object-store.ts';
import { createS3Store } from '../../src/object-store/s3.ts';
import { createDirectoryArchive, removeDeleted } from '../../src/record/archive/directory-archive.ts';
import { createObjectArchive } from '../../src/record/archive/object-archive.ts';
import { NO_PREVIOUS, digestOf } from '../../src/record/manifest.ts';
import { createRetention, toDelete } from '../../src/record/retention.ts';
import { createDirectoryStore } from '../../src/record/store/directory-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY, startS3Server } from '../support/s3-server.ts';
import type { S3Server } from '../support/s3-server.ts';
import { eventually } from '../support/scenario.ts';

const clock = createFakeClock();
let directory: string;
let server: S3Server;
let objects: ObjectStore;
const PREFIX = 'cluster/';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gateway-archive-'));
  server = await startS3Server();
  await writeFile(join(directory, 'key-id'), ACCESS_KEY_ID);
  await writeFile(join(directory, 'key'), SECRET_ACCESS_KEY);
  objects = createS3Store({
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket: BUCKET,
    prefix: PREFIX,
    forcePathStyle: true,
    accessKeyIdFile: join(directory, 'key-id'),
    secretAccessKeyFile: join(directory, 'key'),
    certificateAuthority: server.certificateAuthority,
  });
});
after(async () => {
  objects.close();
  await server.close();
  await rm(directory, { recursive: true });
});

const newId = (): SessionId => {
  const id = crypto.randomUUID();
  assert.ok(isSessionId(id));
  return id;
};

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) assert.ok(chunk.length > 0);
}

interface Kind {
  readonly name: string;
  /** In a listing. */
  readonly looksForSegments: boolean;
  readonly archive: () => RecordingArchive;
  put(id: SessionId, file: string, text: string): Promise<unknown>;
  tombstone(id: SessionId): Promise<string | undefined>;
  names(): Promise<readonly string[]>;
}

const KINDS: readonly Kind[] = [
  {
    name: 'a directory',
    looksForSegments: true,
    archive: () => createDirectoryArchive({ clock }, directory),
    put: async (id, file, text) => {
      await mkdir(join(directory, id), { recursive: true });
      await writeFile(join(directory, id, file), text);
    },
    tombstone: async (id) =>
      (await readFile(join(directory, 'pruned.jsonl'), 'utf8').catch(() => ''))
        .split('\n')
        .findLast((line) => line.includes(id)),
    names: () => readdir(directory),
  },
  {
    name: 'an S3 store',
    looksForSegments: false,
    archive: () => createObjectArchive({ clock, objects }, PREFIX),
    put: (id, file, text) => objects.putNew(`${PREFIX}${id}/${file}`, Buffer.from(text)),
    tombstone: async (id) => (await getWhole(objects, `${PREFIX}pruned/${id}.json`))?.toString().trimEnd(),
    names: async () => {
      const names: string[] = [];
      for await (const { key } of objects.list(PREFIX))
        names.push(key.slice(PREFIX.length).split('/')[0] ?? '');
      return names;
    },
  },
];

const toLine = (entry: object): string => `${JSON.stringify(entry)}\n`;
const toBegin = (user: string, startedAt = '2026-11-01T00:00:00.000Z'): string =>
  toLine({
    kind: 'Begin',
    version: 1,
    startedAt,
    kubeletGateway: { user, node: 'n', namespace: 'd', pod: 'p' },
  });
/** Lines that name each other. */
function toLinked(manifest: string): string {
  let previous = NO_PREVIOUS;
  return manifest.replace(/.+/g, (line) => {
    const linked = line.replace(/\}$/, `,"previous":"${previous}"}`);
    previous = digestOf(linked);
    return linked;
  });
}
const SEGMENT = toLine({ kind: 'Segment', file: '00000001.cast', bytes: 4, sha256: 'x' });
const END = toLine({ kind: 'End', endedAt: '2026-11-01T00:01:00.000Z', state: 'complete', exitCode: 0 });

for (const kind of KINDS) {
  describe(`the archive of ${kind.name}`, () => {
    const put = async (user: string, manifest: string, files: Readonly<Record<string, string>> = {}) => {
      const id = newId();
      await kind.put(id, 'manifest.jsonl', manifest);
      for (const [file, text] of Object.entries(files)) await kind.put(id, file, text);
      return { id, user };
    };

    it('lists by each filter, the newest first', async () => {
      const user = newId();
      const a = await put(user, toBegin(user, '2026-11-01T00:00:00.000Z') + SEGMENT + END);
      const b = await put(user, toBegin(user, '2026-11-02T00:00:00.000Z'));
      const archive = kind.archive();
      const found = await archive.list({ user });
      assert.deepEqual(
        found.map(({ id, state, bytes, segments }) => [id, state, bytes, segments]),
        [
          [b.id, 'interrupted', 0, 0],
          [a.id, 'complete', 4, 1],
        ],
      );
      const noon = Date.parse('2026-11-01T12:00:00Z');
      assert.deepEqual(
        (await archive.list({ user, sinceMs: noon })).map(({ id }) => id),
        [b.id],
      );
      assert.deepEqual(
        (await archive.list({ user, untilMs: noon })).map(({ id }) => id),
        [a.id],
      );
      assert.deepEqual(await archive.list({ user: 'another' }), []);
    });

    it('reads what the manifest names, then what it does not', async () => {
      const { id } = await put('reader', toBegin('reader') + SEGMENT + '{"kind":"Seg', {
        '00000002.cast': 'tail',
        '00000001.cast': 'head',
        'notes.txt': 'not ours',
      });
      const archive = kind.archive();
      const files = await archive.files(id);
      assert.deepEqual(files, [
        { name: '00000001.cast', bytes: 4, proven: true },
        { name: '00000002.cast', bytes: 4, proven: false },
      ]);
      let text = '';
      for (const file of files)
        for await (const chunk of archive.read(id, file)) text += Buffer.from(chunk).toString();
      assert.equal(text, 'headtail');
      const [first] = files;
      assert.ok(first);
      for (const name of ['../key', '/etc/passwd', 'manifest.jsonl']) {
        await assert.rejects(drain(archive.read(id, { ...first, name })), /not the name of a segment/);
      }
      await assert.rejects(drain(archive.read('../x' as SessionId, first)), /not the id of a recording/);
    });

    it('says what is not there, or is not what the manifest says, before it is read', async () => {
      const second = toLine({ kind: 'Segment', file: '00000002.cast', bytes: 4, sha256: 'x' });
      const third = toLine({ kind: 'Segment', file: '00000003.cast', bytes: 4, sha256: 'x' });
      const { id } = await put('thief', toBegin('thief') + SEGMENT + second + third + END, {
        '00000001.cast': 'head',
        '00000003.cast': 'cut',
      });
      assert.deepEqual(await kind.archive().files(id), [
        { name: '00000001.cast', bytes: 4, proven: true },
        { name: '00000002.cast', bytes: 0, proven: true, problem: 'is missing', isMissing: true },
        {
          name: '00000003.cast',
          bytes: 3,
          proven: true,
          problem: 'is not what the manifest says: it has 3 bytes, not 4',
        },
      ]);
      const [listed] = await kind.archive().list({ user: 'thief' });
      assert.equal(listed?.missing, kind.looksForSegments ? 1 : undefined);
      assert.equal(listed?.segments, 3);
      assert.equal((await kind.archive().summary(id))?.missing, 1);
    });

    it('makes the best of a manifest that is no manifest', async () => {
      const { id } = await put(
        'x',
        '[]\nnull\n"text"\n{"kind":"Begin","kubeletGateway":7,"startedAt":1}\n\u0000\n',
      );
      const summary = await kind.archive().summary(id);
      assert.equal(summary?.state, 'interrupted');
      assert.equal(summary.user, '');
      const names =
        toLine({ kind: 'Segment', file: '../../key', bytes: 4 }) + toLine({ kind: 'Segment', file: 7 });
      const evil = await put('x', toBegin('x') + names);
      assert.deepEqual(await kind.archive().files(evil.id), []);
      const sizes = ['1e999', '-1', '0.5', '"1"'].map(
        (bytes, at) => `{"kind":"Segment","file":"0000000${at + 1}.cast","bytes":${bytes}}\n`,
      );
      const sized = await put('x', toBegin('x') + sizes.join(''));
      assert.equal((await kind.archive().summary(sized.id))?.bytes, 0);
    });

    it('deletes, and keeps a tombstone that names what is gone', async () => {
      const manifest = toBegin('gone') + SEGMENT + END;
      const { id } = await put('gone', manifest, { '00000001.cast': 'head' });
      const archive = kind.archive();
      assert.equal(await archive.delete(id, 'deleted by root'), true);
      assert.equal(await archive.summary(id), undefined);
      assert.equal(await archive.manifest(id), undefined);
      assert.deepEqual(await archive.files(id), []);
      assert.ok(!(await kind.names()).includes(id));
      const { deletedAt, ...tombstone } = JSON.parse((await kind.tombstone(id)) ?? '') as Record<
        string,
        unknown
      >;
      assert.equal(deletedAt, new Date(clock.now()).toISOString());
      assert.deepEqual(tombstone, {
        kind: 'Deleted',
        id,
        manifest: digestOf(END.trimEnd()),
        startedAt: '2026-11-01T00:00:00.000Z',
        segments: 1,
        bytes: 4,
        why: 'deleted by root',
      });
      assert.equal(await archive.delete(id, 'again'), false);
      assert.equal(await archive.delete(newId(), 'never there'), false);
    });
  });
}

describe('the archive of an S3 store', () => {
  it('lists the others, and says which manifest is longer than any, in one object or in many', async () => {
    const MIB = 2 ** 20;
    const [honest, whole, parts] = [newId(), newId(), newId()];
    const entry = (at: number): string => `${parts}/manifest/${String(at).padStart(8, '0')}.json`;
    const there = new Map<string, number>([
      [`${whole}/manifest.jsonl`, 65 * MIB],
      ...Array.from({ length: 2000 }, (_, at): [string, number] => [entry(at), MIB]),
    ]);
    let handedOut = 0;
    async function* zeros(bytes: number): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      for (let at = 0; at < bytes; at += MIB) {
        handedOut += MIB;
        yield Buffer.alloc(Math.min(MIB, bytes - at));
      }
    }
    const text = toBegin('honest') + SEGMENT + END;
    const hostile: ObjectStore = {
      ...objects,
      folders: () => ReadableStream.from([whole, honest, parts]),
      get: (key) => {
        if (key === `${honest}/manifest.jsonl`)
          return Promise.resolve(ReadableStream.from([Buffer.from(text)]));
        const bytes = there.get(key);
        return Promise.resolve(bytes === undefined ? undefined : zeros(bytes));
      },
      list: (prefix) =>
        ReadableStream.from(
          [...there].filter(([key]) => key.startsWith(prefix)).map(([key, bytes]) => ({ key, bytes })),
        ),
    };
    const archive = createObjectArchive({ clock, objects: hostile }, '');
    for (let times = 0; times < 3; times += 1) {
      const listed = await archive.list({});
      assert.deepEqual(
        new Map(listed.map(({ id, user, problem }) => [id, problem ?? user])),
        new Map([
          [honest, 'honest'],
          [whole, 'its manifest cannot be read: it is longer than 67108864 bytes'],
          [parts, 'its manifest cannot be read: it is longer than 67108864 bytes'],
        ]),
      );
    }
    assert.ok(handedOut < 300 * MIB, `${handedOut / MIB} MiB were read`);
    await assert.rejects(archive.summary(whole), /longer than/);
    const away = new Error('away');
    const down = createObjectArchive({ clock, objects: { ...hostile, get: () => Promise.reject(away) } }, '');
    await assert.rejects(down.list({}), away);
  });

  it('reads two lines of one without an end, however many it has', async () => {
    const user = newId();
    const [open, cut] = [newId(), newId()];
    const put = (id: string, file: string, text: string) =>
      objects.putNew(`long/${id}/${file}`, Buffer.from(text));
    const toEntry = (line: number): string => `manifest/${String(line).padStart(8, '0')}.json`;
    for (const id of [open, cut]) {
      await put(id, toEntry(1), toBegin(user));
      for (let at = 1; at <= 12; at += 1) {
        const file = `${String(at).padStart(8, '0')}.cast`;
        await put(id, file, 'head');
        await put(id, toEntry(at + 1), SEGMENT.replace('00000001.cast', file));
      }
    }
    // It had its end, and the manifest as a whole was not stored any more.
    await put(cut, toEntry(14), END);
    const archive = createObjectArchive({ clock, objects }, 'long/');
    const listed = await archive.list({ user });
    assert.deepEqual(
      new Map(listed.map(({ id, state, segments, bytes }) => [id, [state, segments, bytes]])),
      new Map([
        [open, ['interrupted', 12, 48]],
        [cut, ['complete', 12, 48]],
      ]),
    );
    const gets = (await server.requests()).filter((line) => line.startsWith(`GET /recordings/long/${open}/`));
    assert.equal(gets.length, 3, gets.join('\n'));
    assert.equal((await archive.summary(open))?.segments, 12);
  });

  it('reads the manifest of one that has ended once, however often it is listed', async () => {
    const user = newId();
    const ids = [newId(), newId()];
    const [done, open] = ids;
    await objects.putNew(`once/${done}/manifest.jsonl`, Buffer.from(toBegin(user) + END));
    // s3rver finds a folder only by an object right in it.
    await objects.putNew(`once/${open}/00000001.cast`, Buffer.from('head'));
    await objects.putNew(`once/${open}/manifest/00000001.json`, Buffer.from(toBegin(user)));
    const archive = createObjectArchive({ clock, objects }, 'once/');
    const reads = async (): Promise<number> =>
      (await server.requests()).filter((line) => line.startsWith(`GET /recordings/once/${done}/`)).length;
    for (let times = 0; times < 3; times += 1) assert.equal((await archive.list({ user })).length, 2);
    assert.equal(await reads(), 1);
    await objects.putNew(`once/${open}/manifest.jsonl`, Buffer.from(toBegin(user) + END));
    assert.ok((await archive.list({ user })).every(({ state }) => state === 'complete'));
    await objects.delete(`once/${done}/manifest.jsonl`);
    assert.deepEqual(
      (await archive.list({ user })).map(({ id }) => id),
      [open],
    );
  });
});

describe('the archive of a directory', () => {
  it('does not delete what this process writes', async () => {
    const running = new Set<string>();
    const id = newId();
    const store = createDirectoryStore({ running }, { directory, fsync: false });
    const recording = await store.begin(id, { kind: 'Begin', version: 1, id, startedAt: '' });
    const archive = createDirectoryArchive({ clock, running }, directory);
    assert.equal((await archive.summary(id))?.state, 'running');
    await assert.rejects(
      archive.delete(id, 'too early'),
      (error) => error instanceof Fault && error.code === 409,
    );
    recording.release();
    assert.equal((await archive.summary(id))?.state, 'interrupted');
    assert.equal(await archive.delete(id, 'now'), true);
  });

  it('does not follow a link that somebody put in the place of a segment', async () => {
    const id = newId();
    await mkdir(join(directory, id));
    await writeFile(join(directory, id, 'manifest.jsonl'), toBegin('x') + SEGMENT);
    await symlink(join(directory, 'key'), join(directory, id, '00000001.cast'));
    const archive = createDirectoryArchive({ clock }, directory);
    const [file] = await archive.files(id);
    assert.ok(file);
    await assert.rejects(drain(archive.read(id, file)), /ELOOP/);
  });

  it('lists the others, and says which manifest cannot be read: a link, a folder, a pipe', async () => {
    const folder = join(directory, 'odd');
    const odd = { link: newId(), folder: newId(), pipe: newId(), file: newId() };
    const good = newId();
    for (const id of [odd.link, odd.folder, odd.pipe, good])
      await mkdir(join(folder, id), { recursive: true });
    await writeFile(join(folder, good, 'manifest.jsonl'), toBegin('good') + SEGMENT);
    await writeFile(join(directory, 'elsewhere'), toBegin('elsewhere') + SEGMENT);
    await symlink(join(directory, 'elsewhere'), join(folder, odd.link, 'manifest.jsonl'));
    await mkdir(join(folder, odd.folder, 'manifest.jsonl'));
    execFileSync('mkfifo', [join(folder, odd.pipe, 'manifest.jsonl')]);
    await writeFile(join(folder, odd.file), 'no folder');
    const found = await createDirectoryArchive({ clock }, folder).list({});
    const problems = new Map(found.map(({ id, user, problem }) => [id, problem ?? user]));
    assert.deepEqual(Object.fromEntries(problems), {
      [good]: 'good',
      [odd.pipe]: '',
      [odd.link]: 'its manifest cannot be read (ELOOP)',
      [odd.folder]: 'its manifest cannot be read (EISDIR)',
    });
  });

  it('finishes a deletion in the middle of which the gateway died', async () => {
    const id = newId();
    await mkdir(join(directory, `${id}.deleted`));
    await mkdir(join(directory, 'other.deleted'));
    await removeDeleted(directory);
    const names = await readdir(directory);
    assert.ok(!names.includes(`${id}.deleted`) && names.includes('other.deleted'));
    await removeDeleted(join(directory, 'not there'));
  });

  it('is empty where there is no directory', async () => {
    const archive = createDirectoryArchive({ clock }, join(directory, 'not there'));
    assert.deepEqual(await archive.list({}), []);
    assert.equal(await archive.summary(newId()), undefined);
  });
});

const toSummary = (
  startedAt: string,
  bytes: number,
  more: Partial<RecordingSummary> = {},
): RecordingSummary => ({
  id: newId(),
  state: 'complete',
  encrypted: false,
  startedAt,
  user: '',
  node: '',
  action: '',
  namespace: '',
  pod: '',
  segments: 1,
  bytes,
  ...more,
});

describe('retention', () => {
  const NOW = Date.parse('2026-11-10T00:00:00Z');
  const DAY = 86_400_000;
  const old = toSummary('2026-11-01T00:00:00Z', 100);
  const middle = toSummary('2026-11-05T00:00:00Z', 100);
  const young = toSummary('2026-11-09T00:00:00Z', 100);
  const running = toSummary('2026-10-01T00:00:00Z', 1000, { state: 'running' });
  const long = toSummary('2026-10-01T00:00:00Z', 100, { endedAt: '2026-11-09T12:00:00Z' });
  const unknown = toSummary('', 100);
  const rows: readonly (readonly [
    string,
    readonly RecordingSummary[],
    Parameters<typeof toDelete>[1],
    readonly (readonly [RecordingSummary, string])[] | 'all',
  ])[] = [
    [
      'by age',
      [young, middle, old],
      { maxAgeMs: 3 * DAY },
      [
        [old, 'age'],
        [middle, 'age'],
      ],
    ],
    [
      'by size, the oldest first',
      [young, middle, old],
      { maxTotalBytes: 150 },
      [
        [old, 'size'],
        [middle, 'size'],
      ],
    ],
    ['nothing that fits', [young, middle, old], { maxTotalBytes: 300, maxAgeMs: 30 * DAY }, []],
    ['by age from the end', [long, old], { maxAgeMs: 3 * DAY }, [[old, 'age']]],
    ['never a running one, whatever its size', [running], { maxTotalBytes: 1, maxAgeMs: 1 }, []],
    ['a running one counts', [running, young], { maxTotalBytes: 500 }, [[young, 'size']]],
    [
      'none without an end that another gateway may still write',
      [toSummary('2026-11-09T18:00:00Z', 1000), young],
      { maxTotalBytes: 1, maxAgeMs: 1, unfinishedMs: DAY / 2 },
      [[young, 'age']],
    ],
    [
      'one without an end that was given up long ago',
      [young],
      { maxAgeMs: 1, unfinishedMs: DAY / 2 },
      [[young, 'age']],
    ],
    [
      'one that has ended, however young',
      [toSummary('2026-11-09T18:00:00Z', 100, { endedAt: '2026-11-09T19:00:00Z' })],
      { maxTotalBytes: 1, unfinishedMs: DAY },
      'all',
    ],
    ['without a time: never for its age', [unknown], { maxAgeMs: 1 }, []],
    ['without a time: last for its size', [unknown, old], { maxTotalBytes: 100 }, [[old, 'size']]],
  ];
  for (const [what, all, settings, expected] of rows) {
    it(what, () => {
      const found = toDelete(all, settings, NOW).map(({ summary, reason }) => [summary.id, reason]);
      assert.deepEqual(
        found,
        expected === 'all'
          ? all.map(({ id }) => [id, 'size'])
          : expected.map(([summary, reason]) => [summary.id, reason]),
      );
    });
  }

  it('looks at intervals, says what it deletes, and goes on after an error', async () => {
    const folder = join(directory, 'retained');
    const write = async (startedAt: string): Promise<SessionId> => {
      const id = newId();
      await mkdir(join(folder, id), { recursive: true });
      await appendFile(join(folder, id, 'manifest.jsonl'), toLinked(toBegin('kept', startedAt) + SEGMENT));
      return id;
    };
    const own = createFakeClock();
    const first = await write(new Date(own.now() - 2 * DAY).toISOString());
    const second = await write(new Date(own.now() - DAY / 2).toISOString());
    const log = createKeptLog();
    const reasons: string[] = [];
    const archive = createDirectoryArchive({ clock: own }, folder);
    let isBroken = true;
    const retention = createRetention(
      {
        clock: own,
        log,
        archive: {
          ...archive,
          delete: (...asked) => (isBroken ? Promise.reject(new Error('no')) : archive.delete(...asked)),
        },
        onDeleted: (reason) => reasons.push(reason),
      },
      { maxAgeMs: DAY },
    );
    retention.start();
    await eventually('a warning', () => (log.lines.some(({ level }) => level === 'warn') ? true : undefined));
    isBroken = false;
    await eventually('the next look', () => (own.pending === 1 ? true : undefined));
    own.advance(10 * 60_000);
    await eventually('a deletion', () => (reasons.length === 1 ? true : undefined));
    assert.ok(
      log.lines.some(
        ({ message, fields }) => message === 'a recording was deleted' && fields['recording'] === first,
      ),
    );
    assert.deepEqual(
      (await archive.list({})).map(({ id }) => id),
      [second],
    );
    await retention.stop();
    assert.equal(own.pending, 0);
  });

  it('does not delete for its age what was made old behind its digests', async () => {
    const folder = join(directory, 'made-old');
    const own = createFakeClock();
    const id = newId();
    await mkdir(join(folder, id), { recursive: true });
    const manifest = toLinked(toBegin('kept', new Date(own.now()).toISOString()) + SEGMENT);
    const old = manifest.replace(/"startedAt":"\d+/, '"startedAt":"2001');
    await writeFile(join(folder, id, 'manifest.jsonl'), old);
    const log = createKeptLog();
    const archive = createDirectoryArchive({ clock: own }, folder);
    const onDeleted = (): never => assert.fail('it is deleted');
    const retention = createRetention({ clock: own, log, archive, onDeleted }, { maxAgeMs: DAY });
    retention.start();
    await eventually('the end of the look', () => (own.pending === 1 ? true : undefined));
    await retention.stop();
    assert.deepEqual(
      log.lines.map(({ message, fields }) => [message, fields['recording']]),
      [['an old recording stays: its manifest was changed', id]],
    );
    assert.equal((await archive.summary(id))?.startedAt.slice(0, 4), '2001');
  });

  const LIES: readonly (readonly [string, string])[] = [
    ['more than all the others together', toLine({ kind: 'Segment', file: '00000001.cast', bytes: 9e15 })],
    [
      'the same segment a thousand times',
      toLine({ kind: 'Segment', file: '00000001.cast', bytes: 4 }).repeat(1000),
    ],
  ];
  for (const [what, lie] of LIES) {
    it(`deletes nothing because a manifest says that its recording is large: ${what}`, async () => {
      const own = createFakeClock();
      const prefix = `${newId()}/`;
      const put = async (startedAt: number, segments: string): Promise<SessionId> => {
        const id = newId();
        await objects.putNew(`${prefix}${id}/00000001.cast`, Buffer.from('head'));
        const begin = toBegin('kept', new Date(startedAt).toISOString());
        const end = toLine({ kind: 'End', endedAt: new Date(startedAt).toISOString(), state: 'complete' });
        await objects.putNew(`${prefix}${id}/manifest.jsonl`, Buffer.from(begin + segments + end));
        return id;
      };
      const first = await put(own.now() - DAY, SEGMENT);
      const second = await put(own.now() - DAY / 2, SEGMENT);
      await put(own.now() - DAY / 4, lie);
      const archive = createObjectArchive({ clock: own, objects }, prefix);
      const deleted = async (maxTotalBytes: number): Promise<number> => {
        let count = 0;
        const deps = { clock: own, log: createKeptLog(), archive, onDeleted: () => (count += 1) };
        const retention = createRetention(deps, { maxTotalBytes });
        retention.start();
        await eventually('the end of the look', () => (own.pending === 1 ? true : undefined));
        await retention.stop();
        return count;
      };
      assert.equal(await deleted(12), 0);
      assert.equal((await archive.list({})).length, 3);
      assert.equal(await deleted(11), 1);
      assert.equal(await archive.summary(first), undefined);
      assert.ok(await archive.summary(second));
    });
  }

  it('leaves what another gateway still writes to the same store', async () => {
    const own = createFakeClock();
    const id = newId();
    const begin = toBegin('elsewhere', new Date(own.now() - DAY / 2).toISOString()) + SEGMENT;
    await objects.putNew(`shared/${id}/00000001.cast`, Buffer.from('head'));
    await objects.putNew(`shared/${id}/manifest/00000001.json`, Buffer.from(begin));
    const archive = createObjectArchive({ clock: own, objects }, 'shared/');
    const look = async (): Promise<readonly string[]> => {
      const reasons: string[] = [];
      const retention = createRetention(
        { clock: own, log: createKeptLog(), archive, onDeleted: (reason) => reasons.push(reason) },
        { maxTotalBytes: 1, maxAgeMs: 1, unfinishedMs: DAY },
      );
      retention.start();
      await eventually('the end of the look', () => (own.pending === 1 ? true : undefined));
      await retention.stop();
      return reasons;
    };
    assert.deepEqual(await look(), []);
    assert.equal((await archive.summary(id))?.state, 'interrupted');
    // The other gateway comes to the end of it.
    await objects.putNew(`shared/${id}/manifest.jsonl`, Buffer.from(begin + END));
    assert.deepEqual(await look(), ['size']);
    assert.equal(await archive.summary(id), undefined);
  });
});
