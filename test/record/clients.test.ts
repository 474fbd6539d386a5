// Every kind of client through a gateway that must record (S22): each WebSocket subprotocol and each SPDY version, over
// each path, cut at random from a printed seed; and @kubernetes/client-node. The container says what it was given, by its
// digest and by sending it back, and the recording has the same bytes.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { Attach, Exec, KubeConfig, PortForward } from '@kubernetes/client-node';
import type { AuditEvent, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { CHANNEL_PROTOCOLS, encodeChannelMessage } from '../../src/wire/channels.ts';
import { encodeSpdyFrame } from '../../src/wire/spdy-frame.ts';
import { SpdyHeaderEncoder } from '../../src/wire/spdy-headers.ts';
import { OPCODE, encodeWebSocketFrame } from '../../src/wire/websocket-frame.ts';
import { parseCast, readRecording } from './support.ts';
import { toSynStream } from '../support/syn-stream.ts';

const RECORDING = `
recording:
  directory: recordings
  rules: [{ mode: required, stdin: on }]
`;
const SIZE = 40_000;

let scenario: Scenario;
before(async () => {
  scenario = await startScenario({ configure: (yaml) => yaml + RECORDING });
});
after(() => closeAll(scenario));

const seen = new Set<string>();

async function nextText(action: string): Promise<{ readonly event: AuditEvent; readonly text: string }> {
  const event = await eventually(`the end of ${action}`, async () =>
    (await scenario.auditEvents()).find(
      ({ stage, auditID, annotations = {} }) =>
        stage === 'ResponseComplete' &&
        !seen.has(auditID) &&
        annotations['kubelet-gateway.io/action'] === action,
    ),
  );
  seen.add(event.auditID);
  const outcome = event.annotations?.['kubelet-gateway.io/recording'];
  assert.equal(outcome, `${event.auditID} complete`, JSON.stringify(event));
  const folder = join(scenario.environment.directory, 'recordings', event.auditID);
  return { event, text: (await readRecording(folder)).text };
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Keeps what it is given, sends it back, and says its digest on standard error. */
const COMMAND = `f=$(mktemp); head -c ${SIZE} > "$f"; cat "$f"; sha256sum < "$f" >&2; rm "$f"`;

function assertRecorded(text: string, sent: Buffer): void {
  const cast = parseCast(text);
  assert.ok(cast.bytes('stdin').equals(sent), 'stdin');
  assert.ok(cast.bytes('stdout').equals(sent), 'stdout');
  assert.equal(cast.bytes('stderr').toString().slice(0, 64), digest(sent), 'stderr');
}

const QUERY = new URLSearchParams([
  ['command', 'sh'],
  ['command', '-c'],
  ['command', COMMAND],
]).toString();
const PATHS = [
  `/nodes/node-1/exec/default/shell/shell?${QUERY}&input=1&output=1&error=1`,
  `/api/v1/nodes/node-1/proxy/exec/default/shell/shell?${QUERY}&input=1&output=1&error=1`,
  `/nodes/node-1/api/v1/namespaces/default/pods/shell/exec?${QUERY}&stdin=true&stdout=true&stderr=true`,
] as const;

async function upgrade(method: string, path: string, headers: readonly string[]): Promise<TLSSocket> {
  const { certificateAuthority: ca, port } = scenario.environment;
  const socket = connect({ host: '127.0.0.1', port, ca });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  const token = await scenario.environment.issueToken('alice');
  const lines = ['Host: gateway', 'Connection: Upgrade', `Authorization: Bearer ${token}`, ...headers];
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  let head = '';
  while (!head.includes('\r\n\r\n')) head += String((await once(socket, 'data'))[0]);
  assert.match(head, /^HTTP\/1\.1 101 /, head);
  socket.resume();
  return socket;
}

/** Writes of one to 999 bytes, each of which is seen by itself. */
async function dribble(socket: TLSSocket, bytes: Buffer, random: () => number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + Math.floor(random() ** 4 * 999);
    if (!socket.write(bytes.subarray(at, at + length))) await once(socket, 'drain');
    if (random() < 0.1) await new Promise((resolve) => setImmediate(resolve));
    at += length;
  }
}

/** Whole in one message, or in many of random lengths. */
function* inMessages(bytes: Buffer, random: () => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + Math.floor(random() * 5000);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/** mulberry32: the same cuts for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SEED = Math.floor(Math.random() * 2 ** 31);

describe(`raw clients, cut at random (seed ${SEED})`, () => {
  for (const [index, protocol] of CHANNEL_PROTOCOLS.entries()) {
    it(`WebSocket "${protocol.subprotocol}", with pings in between`, async () => {
      const random = createRandom(SEED + index);
      const sent = randomBytes(SIZE);
      const path = PATHS[index % PATHS.length] ?? PATHS[0];
      const offer = protocol.subprotocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol.subprotocol}`];
      const socket = await upgrade('GET', path, [
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        ...offer,
      ]);
      const mask = randomBytes(4);
      const frames = [...inMessages(sent, random)].flatMap((part) => [
        encodeWebSocketFrame({ ...encodeChannelMessage(protocol, 0, part), mask }),
        ...(random() < 0.3
          ? [encodeWebSocketFrame({ opcode: OPCODE.ping, payload: Buffer.from('ping'), mask })]
          : []),
      ]);
      await dribble(socket, Buffer.concat(frames), random);
      await once(socket, 'close');
      const { event, text } = await nextText('exec');
      assert.equal(event.annotations?.['kubelet-gateway.io/protocol'], 'websocket');
      assertRecorded(text, sent);
    });
  }

  for (const [index, version] of ['v4', 'v3', 'v2', 'v1'].entries()) {
    for (const method of ['GET', 'POST']) {
      it(`SPDY ${version} by ${method}`, async () => {
        const random = createRandom(SEED + 100 + index);
        const sent = randomBytes(SIZE);
        const path = PATHS[index % PATHS.length] ?? PATHS[0];
        const protocol = version === 'v1' ? 'channel.k8s.io' : `${version}.channel.k8s.io`;
        const socket = await upgrade(method, path, [
          'Upgrade: SPDY/3.1',
          'Content-Length: 0',
          `X-Stream-Protocol-Version: ${protocol}`,
        ]);
        const headers = new SpdyHeaderEncoder();
        const streams = ['error', 'stdin', 'stdout', 'stderr'].map((streamtype, at) =>
          encodeSpdyFrame(toSynStream(2 * at + 1, headers.encode([['streamtype', streamtype]]))),
        );
        const data = [...inMessages(sent, random)].flatMap((part) => [
          encodeSpdyFrame({ kind: 'data', streamId: 3, fin: false, data: part }),
          ...(random() < 0.3 ? [encodeSpdyFrame({ kind: 'ping', id: 1 })] : []),
        ]);
        await dribble(socket, Buffer.concat([...streams, ...data]), random);
        await once(socket, 'close');
        const { event, text } = await nextText('exec');
        assert.equal(event.annotations?.['kubelet-gateway.io/protocol'], 'SPDY/3.1');
        assertRecorded(text, sent);
      });
    }
  }
});

describe('@kubernetes/client-node', () => {
  const toConfig = async (): Promise<KubeConfig> => {
    const made = new KubeConfig();
    const cluster = {
      name: 'gateway',
      server: `${scenario.url}/nodes/node-1`,
      caData: Buffer.from(scenario.environment.certificateAuthority).toString('base64'),
      skipTLSVerify: false,
    };
    const token = await scenario.environment.issueToken('alice');
    made.loadFromClusterAndUser(cluster, { name: 'alice', token });
    return made;
  };
  const collect = (): { readonly stream: PassThrough; bytes(): Buffer } => {
    const parts: Buffer[] = [];
    const stream = new PassThrough();
    stream.on('data', (part: Buffer) => parts.push(part));
    return { stream, bytes: () => Buffer.concat(parts) };
  };

  it('exec', async () => {
    const sent = randomBytes(SIZE);
    const [stdout, stderr] = [collect(), collect()];
    const stdin = new PassThrough();
    const done = new Promise((resolve, reject) => {
      new Exec(config)
        .exec(
          'default',
          'shell',
          'shell',
          ['sh', '-c', COMMAND],
          stdout.stream,
          stderr.stream,
          stdin,
          false,
          resolve,
        )
        .catch(reject);
    });
    stdin.write(sent);
    assert.equal(((await done) as { status?: string }).status, 'Success');
    const { text } = await nextText('exec');
    assertRecorded(text, sent);
    assert.ok(stdout.bytes().equals(sent));
    assert.equal(stderr.bytes().toString().slice(0, 64), digest(sent));
  });

  it('attach', async () => {
    const [stdout, stderr] = [collect(), collect()];
    const stdin = new PassThrough();
    const socket = await new Attach(config).attach(
      'default',
      'multi',
      'main',
      stdout.stream,
      stderr.stream,
      stdin,
      false,
    );
    stdin.write('from client-node\n');
    await eventually('the word on both outputs', () =>
      stdout.bytes().includes('from client-node') && stderr.bytes().includes('from client-node')
        ? true
        : undefined,
    );
    socket.close();
    const cast = parseCast((await nextText('attach')).text);
    assert.equal(cast.bytes('stdin').toString(), 'from client-node\n');
    assert.ok(cast.bytes('stdout').equals(stdout.bytes()));
    assert.ok(cast.bytes('stderr').equals(stderr.bytes()));
  });

  it('port-forward', async () => {
    const [output, errors] = [collect(), collect()];
    const input = new PassThrough();
    const request = 'GET / HTTP/1.0\r\n\r\n';
    const socket = await new PortForward(config).portForward(
      'default',
      'web',
      [8080],
      output.stream,
      errors.stream,
      input,
    );
    input.write(request);
    await eventually('an answer', () => (output.bytes().includes('HTTP/1.') ? true : undefined));
    if (typeof socket !== 'function') socket.close();
    const { text } = await nextText('portForward');
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const closed = lines.find(({ event }) => event === 'closed');
    assert.equal(closed?.['port'], 8080);
    assert.equal(closed['bytesToNode'], request.length);
    assert.equal(closed['bytesFromNode'], output.bytes().length);
  });

  let config: KubeConfig;
  before(async () => {
    config = await toConfig();
  });
});
