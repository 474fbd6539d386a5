// Real sessions replayed: what a kubelet 1.36.2 and its client said to each other goes through the gateway once more.
// The bytes after the heads are the same in both directions, and the heads are those of replay-heads.txt.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { Transport } from '../../src/core/exchange.ts';
import { containerName, namespaceName, podName } from '../support/resolved.ts';
import { SCENARIOS, readCapture } from '../wire/captures.ts';
import { createTestPki, startFront, toEntry } from './support/front.ts';
import type { TestPki } from './support/front.ts';
import { HEAD_END, startKubelet } from './support/kubelet.ts';

const EXPECTED = readFileSync(new URL('replay-heads.txt', import.meta.url), 'utf8').split('\n\n');

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

const toPod = (name: string) => ({ namespace: namespaceName('default'), name: podName(name) });
const toStreams = (letters: string) => ({
  stdin: letters.includes('i'),
  stdout: letters.includes('o'),
  stderr: letters.includes('e'),
  tty: letters.includes('t'),
});
const toExec = (letters: string, ...command: string[]): Action => ({
  kind: 'exec',
  pod: toPod('shell'),
  container: containerName('shell'),
  command,
  streams: toStreams(letters),
});
const toAttach = (pod: string, letters: string): Action => ({
  kind: 'attach',
  pod: toPod(pod),
  container: containerName(pod),
  streams: toStreams(letters),
});

const ACTIONS: Record<(typeof SCENARIOS)[number], Action> = {
  'attach-stdin': toAttach('cat', 'ioe'),
  'attach-tty': toAttach('shell', 'iot'),
  'exec-exit3': toExec('oe', 'sh', '-c', 'echo to-out; echo to-err >&2; exit 3'),
  'exec-no-such-command': toExec('oe', '/no/such/cmd'),
  'exec-ok': toExec('oe', 'echo', 'hello'),
  'exec-stdin': toExec('ioe', 'cat'),
  'exec-tty-resize': toExec('iot', 'sh'),
  portforward: { kind: 'portForward', pod: toPod('web'), ports: [] },
  'portforward-refused': { kind: 'portForward', pod: toPod('web'), ports: [] },
};

const valuesOf = (head: string, name: string): string[] =>
  head
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name}: `))
    .map((line) => line.slice(name.length + 2));

function toTransport(head: string): Transport {
  const [key] = valuesOf(head, 'sec-websocket-key');
  return key === undefined
    ? { kind: 'spdy', protocols: valuesOf(head, 'x-stream-protocol-version') }
    : { kind: 'websocket', protocols: valuesOf(head, 'sec-websocket-protocol'), key };
}

/** The capture's session through a gateway; the streams are cut into pieces of `size`. */
async function replay(t: TestContext, scenario: (typeof SCENARIOS)[number], protocol: string, size: number) {
  const said = readCapture(`${scenario}.${protocol}.apiserver-kubelet`, 'c2s');
  const answered = readCapture(`${scenario}.${protocol}.apiserver-kubelet`, 's2c');
  const kubelet = await startKubelet(t, { tls: pki.kubelet, clientCa: pki.clientCa.certificate });
  const front = await startFront(t, pki, () => ({
    action: ACTIONS[scenario],
    entry: toEntry(pki, kubelet.port),
    credential: pki.operator,
    transport: toTransport(said.head),
  }));
  const client = await front.connect();
  client.write(said.head);
  const node = await kubelet.connection(0);
  const asked = await node.saw(HEAD_END);
  const whole = Buffer.concat([Buffer.from(answered.head, 'latin1'), answered.bytes]);
  for (let at = 0; at < whole.length; at += size) node.write(whole.subarray(at, at + size));
  const told = (await client.saw(HEAD_END)).split(HEAD_END)[0] ?? '';
  for (let at = 0; at < said.bytes.length; at += size) client.write(said.bytes.subarray(at, at + size));
  client.socket.end();
  await node.ended;
  node.socket.end();
  await client.ended;
  await front.ending(0);
  assert.deepEqual(client.received.subarray(told.length + 4), answered.bytes);
  assert.deepEqual(node.received.subarray(asked.indexOf('\r\n\r\n') + 4), said.bytes);
  const heads = `${asked.split(HEAD_END)[0] ?? ''}\n${told}`
    .replaceAll('\r', '')
    .replace(`:${kubelet.port}`, ':PORT')
    .replace(front.exchanges[0]?.auditId ?? '', 'AUDIT-ID');
  return { said, answered, heads, told };
}

describe('a real session', () => {
  for (const scenario of SCENARIOS) {
    for (const protocol of ['spdy', 'ws']) {
      it(`${scenario} by ${protocol}`, async (t) => {
        const { heads, answered, told } = await replay(t, scenario, protocol, 1 << 16);
        const expected = EXPECTED.find((entry) => entry.startsWith(`# ${scenario}.${protocol}\n`));
        assert.equal(`# ${scenario}.${protocol}\n${heads}`, expected?.trimEnd());
        // What the kubelet said in its head is all there, but for its clock.
        const lines = answered.head.split('\r\n').filter((line) => line !== '' && !line.startsWith('Date: '));
        for (const line of lines) assert.ok(told.split('\r\n').includes(line), line);
      });
    }
  }

  it('comes through in small pieces too', async (t) => {
    await replay(t, 'exec-tty-resize', 'spdy', 3);
    await replay(t, 'exec-tty-resize', 'ws', 3);
  });
});
