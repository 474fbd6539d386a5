// audit verify with recordings in an S3 store: the whole gateway wrote them, a real server holds them, and what is done to
// them there afterwards is found as in a directory. The store may stumble, and what it refuses is said in words.

import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { main } from '../../../src/cli/main.ts';
import { isSessionId } from '../../../src/core/operation.ts';
import { getWhole } from '../../../src/object-store/object-store.ts';
import type { ObjectStore } from '../../../src/object-store/object-store.ts';
import { createS3Store } from '../../../src/object-store/s3.ts';
import { keySet, signingKey } from '../../observe/audit/chain/support.ts';
import { closeAll } from '../../support/close-all.ts';
import { ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY, startS3Server } from '../../support/s3-server.ts';
import type { S3Server } from '../../support/s3-server.ts';
import type { Scenario } from '../../support/scenario.ts';
import { eventually, startScenario } from '../../support/scenario.ts';

const CHAIN = `
  chain:
    signingKeyFile: audit-key.pem
    checkpoint: { maxAge: 200ms }`;
const PREFIX = 'proven/';

let server: S3Server;
let scenario: Scenario;
let objects: ObjectStore;
let folder: string;
/** The keys of one recording of several segments, in their order. */
let keys: readonly string[];

before(async () => {
  server = await startS3Server();
  scenario = await startScenario({
    files: {
      's3-id': ACCESS_KEY_ID,
      's3-key': SECRET_ACCESS_KEY,
      's3-ca.crt': server.certificateAuthority,
      'audit-key.pem': signingKey.privateKey,
      'keys.json': keySet,
    },
    configure: (yaml) => `${yaml.replace(/^audit:$/m, `audit:${CHAIN}`)}
recording:
  directory: spool
  segment: { maxAge: 200ms, maxSize: 64Ki }
  store:
    s3:
      endpoint: ${server.endpoint}
      bucket: ${BUCKET}
      prefix: proven
      forcePathStyle: true
      accessKeyIdFile: s3-id
      secretAccessKeyFile: s3-key
      certificateAuthorityFile: s3-ca.crt
  rules: [{ mode: required }]
`,
  });
  folder = scenario.environment.directory;
  objects = createS3Store({
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket: BUCKET,
    prefix: '',
    forcePathStyle: true,
    accessKeyIdFile: join(folder, 's3-id'),
    secretAccessKeyFile: join(folder, 's3-key'),
    certificateAuthority: server.certificateAuthority,
  });
  assert.equal((await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'one'])).code, 0);
  const many = ['exec', 'shell', '--', 'sh', '-c', 'yes | head -c 200000'];
  assert.equal((await scenario.kubectl('alice', many)).code, 0);
  keys = await eventually('both recordings whole in the store', async () => {
    const found = await keysOf(PREFIX);
    const ends = found.filter((key) => key.endsWith('/manifest.jsonl'));
    if (ends.length < 2) return undefined;
    const [large] = found.filter((key) => key.endsWith('/00000003.cast'));
    return large === undefined ? undefined : keysOf(large.slice(0, -'00000003.cast'.length));
  });
  scenario.gateway.signal('SIGTERM');
  await scenario.gateway.ended;
});
after(async () => {
  objects.close();
  await closeAll(scenario);
  await server.close();
});
beforeEach(() => server.refuse());

async function keysOf(prefix: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of objects.list(prefix)) found.push(key);
  return found;
}

const find = (end: string): string => keys.find((key) => key.endsWith(end)) ?? assert.fail(`no ${end}`);

async function verify(...more: readonly string[]) {
  const said = { out: '', err: '' };
  const terminal = {
    out: (text: string) => void (said.out += text),
    err: (text: string) => void (said.err += text),
  };
  const log = ['--log', join(folder, 'audit.log'), '--keys', join(folder, 'keys.json')];
  const config = ['--config', scenario.environment.configurationFile];
  const code = await main(['audit', 'verify', ...log, ...config, ...more], terminal);
  return { code, ...said };
}

/** Does something to an object, and puts it there again afterwards. */
async function during<Value>(
  key: string,
  change: (before: Buffer) => Buffer | undefined,
  work: () => Promise<Value>,
): Promise<Value> {
  const before = (await getWhole(objects, key)) ?? assert.fail(`${key} is missing`);
  const put = async (body: Buffer | undefined): Promise<void> => {
    await objects.delete(key);
    if (body !== undefined) await objects.putNew(key, body);
  };
  await put(change(before));
  try {
    return await work();
  } finally {
    await put(before);
  }
}

describe('audit verify with an S3 store', () => {
  it('proves what nobody touched, with a spool and without one', async () => {
    const whole = await verify();
    assert.equal(whole.code, 0, whole.out + whole.err);
    assert.match(whole.out, /^recordings: 2 proven, 0 without an end, 0 pruned\nOK$/m);
    await rm(join(folder, 'spool'), { recursive: true });
    const elsewhere = await verify();
    assert.equal(elsewhere.code, 0, elsewhere.out + elsewhere.err);
    await mkdir(join(folder, 'spool'));
  });

  const ATTACKS: readonly {
    readonly name: string;
    readonly key: () => string;
    readonly change: (before: Buffer) => Buffer | undefined;
    readonly finds: RegExp;
  }[] = [
    {
      name: 'a segment changed',
      key: () => find('/00000002.cast'),
      change: (before) => Buffer.from(before.toString().replace('y', 'n')),
      finds: /^tampering: s3:\/\/recordings\/proven\/\S+\/00000002\.cast:\d+: has another digest/m,
    },
    {
      name: 'a segment shortened',
      key: () => find('/00000002.cast'),
      change: (before) => before.subarray(0, -1),
      finds: /00000002\.cast:\d+: has \d+ bytes, not \d+/,
    },
    {
      name: 'a segment deleted',
      key: () => find('/00000001.cast'),
      change: () => undefined,
      finds: /00000001\.cast:\d+: is missing/,
    },
    {
      name: 'a manifest cut',
      key: () => find('/manifest.jsonl'),
      change: (before) => before.subarray(0, before.lastIndexOf('{')),
      finds: /manifest\.jsonl: is not what the log says/,
    },
    {
      name: 'a manifest whose line is longer than any',
      key: () => find('/manifest.jsonl'),
      change: () => Buffer.alloc(5 * 2 ** 20, 'x'),
      finds: /manifest\.jsonl: line 1 is longer than/,
    },
  ];
  for (const { name, key, change, finds } of ATTACKS) {
    it(`finds ${name}`, async () => {
      const report = await during(key(), change, () => verify());
      assert.equal(report.code, 1, report.out + report.err);
      assert.match(report.out, finds);
    });
  }

  it('takes the lines of a manifest where the whole of it is gone, as after kill -9', async () => {
    const report = await during(
      find('/manifest.jsonl'),
      () => undefined,
      () => verify(),
    );
    assert.equal(report.code, 0, report.out + report.err);
    assert.match(report.out, /^recordings: 2 proven/m);
  });

  it('finds a recording that is gone, and one that the log does not tell of', async () => {
    const bodies = await Promise.all(keys.map(async (key) => [key, await getWhole(objects, key)] as const));
    for (const key of keys) await objects.delete(key);
    const planted = `${PREFIX}${crypto.randomUUID()}/manifest.jsonl`;
    await objects.putNew(planted, Buffer.from('{"kind":"Begin"}\n'));
    const report = await verify();
    await objects.delete(planted);
    for (const [key, body] of bodies) await objects.putNew(key, body ?? assert.fail(key));
    assert.equal(report.code, 1);
    assert.match(report.out, /audit\.log:\d+: its recording \S+ is missing/);
    assert.match(report.out, /manifest\.jsonl: is not mentioned in the log/);
  });

  it('goes on where an answer broke off, and where the store was busy', async () => {
    const { length } = (await getWhole(objects, find('/00000002.cast'))) ?? assert.fail();
    await server.refuse({ status: 503, times: 3 });
    await server.cutAnswer(Math.floor(length / 2));
    const { length: before } = await server.requests();
    const report = await verify();
    assert.ok((await server.requests()).length > before + 3);
    assert.equal(report.code, 0, report.out + report.err);
  });

  it('says what it may not read, with exit code 2', async () => {
    await server.refuse({ status: 403, url: '00000002.cast' });
    const report = await verify();
    assert.equal(report.code, 2);
    assert.match(
      report.err,
      /^cannot verify: the store of the recordings: proven\/\S+\/00000002\.cast cannot be read: .*403\)$/m,
    );
    assert.doesNotMatch(report.err + report.out, /Signature|Credential=/);
    await server.refuse({ status: 403, url: 'list-type' });
    assert.match(
      (await verify()).err,
      /^cannot verify: the store of the recordings: proven\/ cannot be listed/m,
    );
  });

  it('looks in one place', async () => {
    const report = await verify('--recordings', folder).catch((error: unknown) => error);
    assert.match(report instanceof Error ? report.message : (report as { err: string }).err, /one place/);
  });

  it('names what lies in the spool and is no recording, and does not look at it', async () => {
    const spool = join(folder, 'spool');
    const [, id = ''] = (keys[0] ?? '').split('/');
    assert.ok(isSessionId(id));
    await symlink('/etc', join(spool, crypto.randomUUID()));
    await writeFile(join(spool, '..notes'), 'x');
    const report = await verify();
    await rm(spool, { recursive: true });
    assert.equal(report.code, 0, report.out + report.err);
    assert.equal(report.out.match(/^notice: \S+: is no recording, and was not looked at$/gm)?.length, 2);
  });
});
