// Recordings on their way to an S3 store: a real server over TLS that goes away, comes back, loses answers, and has things
// that it should not have.

import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { S3Settings } from '../../src/core/recording-store.ts';
import type { SessionId } from '../../src/core/operation.ts';
import { isSessionId } from '../../src/core/operation.ts';
import { systemClock } from '../../src/core/ports.ts';
import type { ObjectStore } from '../../src/object-store/object-store.ts';
import { getWhole } from '../../src/object-store/object-store.ts';
import { createS3Store } from '../../src/object-store/s3.ts';
import { createDirectoryArchive } from '../../src/record/archive/directory-archive.ts';
import { createObjectArchive } from '../../src/record/archive/object-archive.ts';
import { createSpooledArchive } from '../../src/record/archive/spooled-archive.ts';
import { createDirectoryStore } from '../../src/record/store/directory-store.ts';
import type { OpenRecording } from '../../src/record/store/recording-store.ts';
import { createSpooledStore } from '../../src/record/store/spooled-store.ts';
import type { SpooledStore } from '../../src/record/store/spooled-store.ts';
import type { KeptLog } from '../support/kept-log.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY, startS3Server } from '../support/s3-server.ts';
import type { S3Server } from '../support/s3-server.ts';
import { eventually } from '../support/scenario.ts';

let server: S3Server;
let keys: string;
let settings: Omit<S3Settings, 'spoolMaxBytes'>;
before(async () => {
  server = await startS3Server();
  keys = await mkdtemp(join(tmpdir(), 'gateway-s3-keys-'));
  await writeFile(join(keys, 'id'), ACCESS_KEY_ID);
  await writeFile(join(keys, 'secret'), SECRET_ACCESS_KEY);
  settings = {
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket: BUCKET,
    prefix: '',
    forcePathStyle: true,
    accessKeyIdFile: join(keys, 'id'),
    secretAccessKeyFile: join(keys, 'secret'),
    certificateAuthority: server.certificateAuthority,
  };
});
after(async () => {
  await server.close();
  await rm(keys, { recursive: true });
});
beforeEach(() => server.refuse());

interface Spool {
  readonly directory: string;
  readonly prefix: string;
  readonly store: SpooledStore;
  readonly objects: ObjectStore;
  readonly log: KeptLog;
  readonly outcomes: string[];
  readonly archive: ReturnType<typeof createSpooledArchive>;
  stop(): Promise<void>;
}

type Context = { after(work: () => Promise<void>): void };

async function openSpool(
  t: Context,
  maxBytes = 10_000_000,
  place?: Pick<Spool, 'directory' | 'prefix'>,
  firstBytes = 0,
): Promise<Spool> {
  const directory = place?.directory ?? (await mkdtemp(join(tmpdir(), 'gateway-spool-')));
  const prefix = place?.prefix ?? `${crypto.randomUUID()}/`;
  const objects = createS3Store(settings);
  const running = new Set<string>();
  const log = createKeptLog();
  const outcomes: string[] = [];
  const store = createSpooledStore(
    {
      clock: systemClock,
      log,
      objects,
      running,
      spool: createDirectoryStore({ running }, { directory, fsync: false }),
      onUpload: (outcome) => outcomes.push(outcome),
      onWaiting: () => undefined,
    },
    { directory, prefix, maxBytes, firstBytes },
  );
  const clock = systemClock;
  const archive = createSpooledArchive(
    createDirectoryArchive({ clock, running, isSpool: true }, directory),
    createObjectArchive({ clock, objects }, prefix),
  );
  const stop = (): Promise<void> => store.stop(0);
  t.after(async () => {
    await stop();
    await rm(directory, { recursive: true, force: true });
  });
  return { directory, prefix, store, objects, log, outcomes, archive, stop };
}

const newId = (): SessionId => {
  const id = crypto.randomUUID();
  assert.ok(isSessionId(id));
  return id;
};

const begin = (store: SpooledStore, id: string): Promise<OpenRecording> =>
  store.begin(id, {
    kind: 'Begin',
    version: 1,
    id,
    startedAt: new Date().toISOString(),
    kubeletGateway: { user: 'alice' },
  });

async function writeSegment(
  recording: OpenRecording,
  number: number,
  text: string,
  maxBytes = 1000,
): Promise<void> {
  const segment = await recording.createSegment(`${String(number).padStart(8, '0')}.cast`, maxBytes);
  await segment.append([Buffer.from(text)]);
  await recording.append({ kind: 'Segment', ...(await segment.close()), closedAt: new Date().toISOString() });
}

async function finish(recording: OpenRecording): Promise<void> {
  await recording.append({ kind: 'End', endedAt: new Date().toISOString(), state: 'complete', segments: 1 });
  recording.release();
}

/** Its room is given back a moment after the last file is gone. */
const emptied = ({ directory, store }: Spool): Promise<true> =>
  eventually('an empty spool', async () =>
    (await readdir(directory)).length === 0 && store.used === 0 ? true : undefined,
  );

async function textOf({ archive }: Spool, id: SessionId): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (const file of await archive.files(id))
    for await (const chunk of archive.read(id, file)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('the spool', () => {
  it('brings segments and manifest to the store as they come, and keeps nothing', async (t) => {
    const spool = await openSpool(t);
    const id = newId();
    const recording = await begin(spool.store, id);
    await writeSegment(recording, 1, 'one\n');
    await eventually('the first segment', async () =>
      (await getWhole(spool.objects, `${spool.prefix}${id}/manifest/00000002.json`)) === undefined
        ? undefined
        : true,
    );
    assert.equal((await spool.archive.summary(id))?.state, 'running');
    // It is read whole, whichever part is where.
    await writeSegment(recording, 2, 'two\n');
    assert.equal(await textOf(spool, id), 'one\ntwo\n');
    const local = await readFile(join(spool.directory, id, 'manifest.jsonl'), 'utf8');
    await finish(recording);
    await emptied(spool);
    const manifest = await getWhole(spool.objects, `${spool.prefix}${id}/manifest.jsonl`);
    assert.ok(manifest?.toString().startsWith(local));
    assert.equal((await spool.archive.summary(id))?.state, 'complete');
    assert.equal(await textOf(spool, id), 'one\ntwo\n');
    assert.deepEqual(
      (await spool.archive.list({})).map((found) => found.id),
      [id],
    );
  });

  it('leaves nothing of a session that the node did not accept', async (t) => {
    const spool = await openSpool(t);
    const id = newId();
    const { length: count } = await server.requests();
    await (await begin(spool.store, id)).discard();
    assert.deepEqual(await readdir(spool.directory), []);
    assert.equal(spool.store.used, 0);
    assert.equal((await server.requests()).length, count);
  });

  it('keeps what a store that is down does not take, and brings it when it is back', async (t) => {
    const spool = await openSpool(t);
    await server.stop();
    t.after(() => server.start());
    const id = newId();
    const recording = await begin(spool.store, id);
    for (const number of [1, 2, 3]) await writeSegment(recording, number, `${number}\n`);
    await eventually('a failure', () => (spool.outcomes.includes('failed') ? true : undefined));
    await finish(recording);
    assert.ok((await readdir(join(spool.directory, id))).length >= 4);
    assert.ok(spool.store.used > 0);
    await server.start();
    await emptied(spool);
    assert.equal(await textOf(spool, id), '1\n2\n3\n');
    const messages = spool.log.lines.map(({ message }) => message);
    assert.equal(messages.filter((message) => message === 'the store takes no recordings').length, 1);
    assert.ok(messages.includes('the store takes recordings again'));
  });

  it('makes sessions wait when it is full, and refuses new ones', async (t) => {
    const spool = await openSpool(t, 2500);
    await server.stop();
    t.after(() => server.start());
    const recording = await begin(spool.store, newId());
    await writeSegment(recording, 1, 'x'.repeat(900));
    let isDone = false;
    const third = writeSegment(recording, 2, 'y'.repeat(900)).then(async () => {
      await writeSegment(recording, 3, 'z'.repeat(900));
      isDone = true;
    });
    await eventually('a full spool', async () => {
      const attempt = await begin(spool.store, newId()).catch((error: unknown) => error);
      if (attempt instanceof Error) return /the spool is full/.test(attempt.message) ? true : undefined;
      await (attempt as OpenRecording).discard();
      return undefined;
    });
    assert.equal(isDone, false);
    assert.ok(spool.store.used <= 2500 + 1000, String(spool.store.used));
    await server.start();
    await third;
    await finish(recording);
    await emptied(spool);
  });

  it('begins nothing for whose first segment there is no room: no session goes on unrecorded until it is ended', async (t) => {
    const spool = await openSpool(t, 10_000, undefined, 4000);
    await server.refuse({ status: 503 });
    const one = await begin(spool.store, newId());
    const two = await begin(spool.store, newId());
    assert.ok(spool.store.used > 8000 && spool.store.used < 9000, `${spool.store.used} bytes`);
    await assert.rejects(begin(spool.store, newId()), /the spool is full/);
    // What was taken is what its first segment has, larger or smaller than it is.
    const before = spool.store.used;
    await writeSegment(one, 1, 'a line\n', 3000);
    assert.ok(spool.store.used < before - 3000, `${spool.store.used} bytes`);
    const segment = await two.createSegment('00000001.cast', 5000);
    assert.ok(spool.store.used > before - 3000, `${spool.store.used} bytes`);
    await segment.abandon();
    const three = await begin(spool.store, newId());
    await three.discard();
    await server.refuse();
    await finish(one);
    await finish(two);
    await emptied(spool);
    assert.equal(spool.store.used, 0);
  });

  it('takes no segment for missing that is in the store by now, and says which are', async (t) => {
    const spool = await openSpool(t);
    const id = newId();
    const recording = await begin(spool.store, id);
    await writeSegment(recording, 1, 'one\n');
    await writeSegment(recording, 2, 'two\n');
    await eventually('both in the store', async () =>
      (await readdir(join(spool.directory, id))).some((name) => name.endsWith('.cast')) ? undefined : true,
    );
    const problems = async (): Promise<readonly (string | undefined)[]> =>
      (await spool.archive.files(id)).map(({ problem }) => problem);
    assert.deepEqual(await problems(), [undefined, undefined]);
    assert.equal((await spool.archive.summary(id))?.missing, undefined);
    await spool.objects.delete(`${spool.prefix}${id}/00000002.cast`);
    assert.deepEqual(await problems(), [undefined, 'is missing']);
    await finish(recording);
    await emptied(spool);
    assert.deepEqual(await problems(), [undefined, 'is missing']);
  });

  it('is uploaded after a restart, with what the manifest does not name and without a torn line', async (t) => {
    const first = await openSpool(t);
    await server.stop();
    t.after(() => server.start());
    const id = newId();
    const recording = await begin(first.store, id);
    await writeSegment(recording, 1, 'closed\n');
    const open = await recording.createSegment('00000002.cast', 1000);
    // A death closes its files, too.
    t.after(() => open.abandon());
    await open.append([Buffer.from('open\n')]);
    await first.stop();
    await appendFile(join(first.directory, id, 'manifest.jsonl'), '{"kind":"Segm');
    await server.start();
    const second = await openSpool(t, 10_000_000, first);
    await second.store.resume();
    await emptied(second);
    const summary = await second.archive.summary(id);
    assert.equal(summary?.state, 'interrupted');
    assert.deepEqual(
      (await second.archive.files(id)).map(({ name, proven }) => [name, proven]),
      [
        ['00000001.cast', true],
        ['00000002.cast', false],
      ],
    );
    assert.equal(await textOf(second, id), 'closed\nopen\n');
    assert.match((await second.archive.manifest(id)) ?? '', /\}\n$/);
  });

  it('comes out the same when the first upload was done and its answer lost', async (t) => {
    const spool = await openSpool(t);
    const id = newId();
    const recording = await begin(spool.store, id);
    await server.loseAnswer();
    await writeSegment(recording, 1, 'once\n');
    await finish(recording);
    await emptied(spool);
    assert.ok(spool.outcomes.includes('failed'));
    assert.ok(!spool.outcomes.includes('refused'));
    assert.equal(await textOf(spool, id), 'once\n');
  });

  it('comes out the same after a death between the confirmation and the removal', async (t) => {
    const first = await openSpool(t);
    const id = newId();
    const recording = await begin(first.store, id);
    await writeSegment(recording, 1, 'one\n');
    await eventually('the first segment', async () =>
      (await readdir(join(first.directory, id))).includes('00000001.cast') ? undefined : true,
    );
    await first.stop();
    const second = await openSpool(t, 10_000_000, first);
    await second.store.resume();
    await emptied(second);
    assert.equal(await textOf(second, id), 'one\n');
  });

  it('overwrites nothing: something else under a key is an error, and the recording stays in the spool', async (t) => {
    const spool = await openSpool(t);
    const id = newId();
    await spool.objects.putNew(`${spool.prefix}${id}/00000001.cast`, Buffer.from('forged\n'));
    const recording = await begin(spool.store, id);
    await writeSegment(recording, 1, 'real\n');
    await eventually('the refusal', () => (spool.outcomes.includes('refused') ? true : undefined));
    assert.ok(
      spool.log.lines.some(({ level, message }) => level === 'error' && message.includes('stays there')),
    );
    assert.equal(
      (await getWhole(spool.objects, `${spool.prefix}${id}/00000001.cast`))?.toString(),
      'forged\n',
    );
    assert.ok((await readdir(join(spool.directory, id))).includes('00000001.cast'));
    // And whoever writes it is told.
    await assert.rejects(writeSegment(recording, 2, 'more\n'), /the store has something else/);
  });

  it('is uploaded whatever else lies in the spool under the name of a recording', async (t) => {
    const first = await openSpool(t);
    await server.stop();
    t.after(() => server.start());
    const id = newId();
    await writeSegment(await begin(first.store, id), 1, 'kept\n');
    await first.stop();
    await writeFile(join(first.directory, '00000000-0000-4000-8000-000000000000'), 'a file');
    await symlink('/nowhere', join(first.directory, 'ffffffff-ffff-4fff-8fff-ffffffffffff'));
    await server.start();
    const second = await openSpool(t, 10_000_000, first);
    await second.store.resume();
    await eventually('the upload', async () =>
      (await readdir(second.directory)).includes(id) ? undefined : true,
    );
    assert.equal(await textOf(second, id), 'kept\n');
    assert.equal((await readdir(second.directory)).length, 2);
  });

  it('does not take a recording for stored that is neither here nor there', async (t) => {
    const first = await openSpool(t);
    await server.stop();
    t.after(() => server.start());
    const id = newId();
    await writeSegment(await begin(first.store, id), 1, 'lost\n');
    await first.stop();
    await rm(join(first.directory, id, '00000001.cast'));
    await server.start();
    const second = await openSpool(t, 10_000_000, first);
    await second.store.resume();
    await eventually('the refusal', () => (second.outcomes.includes('refused') ? true : undefined));
    assert.ok((await readdir(second.directory)).includes(id));
  });

  it('gives back the room of a recording that cannot be stored, and of a folder with nothing in it', async (t) => {
    const first = await openSpool(t, 3000);
    const id = newId();
    await first.objects.putNew(`${first.prefix}${id}/00000001.cast`, Buffer.from('forged\n'));
    const recording = await begin(first.store, id);
    await writeSegment(recording, 1, 'real\n');
    await eventually('the refusal', () => (first.outcomes.includes('refused') ? true : undefined));
    const { used } = first.store;
    for (let times = 0; times < 5; times += 1) {
      await assert.rejects(recording.createSegment('00000002.cast', 1000), /the store has something else/);
    }
    assert.equal(first.store.used, used);
    await first.stop();
    const empty = await openSpool(t);
    await mkdir(join(empty.directory, newId()));
    await empty.store.resume();
    assert.deepEqual(await readdir(empty.directory), []);
    assert.deepEqual(empty.outcomes, []);
  });

  for (const status of [403, 409, 503]) {
    it(`tries again after an answer of ${status}`, async (t) => {
      const spool = await openSpool(t);
      await server.refuse({ status, method: 'PUT', times: 2 });
      const id = newId();
      const recording = await begin(spool.store, id);
      await writeSegment(recording, 1, 'x\n');
      await finish(recording);
      await emptied(spool);
      assert.equal(spool.outcomes.filter((outcome) => outcome === 'failed').length, 2);
      assert.equal(await textOf(spool, id), 'x\n');
    });
  }

  it('names no secret in what it logs', async (t) => {
    const spool = await openSpool(t);
    await server.refuse({ status: 403 });
    const recording = await begin(spool.store, newId());
    await writeSegment(recording, 1, 'typed secret\n');
    await eventually('a failure', () => (spool.outcomes.includes('failed') ? true : undefined));
    const text = inspect(spool.log.lines, { depth: 20 });
    assert.ok(!text.includes('typed secret'));
    assert.ok(!/secretAccessKey:|authorization:/i.test(text));
    await server.refuse();
  });
});
