// S4: a node's address is set by the node, and a name is pointed anywhere by whoever answers for it. Whatever they say,
// the gateway connects to no address that is not a node's, and never to another one than the one that it has judged
// (CVE-2022-3294, CVE-2020-8562): at the first dial, for a kept-alive connection, and for an upgrade.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { systemClock } from '../../src/core/ports.ts';
import { collect } from '../../src/forward/collect.ts';
import { createPools } from '../../src/upstream/pools.ts';
import { createAddressRule } from '../../src/inventory/addresses.ts';
import { createReach } from '../../src/outbound/reach.ts';
import type { Lookup } from '../../src/outbound/reach.ts';
import { createTestPki, toEntry } from '../forward/support/front.ts';
import type { TestPki } from '../forward/support/front.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { startNameServer } from '../support/name-server.ts';

/** An address of a node; the others of the host are not. */
const ALLOWED = '127.0.0.2';
const FORBIDDEN = '127.0.0.1';

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

/** Somebody who answers every request with 200, and would pass for the node. */
async function listen(t: TestContext, address: string, port = 0) {
  const { certificate, key } = pki.kubelet;
  let connections = 0;
  const server = createServer({ cert: certificate, key }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
  });
  server.on('connection', () => (connections += 1));
  server.listen(port, address);
  await once(server, 'listening');
  t.after(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
  };
}

function start(
  t: TestContext,
  lookup: Lookup | undefined,
  own: readonly { address: string; port: number }[] = [],
) {
  const log = createKeptLog();
  const refused: string[] = [];
  const judge = createAddressRule({
    allowed: [`${ALLOWED}/32`],
    own,
    hostAddresses: () => [ALLOWED, FORBIDDEN],
  });
  const reach = createReach({
    judge,
    words: (problem) => problem,
    log,
    onRefused: (problem) => refused.push(problem),
    ...(lookup === undefined ? {} : { lookup }),
  });
  const pools = createPools(
    { clock: systemClock, log, reach },
    { connectTimeoutMs: 5000, keepAliveTimeoutMs: 60_000, maxConnectionsPerNode: 1 },
  );
  t.after(() => pools.close());
  return { pools, log, refused };
}

type Pools = ReturnType<typeof start>['pools'];

/** The two ways to a node. */
const WAYS = {
  'a plain request': async (pools: Pools, entry: ReturnType<typeof toEntry>): Promise<void> => {
    const outgoing = { method: 'GET', target: '/healthz', headers: [] } as const;
    const limits = { maxBytes: 10, timeoutMs: 10_000 };
    const { signal } = new AbortController();
    const { body } = await collect(systemClock, pools.get(entry, pki.bearer), outgoing, limits, signal);
    assert.equal(body.toString(), 'ok');
  },
  'an upgrade': async (pools: Pools, entry: ReturnType<typeof toEntry>): Promise<void> => {
    const socket = await pools.get(entry, pki.bearer).dial(new AbortController().signal);
    socket.destroy();
  },
};

const isRefused = (problem: string) => (error: unknown) => {
  assert.ok(error instanceof Fault);
  assert.equal(error.reason, 'BadGateway');
  assert.match(error.message, /must not be dialled: it is/);
  assert.deepEqual(error.annotations, { 'dial-refused': problem });
  // The address itself is for the log.
  assert.doesNotMatch(error.message, /\d+\.\d+\.\d+\.\d+/);
  return true;
};

for (const [way, go] of Object.entries(WAYS)) {
  describe(`${way} to an address that is no node's`, () => {
    const rows: readonly (readonly [string, string])[] = [
      [FORBIDDEN, 'loopback'],
      ['::1', 'loopback'],
      ['0.0.0.0', 'unspecified'],
      ['::', 'unspecified'],
      ['169.254.169.254', 'metadata'],
      ['fd00:ec2::254', 'metadata'],
      ['169.254.0.5', 'linkLocal'],
      ['fe80::1', 'linkLocal'],
      [`::ffff:${FORBIDDEN}`, 'embedded'],
      [`::ffff:${ALLOWED}`, 'embedded'],
      [`64:ff9b::${FORBIDDEN}`, 'loopback'],
      ['224.0.0.1', 'multicast'],
      ['255.255.255.255', 'reserved'],
    ];
    for (const [address, problem] of rows) {
      it(`is refused: ${address}`, async (t) => {
        const victim = await listen(t, FORBIDDEN);
        const { pools, log, refused } = start(t, undefined);
        await assert.rejects(go(pools, toEntry(pki, victim.port, { address })), isRefused(problem));
        assert.equal(victim.connections, 0);
        assert.deepEqual(refused, [problem]);
        assert.equal(log.lines.at(-1)?.fields['address'], address);
      });
    }

    it('is refused: a listener of the gateway itself, although its address is allowed', async (t) => {
      const victim = await listen(t, ALLOWED);
      for (const address of [ALLOWED, '0.0.0.0', '::']) {
        const { pools } = start(t, undefined, [{ address, port: victim.port }]);
        const entry = toEntry(pki, victim.port, { address: ALLOWED });
        await assert.rejects(go(pools, entry), isRefused('ownListener'));
      }
      assert.equal(victim.connections, 0);
    });

    it('is refused: a name that the system knows as loopback, in any spelling', async (t) => {
      const victim = await listen(t, FORBIDDEN);
      for (const address of ['localhost', 'LOCALHOST', '0177.0.0.1', '0x7f.0.0.1']) {
        const { pools } = start(t, undefined);
        await assert.rejects(go(pools, toEntry(pki, victim.port, { address })), Fault);
      }
      assert.equal(victim.connections, 0);
    });

    it('is refused: a name of which one address is a node’s and one is not', async (t) => {
      const node = await listen(t, ALLOWED);
      for (const addresses of [
        [ALLOWED, FORBIDDEN],
        [ALLOWED, '169.254.169.254'],
        [ALLOWED, '::1'],
      ]) {
        const names = await startNameServer(() => addresses);
        t.after(() => names.close());
        const { pools } = start(t, names.lookup);
        const entry = toEntry(pki, node.port, { address: 'node-1.test' });
        await assert.rejects(
          go(pools, entry),
          (error) => error instanceof Fault && 'dial-refused' in error.annotations,
        );
      }
      assert.equal(node.connections, 0);
    });

    it('is never reached by a name that points elsewhere the second time', async (t) => {
      const node = await listen(t, ALLOWED);
      const victim = await listen(t, FORBIDDEN, node.port);
      let questions = 0;
      const names = await startNameServer(() => ((questions += 1) % 2 === 1 ? [ALLOWED] : [FORBIDDEN]));
      t.after(() => names.close());
      const { pools, refused } = start(t, names.lookup);
      const entry = toEntry(pki, node.port, { address: 'rebinds.test' });
      await go(pools, entry);
      // One question for one dial: there is no second look-up that could say something else.
      assert.deepEqual(names.asked, ['rebinds.test']);
      // The next dial asks again, and is told of the other address: it is judged anew.
      await assert.rejects(
        pools.get(entry, pki.bearer).dial(new AbortController().signal),
        isRefused('loopback'),
      );
      assert.deepEqual([node.connections, victim.connections], [1, 0]);
      assert.deepEqual(refused, ['loopback']);
    });

    it('is a fault in words when the name is not known', async (t) => {
      const names = await startNameServer(() => []);
      t.after(() => names.close());
      const { pools } = start(t, names.lookup);
      await assert.rejects(go(pools, toEntry(pki, 1, { address: 'nowhere.test' })), {
        message: 'the node could not be reached',
      });
    });
  });
}

describe('a connection that is kept', () => {
  it('goes on to the address that was judged, whatever the name says meanwhile', async (t) => {
    const node = await listen(t, ALLOWED);
    const victim = await listen(t, FORBIDDEN, node.port);
    let address = ALLOWED;
    const names = await startNameServer(() => [address]);
    t.after(() => names.close());
    const { pools } = start(t, names.lookup);
    const entry = toEntry(pki, node.port, { address: 'rebinds.test' });
    for (let i = 0; i < 5; i += 1) {
      await WAYS['a plain request'](pools, entry);
      address = FORBIDDEN;
    }
    assert.deepEqual([node.connections, victim.connections, names.asked.length], [1, 0, 1]);
  });

  it('is verified against the name of the node, and not against the address or the name that was looked up', async (t) => {
    const node = await listen(t, ALLOWED);
    const names = await startNameServer(() => [ALLOWED]);
    t.after(() => names.close());
    const { pools } = start(t, names.lookup);
    const entry = toEntry(pki, node.port, { address: 'node-1.test', serverName: 'node-2' });
    await assert.rejects(pools.get(entry, pki.bearer).dial(new AbortController().signal), {
      message: "the node's certificate is not trusted",
    });
  });
});
