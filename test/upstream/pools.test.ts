// Which connections are kept, for whom, and how long; and that a new authority means a new connection (S17, S29, S37).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../src/core/ports.ts';
import { createPools, toAuthority } from '../../src/upstream/pools.ts';
import type { Action } from '../../src/core/action.ts';
import type { NodeEntry } from '../../src/core/node.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createAuthority } from '../support/pki.ts';
import { containerName, namespaceName, podName } from '../support/resolved.ts';
import { createTestPki, startFront, toEntry } from '../forward/support/front.ts';
import type { TestPki } from '../forward/support/front.ts';
import { startKubelet } from '../forward/support/kubelet.ts';
import type { FakeKubelet } from '../forward/support/kubelet.ts';
import { reachAnything } from '../support/reach.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

const options = { connectTimeoutMs: 5_000, keepAliveTimeoutMs: 1_000, maxConnectionsPerNode: 2 };

const answering = (t: TestContext): Promise<FakeKubelet> =>
  startKubelet(t, {
    tls: pki.kubelet,
    clientCa: pki.clientCa.certificate,
    onConnection: ({ socket }) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')),
  });

describe('the pools', () => {
  const entry = (n: number): NodeEntry => toEntry(pki, 1, { fingerprint: `node-${n}` });

  it('are one for each node and credential', () => {
    const clock = createFakeClock();
    const pools = createPools({ clock, log: createKeptLog(), reach: reachAnything() }, options);
    const first = pools.get(entry(1), pki.reader);
    assert.equal(pools.get(entry(1), pki.reader), first);
    assert.notEqual(pools.get(entry(1), pki.operator), first);
    assert.notEqual(pools.get(entry(2), pki.reader), first);
    assert.equal(pools.size, 3);
  });

  it('do not confuse fingerprints that join to the same text', () => {
    const pools = createPools(
      { clock: createFakeClock(), log: createKeptLog(), reach: reachAnything() },
      options,
    );
    const one = pools.get(toEntry(pki, 1, { fingerprint: 'a","b' }), { ...pki.reader, fingerprint: 'c' });
    const other = pools.get(toEntry(pki, 1, { fingerprint: 'a' }), { ...pki.reader, fingerprint: 'b","c' });
    assert.notEqual(one, other);
  });

  it('are closed when nobody asks for them', () => {
    const clock = createFakeClock();
    const pools = createPools({ clock, log: createKeptLog(), reach: reachAnything() }, options);
    const { pool } = pools.get(entry(1), pki.reader);
    clock.advance(1_500);
    pools.get(entry(2), pki.reader);
    clock.advance(500);
    assert.equal(pools.size, 1);
    assert.equal(pool.closed, true);
    clock.advance(10_000);
    assert.equal(pools.size, 0);
    assert.equal(clock.pending, 0);
    pools.close();
  });

  it('are so many and not more, least recently used first', () => {
    const pools = createPools(
      { clock: createFakeClock(), log: createKeptLog(), reach: reachAnything() },
      { ...options, maxPools: 2 },
    );
    const first = pools.get(entry(1), pki.reader);
    const second = pools.get(entry(2), pki.reader);
    pools.get(entry(1), pki.reader);
    pools.get(entry(3), pki.reader);
    assert.equal(pools.size, 2);
    assert.equal(second.pool.closed, true);
    assert.equal(first.pool.closed, false);
  });
});

describe('the pools of users with certificates of their own', () => {
  const of = (user: string, fingerprint = `certificate of ${user}`) => ({ ...pki.reader, user, fingerprint });

  it('are so many and not more, and close no pool of a credential of the gateway', () => {
    const deps = { clock: createFakeClock(), log: createKeptLog(), reach: reachAnything() };
    const pools = createPools(deps, { ...options, maxPools: 2, maxUserPools: 3 });
    const shared = pools.get(toEntry(pki, 1), pki.reader);
    const users = Array.from({ length: 100 }, (_, i) => pools.get(toEntry(pki, 1), of(`user-${i}`)));
    assert.equal(pools.size, 4);
    assert.equal(shared.pool.closed, false);
    assert.deepEqual(
      users.map(({ pool }) => pool.closed),
      users.map((_, i) => i < 97),
    );
    pools.get(toEntry(pki, 1, { fingerprint: 'other' }), pki.reader);
    pools.get(toEntry(pki, 1, { fingerprint: 'another' }), pki.reader);
    assert.equal(shared.pool.closed, true);
    assert.equal(users.at(-1)?.pool.closed, false);
  });

  it('are each of one user, even if fingerprints were the same', () => {
    const pools = createPools(
      { clock: createFakeClock(), log: createKeptLog(), reach: reachAnything() },
      options,
    );
    const made = [of('a', 'f'), of('b', 'f'), of('a","b', 'f'), { ...pki.reader, fingerprint: 'f' }].map(
      (credential) => pools.get(toEntry(pki, 1), credential),
    );
    assert.equal(new Set(made).size, 4);
  });

  it('are each of one user when they take turns at one entry, and for each use', () => {
    const deps = { clock: createFakeClock(), log: createKeptLog(), reach: reachAnything() };
    const pools = createPools(deps, options);
    const entry = toEntry(pki, 1);
    const credentials = [of('a', 'f'), { ...pki.reader, fingerprint: 'f' }, of('b', 'f'), pki.operator];
    const ask = () =>
      credentials.flatMap((credential) => [
        pools.get(entry, credential),
        pools.get(entry, credential, 'lasting'),
      ]);
    const first = ask();
    assert.equal(new Set(first).size, 8);
    assert.deepEqual(
      ask().map((upstream, at) => upstream === first[at]),
      first.map(() => true),
    );
    assert.deepEqual(
      first.map(({ credential }) => credential),
      credentials.flatMap((credential) => [credential, credential]),
    );
  });

  it('are forgotten with the key of the user', async () => {
    const clock = createFakeClock();
    const pools = createPools({ clock, log: createKeptLog(), reach: reachAnything() }, options);
    const entry = toEntry(pki, 1);
    const ask = (): WeakRef<object> => {
      const credential = of('a');
      pools.get(entry, credential);
      return new WeakRef(credential);
    };
    const asked = ask();
    clock.advance(10_000);
    // What a WeakRef has shown is held until the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    assert.equal(pools.size, 0);
    assert.equal(asked.deref(), undefined);
    // The entry is still there, as in an inventory.
    assert.equal(entry.port, 1);
  });

  it('are closed when nobody asks for them', () => {
    const clock = createFakeClock();
    const pools = createPools({ clock, log: createKeptLog(), reach: reachAnything() }, options);
    pools.get(toEntry(pki, 1), of('a'));
    clock.advance(10_000);
    assert.equal(pools.size, 0);
    assert.equal(clock.pending, 0);
  });
});

describe('a kept connection', () => {
  const ask = async (front: Awaited<ReturnType<typeof startFront>>): Promise<string> => {
    const client = await front.connect();
    client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await client.ended;
    client.socket.end();
    return client.received.toString();
  };

  it('is not used for an entry with another authority', async (t) => {
    const kubelet = await answering(t);
    const stranger = await createAuthority('stranger');
    const trusted = toEntry(pki, kubelet.port);
    const other = toEntry(pki, kubelet.port, {
      certificateAuthority: stranger.certificate,
      fingerprint: 'other',
    });
    const entries = [trusted, trusted, other, trusted];
    const front = await startFront(t, pki, (_received, index) => ({
      action: { kind: 'configz' },
      entry: entries[index] ?? trusted,
      credential: pki.reader,
    }));
    assert.match(await ask(front), /^HTTP\/1.1 200 /);
    assert.match(await ask(front), /^HTTP\/1.1 200 /);
    assert.equal(kubelet.connections.length, 1);
    assert.match(await ask(front), /^HTTP\/1.1 502 [^]*certificate is not trusted/);
    assert.deepEqual(front.tlsProblems, ['untrusted']);
    assert.match(await ask(front), /^HTTP\/1.1 200 /);
  });

  it('is closed by the gateway before the kubelet closes it', async (t) => {
    const kubelet = await answering(t);
    const front = await startFront(
      t,
      pki,
      () => ({ action: { kind: 'configz' }, entry: toEntry(pki, kubelet.port), credential: pki.reader }),
      { keepAliveTimeoutMs: 50 },
    );
    await ask(front);
    await (
      await kubelet.connection(0)
    ).ended;
  });

  it('is not closed under a request by the eviction of its pool', async (t) => {
    const kubelet = await startKubelet(t, { tls: pki.kubelet, clientCa: pki.clientCa.certificate });
    const front = await startFront(
      t,
      pki,
      (_received, index) => ({
        action: { kind: 'configz' },
        entry: toEntry(pki, kubelet.port, { fingerprint: `${index}` }),
        credential: pki.reader,
      }),
      { maxPools: 1 },
    );
    const first = ask(front);
    const connection = await kubelet.connection(0);
    await connection.saw(/\r\n\r\n/);
    void ask(front);
    await kubelet.connection(1);
    assert.equal(front.pools.size, 1);
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    assert.match(await first, /ok$/);
  });

  it('is cut when the gateway ends', async (t) => {
    const kubelet = await answering(t);
    const pools = createPools({ clock: systemClock, log: createKeptLog(), reach: reachAnything() }, options);
    const upstream = pools.get(toEntry(pki, kubelet.port), pki.reader);
    const socket = await upstream.dial(new AbortController().signal);
    assert.equal((await kubelet.connection(0)).clientName, 'reader');
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    pools.close();
    assert.equal(upstream.pool.closed, true);
    assert.equal(pools.size, 0);
  });
});

it('Host is an address in brackets where it must be', () => {
  const entry = { ...({} as NodeEntry), address: 'fd00::1', port: 10250 };
  assert.equal(toAuthority(entry), '[fd00::1]:10250');
  assert.equal(toAuthority({ ...entry, address: '10.0.0.1' }), '10.0.0.1:10250');
});

describe('followed logs', () => {
  it('leave the connections of short requests alone', async (t) => {
    const kubelet = await startKubelet(t, {
      tls: pki.kubelet,
      clientCa: pki.clientCa.certificate,
      onConnection: async (connection) => {
        const head = await connection.saw(/\r\n\r\n/);
        if (head.includes('/healthz')) connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      },
    });
    const follow: Action = {
      kind: 'containerLogs',
      pod: { namespace: namespaceName('default'), name: podName('logger') },
      container: containerName('logger'),
      options: { follow: true },
    };
    const base = { entry: toEntry(pki, kubelet.port), credential: pki.reader };
    const front = await startFront(
      t,
      pki,
      (_received, index) => ({
        ...base,
        action: index < 2 ? follow : { kind: 'healthz', verbose: false, exclude: [] },
      }),
      { maxConnectionsPerNode: 1 },
    );
    for (const index of [0, 1]) {
      const follower = await front.connect();
      follower.write('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n');
      await kubelet.connection(index);
    }
    const client = await front.connect();
    client.write('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n');
    assert.match(await client.saw(/ok$/), /^HTTP\/1\.1 200 OK\r\n/);
  });
});
