// The file with a person's tokens, where somebody else has been at work in the folder.

import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openTokenCache } from '../../src/sign-in/token-cache.ts';

const settings = { issuer: 'https://idp.example', clientId: 'cli', scopes: ['openid'], token: 'id' } as const;
const tokens = { token: 'secret', expiresAt: Date.now() + 3_600_000, subject: 'alice' };

describe('the token cache', { skip: process.platform === 'win32' }, () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'kubelet-gateway-cache-'));
  });
  after(() => rm(root, { recursive: true, force: true }));

  it('is made for its owner alone', async () => {
    const folder = join(root, 'made', 'tokens');
    const cache = await openTokenCache(folder, settings);
    await cache.write(tokens);
    const [name = '', ...others] = await readdir(folder);
    assert.deepEqual(others, []);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
    assert.deepEqual(await cache.read(), tokens);
    await chmod(join(folder, name), 0o644);
    assert.equal(await cache.read(), undefined, 'others could have read it');
  });

  it('neither reads nor writes through a link in the place of its file', async () => {
    const folder = join(root, 'linked');
    const cache = await openTokenCache(folder, settings);
    await cache.write(tokens);
    const [name = ''] = await readdir(folder);
    const file = join(folder, name);
    const elsewhere = join(root, 'elsewhere');
    await writeFile(elsewhere, JSON.stringify({ ...tokens, token: 'planted' }), { mode: 0o600 });
    await rm(file);
    await symlink(elsewhere, file);
    assert.equal(await cache.read(), undefined);
    await cache.write(tokens);
    assert.ok((await lstat(file)).isFile());
    assert.match(await readFile(elsewhere, 'utf8'), /planted/);
    assert.deepEqual(await cache.read(), tokens);
  });

  it('lets one at a time work, and takes over from one that is gone', async () => {
    const folder = join(root, 'locked');
    const [one, other] = await Promise.all([
      openTokenCache(folder, settings),
      openTokenCache(folder, settings),
    ]);
    const signal = AbortSignal.timeout(10_000);
    let inside = 0;
    const task = async () => {
      assert.equal(++inside, 1);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    };
    await Promise.all([one.alone(task, signal), other.alone(task, signal)]);
    await assert.rejects(
      one.alone(() => Promise.reject(new Error('no')), signal),
      /no/,
    );
    // No process has this number: Linux counts to 2^22 at most.
    await one.write(tokens);
    const [name = ''] = await readdir(folder);
    await writeFile(join(folder, `${name}.lock`), '99999999', { mode: 0o600 });
    assert.equal(await other.alone(() => Promise.resolve('done'), signal), 'done');
    assert.deepEqual(await readdir(folder), [name]);
  });

  it('lets one at a time work, too, where many find the lock of one that is gone', async () => {
    const folder = join(root, 'crowded');
    const caches = await Promise.all(Array.from({ length: 4 }, () => openTokenCache(folder, settings)));
    const [first] = caches;
    await first?.write(tokens);
    const [name = ''] = await readdir(folder);
    const signal = AbortSignal.timeout(30_000);
    let inside = 0;
    let most = 0;
    for (let round = 0; round < 21; round += 1) {
      await writeFile(join(folder, `${name}.lock`), '99999999', { mode: 0o600 });
      const task = async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 2));
        inside--;
      };
      const later = async (index: number): Promise<void> => {
        for (let turn = 0; turn < index * (round % 7); turn += 1) await new Promise(setImmediate);
      };
      await Promise.all(
        caches.map(async (cache, index) => {
          await later(index);
          await cache.alone(task, signal);
        }),
      );
    }
    assert.equal(most, 1);
    assert.deepEqual(await readdir(folder), [name]);
  });

  it('is not taken over from one that works for long, nor is the lock of another taken away', async () => {
    const folder = join(root, 'long');
    const [slow, next] = await Promise.all([
      openTokenCache(folder, settings),
      openTokenCache(folder, settings),
    ]);
    const signal = AbortSignal.timeout(2_000);
    const lockOf = async (): Promise<string> =>
      join(folder, (await readdir(folder)).find((name) => name.endsWith('.lock')) ?? '');
    await slow.alone(async () => {
      // A login that waits for its person for a quarter of an hour.
      const quarter = new Date(Date.now() - 15 * 60_000);
      await utimes(await lockOf(), quarter, quarter);
      await assert.rejects(
        next.alone(() => Promise.resolve(), signal),
        /another login is under way/,
      );
      // Somebody has removed it by hand, as that says, and begun another.
      await writeFile(await lockOf(), 'other', { mode: 0o600 });
    }, AbortSignal.timeout(10_000));
    assert.equal(await readFile(await lockOf(), 'utf8'), 'other');
  });
});
