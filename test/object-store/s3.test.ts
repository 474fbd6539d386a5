// The S3 client against a server that checks signatures, over TLS.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { S3Settings } from '../../src/core/recording-store.ts';
import { getWhole } from '../../src/object-store/object-store.ts';
import { createS3Store } from '../../src/object-store/s3.ts';
import { createAuthority } from '../support/pki.ts';
import type { S3Server } from '../support/s3-server.ts';
import { ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY, startS3Server } from '../support/s3-server.ts';

let server: S3Server;
let folder: string;
let other: string;
before(async () => {
  server = await startS3Server();
  other = (await createAuthority('another')).certificate;
  folder = await mkdtemp(join(tmpdir(), 'gateway-s3-keys-'));
  await writeFile(join(folder, 'id'), `${ACCESS_KEY_ID}\n`);
  await writeFile(join(folder, 'secret'), `${SECRET_ACCESS_KEY}\n`);
  await writeFile(join(folder, 'wrong'), 'wrong\n');
  await writeFile(join(folder, 'empty'), '\n');
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const open = (t: { after(work: () => void): void }, changes: Partial<S3Settings> = {}) => {
  const store = createS3Store({
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket: BUCKET,
    prefix: '',
    forcePathStyle: true,
    accessKeyIdFile: join(folder, 'id'),
    secretAccessKeyFile: join(folder, 'secret'),
    certificateAuthority: server.certificateAuthority,
    ...changes,
  });
  t.after(() => store.close());
  return store;
};

describe('an S3 store', () => {
  it('stores once, and never over what is there', async (t) => {
    const store = open(t);
    assert.equal(await store.putNew('once/a', Buffer.from('first')), 'stored');
    assert.equal(await store.putNew('once/a', Buffer.from('second')), 'exists');
    assert.equal((await getWhole(store, 'once/a'))?.toString(), 'first');
    assert.equal(await getWhole(store, 'once/b'), undefined);
    const both = await Promise.allSettled([
      store.putNew('once/c', Buffer.from('1')),
      store.putNew('once/c', Buffer.from('2')),
    ]);
    // One is stored; the other is told that it exists, or that somebody writes it, which is an error to try again.
    const stored = both.filter((result) => result.status === 'fulfilled' && result.value === 'stored');
    assert.equal(stored.length, 1);
  });

  it('lists keys in their order, and folders once each', async (t) => {
    const store = open(t);
    const keys = Array.from({ length: 5 }, (_, at) => [`many/${at}/x`, `many/${at}/y`]).flat();
    for (const key of keys) await store.putNew(key, Buffer.from(key));
    const listed: string[] = [];
    for await (const { key, bytes } of store.list('many/')) {
      listed.push(key);
      assert.equal(bytes, key.length);
    }
    assert.deepEqual(listed, keys);
    const folders: string[] = [];
    for await (const name of store.folders('many/')) folders.push(name);
    assert.deepEqual(folders, ['0', '1', '2', '3', '4']);
  });

  it('deletes, and deletes again', async (t) => {
    const store = open(t);
    await store.putNew('gone', Buffer.from('x'));
    await store.delete('gone');
    await store.delete('gone');
    assert.equal(await getWhole(store, 'gone'), undefined);
  });

  const rows: readonly (readonly [string, () => Partial<S3Settings>, RegExp])[] = [
    [
      'a wrong secret',
      () => ({ secretAccessKeyFile: join(folder, 'wrong') }),
      /SignatureDoesNotMatch|signature/i,
    ],
    [
      'a wrong key id',
      () => ({ accessKeyIdFile: join(folder, 'wrong') }),
      /InvalidAccessKeyId|does not exist/i,
    ],
    ['a key file that is gone', () => ({ secretAccessKeyFile: join(folder, 'gone') }), /ENOENT/],
    ['an empty key file', () => ({ secretAccessKeyFile: join(folder, 'empty') }), /is empty/],
    ['a bucket that is not there', () => ({ bucket: 'another' }), /NoSuchBucket|bucket/i],
    [
      'a certificate of nobody that is known',
      () => ({ certificateAuthority: other }),
      /certificate|self.signed/i,
    ],
  ];
  for (const [what, changes, message] of rows) {
    it(`${what} is an error for reading and for writing`, async (t) => {
      const store = open(t, changes());
      await assert.rejects(store.putNew('x', Buffer.from('x')), message);
      await assert.rejects(getWhole(store, 'x'), message);
    });
  }

  it('is an error while the server is down, and works again after', async (t) => {
    const store = open(t);
    await store.putNew('before', Buffer.from('x'));
    await server.stop();
    await assert.rejects(store.putNew('down', Buffer.from('x')));
    await server.start();
    assert.equal(await store.putNew('down', Buffer.from('x')), 'stored');
  });

  it('asks nobody and loads nothing until it is used', async () => {
    const { length: count } = await server.requests();
    createS3Store({
      endpoint: server.endpoint,
      region: 'x',
      bucket: BUCKET,
      prefix: '',
      forcePathStyle: true,
      accessKeyIdFile: 'gone',
      secretAccessKeyFile: 'gone',
    }).close();
    assert.equal((await server.requests()).length, count);
  });
});
