// Two gateways and one real Redis server, over TLS and with a password: what one learns the other knows, and a gateway that
// cannot hear the other says so.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, beforeEach, afterEach, describe, it } from 'node:test';
import type { RedisSettings } from '../../src/core/login.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { RedisStore } from '../../src/login-store/redis.ts';
import type { Clock } from '../../src/core/ports.ts';
import { systemClock } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { createRedisStore } from '../../src/login-store/redis.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { findStores, startRedis } from '../support/redis-server.ts';
import { eventually } from '../support/scenario.ts';

for (const { name, executable, skip, required } of findStores(process.env)) {
  it(`there is a ${name} server`, { skip: required ? false : skip }, () => {
    assert.ok(executable !== '', String(skip));
  });
}

/** A way to the server that can be lost while others are not. */
async function startWay(port: number) {
  const open = new Set<Socket>();
  let isSwallowing = false;
  const way = createServer((socket) => {
    const there = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [socket, there],
      [there, socket],
    ] as const) {
      open.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.on('data', (chunk: Buffer) => isSwallowing || to.write(chunk));
    }
  });
  way.listen(0, '127.0.0.1');
  await once(way, 'listening');
  const address = way.address();
  assert.ok(address !== null && typeof address === 'object');
  const cut = (): void => {
    for (const socket of open) socket.destroy();
    open.clear();
  };
  return {
    port: address.port,
    /** Nothing gets through, and nobody is told. */
    swallow: () => void (isSwallowing = true),
    reopen: () => {
      cut();
      isSwallowing = false;
    },
    close: () => {
      way.close();
      cut();
    },
  };
}

const issuer = 'https://idp.example';
const signIn = (session: string) => ({ issuer, subject: 'alice', at: 0, session });

// They wait most of the time, for which they need not wait for each other.
describe('what gateways share', { concurrency: true }, () => {
  for (const { name, executable, skip } of findStores(process.env)) {
    describe(`a store in ${name}`, { skip, concurrency: 1 }, () => {
      let server: RedisServer;
      let settings: RedisSettings;
      let one: RedisStore;
      let other: RedisStore;
      const log = createKeptLog();
      const stores: RedisStore[] = [];
      /** Later than it is. */
      let laterMs = 0;
      const clock: Clock = { ...systemClock, now: () => systemClock.now() + laterMs };
      const open = async (
        changed: Partial<RedisSettings> = {},
        options: { readonly lockMs?: number } = {},
      ): Promise<RedisStore> => {
        const store = createRedisStore(
          { clock, log },
          { ...settings, ...changed },
          { rememberMs: 60_000, ...options },
        );
        stores.push(store);
        await store.start();
        return store;
      };
      const isGood = (store: RedisStore) => (store.problem() === undefined ? true : undefined);

      before(async () => {
        server = await startRedis(executable);
        settings = {
          address: '127.0.0.1',
          port: server.port,
          password: new Secret(server.password),
          tls: { certificateAuthority: server.certificateAuthority, serverName: 'redis.test' },
          keyPrefix: 'test:',
        };
      });
      after(() => (server as RedisServer | undefined)?.close());
      beforeEach(async () => {
        one = await open();
        other = await open();
      });
      afterEach(() => {
        for (const store of stores.splice(0)) store.stop();
      });

      it('tells the other gateway of a revocation at once, and one that starts later', async () => {
        assert.equal(one.problem(), undefined);
        const told = new Promise((resolve) => other.onRevoked(resolve));
        await one.revoke({ kind: 'session', session: 'a' });
        assert.deepEqual(await told, { kind: 'session', session: 'a' });
        assert.equal(other.isRevoked(signIn('a')), true);
        assert.equal(other.isRevoked(signIn('b')), false);
        assert.equal((await open()).isRevoked(signIn('a')), true);
      });

      it('tells the other gateway what it can do without, and goes on when nobody can be told', async () => {
        const told: string[] = [];
        const withdraw = other.onTold((text) => told.push(text));
        const heard = new Promise((resolve) => other.onTold(resolve));
        await one.tell('news');
        assert.equal(await heard, 'news');
        withdraw();
        const second = new Promise((resolve) => other.onTold(resolve));
        await one.tell('more');
        assert.equal(await second, 'more');
        assert.deepEqual(told, ['news']);
        assert.equal(other.isRevoked(signIn('news')), false);
        one.stop();
        await one.tell('nobody hears this');
      });

      it('tells the others what it could not tell, as soon as its own way to the server is back', async (t) => {
        const way = await startWay(server.port);
        t.after(() => way.close());
        const cut = await open({ port: way.port });
        way.swallow();
        await assert.rejects(cut.revoke({ kind: 'sid', issuer, sid: 'told-late' }), {
          reason: 'ServiceUnavailable',
        });
        const over = { ...signIn('elsewhere'), sid: 'told-late' };
        assert.deepEqual([cut.isRevoked(over), other.isRevoked(over)], [true, false]);
        way.reopen();
        // The other's connection has never been away: it reads no list again.
        await eventually('the news', () => (other.isRevoked(over) ? true : undefined));
        assert.equal(other.problem(), undefined);
      });

      it('takes a name once, whoever asks', async () => {
        const answers = await Promise.all(
          [one, other, one, other].map((store) => store.once('state', 60_000)),
        );
        assert.deepEqual(answers.filter(Boolean), [true]);
      });

      it('keeps tokens for both, and lets one at a time renew them', async () => {
        await one.tokens.write('s', 'sealed', 60_000);
        assert.equal(await other.tokens.read('s'), 'sealed');
        let inside = 0;
        let most = 0;
        const task = async (): Promise<number> => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setImmediate(resolve));
          return inside--;
        };
        await Promise.all([one, other, one, other].map((store) => store.tokens.alone('s', task)));
        assert.equal(most, 1);
        await other.tokens.remove('s');
        assert.equal(await one.tokens.read('s'), undefined);
      });

      it('lets nobody else in while a task goes on, however long, and soon after its gateway is gone', async () => {
        const options = { lockMs: 400 };
        const [slow, next] = [await open({}, options), await open({}, options)];
        const order: string[] = [];
        const { promise: begun, resolve: begin } = Promise.withResolvers<undefined>();
        const task = slow.tokens.alone('long', async () => {
          begin(undefined);
          await new Promise((resolve) => setTimeout(resolve, 1_200));
          order.push('slow');
        });
        await begun;
        await eventually('the turn', async () =>
          next.tokens.alone('long', () => Promise.resolve(order.push('next'))).catch(() => undefined),
        );
        await task;
        assert.deepEqual(order, ['slow', 'next']);
        await new Promise<void>((resolve) => {
          void slow.tokens.alone('gone', () => new Promise(() => resolve()));
        });
        slow.stop();
        await eventually('the turn', async () =>
          next.tokens.alone('gone', () => Promise.resolve(true)).catch(() => undefined),
        );
      });

      it('lets the next one in after a failure', async () => {
        await assert.rejects(
          one.tokens.alone('f', () => Promise.reject(new Error('no'))),
          /no/,
        );
        assert.equal(await other.tokens.alone('f', () => Promise.resolve(1)), 1);
      });

      it('says so when the server is gone, refuses what depends on it, and knows everything again after', async () => {
        await server.kill();
        await eventually('the problem', () => (one.problem() === undefined ? undefined : true));
        await assert.rejects(one.once('x', 1000), { reason: 'ServiceUnavailable' });
        await assert.rejects(one.tokens.read('x'), { reason: 'ServiceUnavailable' });
        // Here it holds all the same, and the others hear of it when they can.
        await assert.rejects(one.revoke({ kind: 'session', session: 'while-away' }), {
          reason: 'ServiceUnavailable',
        });
        assert.equal(one.isRevoked(signIn('while-away')), true);
        await server.restart();
        await eventually('both again', () => isGood(one) && isGood(other));
        // The server has lost all it knew.
        await eventually('the other knows', async () => {
          const late = await open();
          return late.isRevoked(signIn('while-away')) ? true : undefined;
        });
      });

      it('says so when the server is silent', async () => {
        server.pause();
        assert.equal(one.problem(), undefined, 'not yet');
        laterMs = 8_000;
        assert.match(one.problem() ?? '', /silent/);
        server.resume();
        await eventually('no problem', () => isGood(one));
      });

      it('is not reached with a wrong password, name or authority, and shows no password', async () => {
        const wrong: readonly Partial<RedisSettings>[] = [
          { password: new Secret('wrong-password-0123456789') },
          { tls: { certificateAuthority: server.certificateAuthority, serverName: 'other.test' } },
          { tls: { serverName: 'redis.test' } },
        ];
        for (const store of await Promise.all(wrong.map((changed) => open(changed)))) {
          assert.match(store.problem() ?? '', /not been reached/);
          await assert.rejects(store.once('x', 1000), { reason: 'ServiceUnavailable' });
        }
        const logged = JSON.stringify(log.lines);
        assert.ok(!logged.includes(server.password) && !logged.includes('wrong-password'));
      });
    });
  }
});
