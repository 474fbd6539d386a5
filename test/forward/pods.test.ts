// The pods of a node: as `locate` reads them, and as kubectl is shown them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { Received } from '../../src/core/exchange.ts';
import { createByteBudget } from '../../src/core/byte-budget.ts';
import { Fault } from '../../src/core/fault.ts';
import { collect } from '../../src/forward/collect.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createTestPki, startFront, toEntry } from './support/front.ts';
import type { FrontOptions, TestPki } from './support/front.ts';
import { HEAD_END, startKubelet } from './support/kubelet.ts';
import { eventually } from '../support/eventually.ts';

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

const PODS = readFileSync(new URL('../fixtures/http/pods.json', import.meta.url), 'utf8');
const never = new AbortController().signal;
const toAnswer = (body: string, code = 200): string =>
  `HTTP/1.1 ${code} X\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

async function set(t: TestContext, answer: string | undefined, options: FrontOptions = {}) {
  const kubelet = await startKubelet(t, {
    tls: pki.kubelet,
    clientCa: pki.clientCa.certificate,
    onConnection: ({ socket }) => {
      if (answer !== undefined) socket.on('data', () => socket.write(answer));
    },
  });
  const access = { entry: toEntry(pki, kubelet.port), credential: pki.reader };
  const view = { labelSelector: [], fieldSelector: [], as: 'Table', includeObject: 'Metadata' } as const;
  const asked: Received[] = [];
  const front = await startFront(
    t,
    pki,
    (received) => {
      asked.push(received);
      return { action: { kind: 'pods', view }, surface: 'kubectl', ...access };
    },
    options,
  );
  return { kubelet, front, access, asked };
}

describe('the pods of a node', () => {
  it('are read whole and parsed', async (t) => {
    const { kubelet, front, access } = await set(t, toAnswer(PODS));
    assert.deepEqual(await front.forward.fetchPods(access, never), JSON.parse(PODS));
    const asked = await (await kubelet.connection(0)).saw(HEAD_END);
    assert.match(asked, /^GET \/pods HTTP\/1.1\r\n[^]*\r\naccept: application\/json\r\n/);
  });

  const refusals: readonly [string, string, RegExp][] = [
    ['the credential is rejected', toAnswer('Unauthorized', 401), /rejected the gateway's credential/],
    ['the credential is denied', toAnswer('Forbidden (user=x)', 403), /rejected the gateway's credential/],
    ['the node fails', toAnswer('boom', 500), /^the node did not list its pods$/],
    ['the answer is not JSON', toAnswer('<html>'), /^the node's list of pods cannot be read$/],
    [
      'the answer is cut',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n',
      /did not answer in time/,
    ],
  ];
  for (const [what, answer, message] of refusals) {
    it(`are a Fault when ${what}`, async (t) => {
      const { front, access } = await set(t, answer, what.endsWith('cut') ? { answerTimeoutMs: 100 } : {});
      await assert.rejects(front.forward.fetchPods(access, never), (fault) => {
        assert.ok(fault instanceof Fault);
        assert.match(fault.message, message);
        return true;
      });
    });
  }

  it('are not read past a size', async (t) => {
    const { front, access } = await set(t, toAnswer('x'.repeat(2_000)));
    const upstream = front.pools.get(access.entry, access.credential);
    const outgoing = { method: 'GET', target: '/pods', headers: [] } as const;
    const limits = { maxBytes: 1_000, timeoutMs: 5_000 };
    await assert.rejects(collect(systemClock, upstream, { ...outgoing, headers: [] }, limits, never), {
      message: "the node's answer is too large",
    });
  });

  it('hold together no more than there is room for, and give it back', async (t) => {
    const { front, access } = await set(t, toAnswer('x'.repeat(2_000)));
    const upstream = front.pools.get(access.entry, access.credential);
    const budget = createByteBudget(3_000);
    const limits = { maxBytes: 10_000, timeoutMs: 5_000, budget };
    const read = () =>
      collect(systemClock, upstream, { method: 'GET', target: '/pods', headers: [] }, limits, never);
    assert.equal(budget.take(1_500), true);
    await assert.rejects(read(), { message: /too much is being read from nodes at present/ });
    budget.give(1_500);
    assert.equal((await read()).body.length, 2_000);
    assert.equal(budget.take(3_000), true);
  });

  it('are given up on a signal', async (t) => {
    const { kubelet, front, access } = await set(t, undefined);
    const given = new AbortController();
    const fetched = front.forward.fetchPods(access, given.signal);
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    given.abort();
    await assert.rejects(fetched, { message: 'the request was given up' });
    await connection.ended;
    await assert.rejects(front.forward.fetchPods(access, given.signal), {
      message: 'the request was given up',
    });
  });
});

describe('many who ask for the pods of one node', () => {
  it('share one list', async (t) => {
    const { kubelet, front, access } = await set(t, toAnswer(PODS));
    const lists = await Promise.all([1, 2, 3].map(() => front.forward.fetchPods(access, never)));
    assert.equal(lists[0], lists[2]);
    const connection = await kubelet.connection(0);
    assert.equal(connection.received.toString().match(/GET \/pods /g)?.length, 1);
    assert.notEqual(await front.forward.fetchPods(access, never), lists[0]);
  });

  it('do not lose it when one of them leaves', async (t) => {
    const { kubelet, front, access } = await set(t, undefined);
    const given = new AbortController();
    const left = front.forward.fetchPods(access, given.signal);
    const stays = front.forward.fetchPods(access, never);
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    given.abort();
    await assert.rejects(left, { message: 'the request was given up' });
    connection.write(toAnswer(PODS));
    assert.deepEqual(await stays, JSON.parse(PODS));
  });
});

describe('kubectl’s view of the pods', () => {
  const ask = async (
    front: Awaited<ReturnType<typeof set>>['front'],
  ): Promise<readonly [string, unknown]> => {
    const client = await front.connect();
    client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await client.ended;
    client.socket.end();
    const [head = '', body = ''] = client.received.toString().split('\r\n\r\n');
    return [head, JSON.parse(body)];
  };

  it('is a table, sandboxed like every answer', async (t) => {
    const { front } = await set(t, toAnswer(PODS));
    const [head, body] = await ask(front);
    assert.match(head, /^HTTP\/1.1 200 OK\r\n/);
    assert.match(head, /\r\nContent-Type: application\/json\r\n/);
    assert.match(head, /\r\nX-Content-Type-Options: nosniff\r\n/);
    assert.equal((body as { kind: string }).kind, 'Table');
    assert.deepEqual(front.started, [200]);
    assert.equal((await front.ending(0)).reason, 'completed');
  });

  it('is a Status when the node fails', async (t) => {
    const { front } = await set(t, toAnswer('boom', 500));
    const [head, body] = await ask(front);
    assert.match(head, /^HTTP\/1.1 502 /);
    assert.equal((body as { kind: string }).kind, 'Status');
  });

  it('does not outlive its exchange, should its client not take it', { timeout: 30_000 }, async (t) => {
    const list = JSON.parse(PODS) as { items: { metadata: { annotations?: object } }[] };
    const [pod] = list.items;
    assert.ok(pod !== undefined);
    pod.metadata.annotations = { large: 'x'.repeat(4096) };
    const { front, asked } = await set(
      t,
      toAnswer(JSON.stringify({ ...list, items: Array(1500).fill(pod) })),
    );
    const client = await front.connect();
    client.socket.pause();
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually('the answer', () => front.started[0]);
    asked[0]?.lifetime.end('terminated');
    assert.equal((await front.ending(0)).reason, 'terminated');
  });

  it('is not made for a client that left', async (t) => {
    const { kubelet, front } = await set(t, undefined);
    const client = await front.connect();
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    client.socket.destroy();
    await connection.ended;
    assert.deepEqual(await front.ending(0), { code: 0, reason: 'clientClosed' });
  });
});
