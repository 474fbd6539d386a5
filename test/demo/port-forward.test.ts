import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { demoPods } from '../../demo/kubelet/kubelet.ts';
import { CHANNEL_PROTOCOLS } from '../../src/wire/channels.ts';
import { OPCODE, WebSocketDecoder, encodeWebSocketFrame } from '../../src/wire/websocket-frame.ts';
import { readCapture } from '../wire/captures.ts';
import {
  RawClient,
  SpdyClient,
  SpdyTranscript,
  ask,
  spdyHead,
  startTestNode,
  webSocketHead,
} from './clients.ts';
import type { TestNode } from './clients.ts';
import { messagesOf } from './messages.ts';

const PROTOCOL = 'portforward.k8s.io';
const MASK = Buffer.from('0a0b0c0d', 'hex');
const REFUSED =
  /^error forwarding port 18999 to pod [0-9a-f]{64}, uid : .*dial tcp4 127\.0\.0\.1:18999: connect: connection refused/;

let node: TestNode;
let upper: Server;
before(async () => {
  // Answers every byte in upper case and ends when its client does.
  upper = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => socket.write(chunk.toString('latin1').toUpperCase()));
  });
  upper.listen(0, '127.0.0.1');
  await once(upper, 'listening');
  const address = upper.address();
  assert.ok(typeof address === 'object' && address !== null);
  const pods = demoPods('node-1').map((pod) =>
    pod.name === 'web' ? { ...pod, ports: { 7000: address.port, 18080: address.port, 18999: 1 } } : pod,
  );
  node = await startTestNode({ pods });
});
after(async () => {
  upper.close();
  await node.kubelet.close();
});

const openSpdy = async (): Promise<SpdyClient> => {
  const raw = await RawClient.open(node, 'alice', spdyHead('POST', '/portForward/default/web', PROTOCOL));
  assert.match(await raw.readHead(), /X-Stream-Protocol-Version: portforward\.k8s\.io\r\n/);
  return new SpdyClient(raw);
};

const openPair = (client: SpdyClient, port: string, requestId: string): { error: number; data: number } => {
  const error = client.open({ streamtype: 'error', port, requestid: requestId });
  client.write(error, '', true);
  return { error, data: client.open({ streamtype: 'data', port, requestid: requestId }) };
};

describe('port-forward over SPDY', () => {
  it('forwards several connections at once, each to its own end', async () => {
    const client = await openSpdy();
    const [first, second] = [openPair(client, '7000', '0'), openPair(client, '8080', '1')];
    client.write(first.data, 'hello', true);
    client.write(second.data, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await client.until(({ frames }) => frames.includes(`fin ${second.data}`));
    client.write(second.data, '', true);
    const { texts } = await client.until(({ frames }) =>
      [first, second].every(
        ({ error, data }) => frames.includes(`fin ${data}`) && frames.includes(`fin ${error}`),
      ),
    );
    assert.equal(texts.get(first.data), 'HELLO');
    assert.match(texts.get(second.data) ?? '', /\r\n\r\nhello from web on node-1\n$/);
    client.raw.socket.destroy();
  });

  for (const port of ['18999', '18998']) {
    it(`says on the error stream that nobody listens on ${port}`, async () => {
      const client = await openSpdy();
      const { error, data } = openPair(client, port, '0');
      const { texts, frames } = await client.until((seen) => seen.frames.includes(`rst ${error} 5`));
      assert.match((texts.get(error) ?? '').replaceAll('18998', '18999'), REFUSED);
      assert.ok(frames.includes(`fin ${data}`));
      client.raw.socket.destroy();
    });
  }

  it('takes a pair without request ids, and refuses streams without port or type', async () => {
    const client = await openSpdy();
    client.open({ streamtype: 'error', port: '7000' });
    const data = client.open({ streamtype: 'data', port: '7000' });
    client.write(data, 'ids', true);
    const odd = [
      client.open({ streamtype: 'data', port: '0' }),
      client.open({ streamtype: 'data' }),
      client.open({ streamtype: 'stdin', port: '7000' }),
    ];
    const { texts } = await client.until(
      ({ frames }) => frames.includes(`fin ${data}`) && odd.every((id) => frames.includes(`rst ${id} 3`)),
    );
    assert.equal(texts.get(data), 'IDS');
    client.raw.socket.destroy();
  });

  it('refuses a second stream of the same kind in a pair', async () => {
    const client = await openSpdy();
    const error = client.open({ streamtype: 'error', port: '7000', requestid: '7' });
    const twice = client.open({ streamtype: 'error', port: '7000', requestid: '7' });
    const { texts } = await client.until(({ frames }) => frames.includes(`rst ${twice} 3`));
    assert.match(texts.get(error) ?? '', /already assigned/);
    client.raw.socket.destroy();
  });

  it('does check the uid, and the pod', async () => {
    const path = '/portForward/default/web/wrong-uid';
    assert.equal((await ask(node, 'alice', 'POST', path)).body, 'pod not found');
    assert.equal((await ask(node, 'alice', 'POST', '/portForward/default/nope')).body, 'pod does not exist');
    const raw = await RawClient.open(node, 'alice', spdyHead('POST', '/portForward/default/web'));
    assert.match(await raw.readHead(), /^HTTP\/1\.1 400 /);
    const body = (await raw.readToEnd()).toString();
    assert.equal(
      body,
      'unable to upgrade: header X-Stream-Protocol-Version does not exist in request with 4 headers\n',
    );
  });
});

describe('port-forward in a tunnel', () => {
  it('replays a real session: two requests, each answered', async () => {
    const capture = readCapture('portforward.ws.apiserver-kubelet', 'c2s');
    const raw = await RawClient.open(node, 'alice', capture.head);
    assert.equal(
      (await raw.readHead()).replace(/Accept: .*\r\n/, ''),
      readCapture('portforward.ws.apiserver-kubelet', 's2c').head.replace(/Accept: .*\r\n/, ''),
    );
    // All but the close frame, which the client sent when it had its answers.
    raw.socket.write(capture.bytes.subarray(0, -8));
    const transcript = (bytes: Buffer): SpdyTranscript => {
      const inner: Buffer[] = [];
      new WebSocketDecoder({ from: 'server' }).push(bytes, ({ opcode, payload }) => {
        if (opcode === OPCODE.binary) inner.push(payload);
      });
      return new SpdyTranscript(Buffer.concat(inner));
    };
    // Each data stream sent a request to port 18080, which stands for the server in upper case here.
    const said = await raw.readUntil((bytes) => {
      const { frames } = transcript(bytes);
      return frames.includes('fin 3') && frames.includes('fin 7');
    });
    assert.match(transcript(said).texts.get(3) ?? '', /^GET \/ HTTP\/1\.1\r\nHOST: 127\.0\.0\.1:38080\r\n/i);
    raw.socket.destroy();
  });

  it('ends at a text message', async () => {
    const head = webSocketHead(
      '/portForward/default/web',
      'Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io',
    );
    const raw = await RawClient.open(node, 'alice', head);
    await raw.readHead();
    raw.socket.write(encodeWebSocketFrame({ opcode: OPCODE.text, payload: Buffer.from('x'), mask: MASK }));
    assert.equal((await raw.readToEnd()).toString('hex'), '880203e8');
  });

  it('refuses another protocol inside', async () => {
    const head = webSocketHead(
      '/portForward/default/web',
      'Sec-WebSocket-Protocol: SPDY/3.1+nonsense.k8s.io',
    );
    const raw = await RawClient.open(node, 'alice', head);
    assert.match(
      await raw.readHead(),
      /^HTTP\/1\.1 403 [^]*X-Accepted-Stream-Protocol-Versions: portforward\.k8s\.io/,
    );
    raw.socket.destroy();
  });
});

describe('port-forward over channels', () => {
  const open = async (query: string, ...protocols: readonly string[]): Promise<RawClient> =>
    RawClient.open(
      node,
      'alice',
      webSocketHead(
        `/portForward/default/web${query}`,
        ...protocols.map((name) => `Sec-WebSocket-Protocol: ${name}`),
      ),
    );
  const message = (channel: number, text: string): Buffer =>
    encodeWebSocketFrame({
      opcode: OPCODE.binary,
      payload: Buffer.concat([Buffer.from([channel]), Buffer.from(text)]),
      mask: MASK,
    });

  it('says the port on each channel, then forwards', async () => {
    const raw = await open('?port=7000,8080', 'v4.channel.k8s.io');
    await raw.readHead();
    raw.socket.write(message(0, 'early'));
    raw.socket.write(message(2, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    const bytes = await raw.readUntil((received) => {
      const texts = messagesOf(received);
      return texts['0']?.endsWith('EARLY') === true && texts['2']?.endsWith('on node-1\n') === true;
    });
    const texts = messagesOf(bytes);
    assert.equal(texts['0'], 'X\x1bEARLY');
    assert.equal(texts['1'], 'X\x1b');
    assert.equal(texts['3'], '\x90\x1f');
    raw.socket.destroy();
  });

  it('says on the error channel that nobody listens, and closes', async () => {
    const raw = await open('?port=18999', 'v4.channel.k8s.io');
    await raw.readHead();
    const texts = messagesOf(await raw.readToEnd());
    assert.match((texts['1'] ?? '').slice(2), REFUSED);
    assert.equal(texts['close'], '03e8');
  });

  const REFUSALS: readonly (readonly [string, string, RegExp])[] = [
    ['', 'v4.channel.k8s.io', /^HTTP\/1\.1 400 /],
    ['', PROTOCOL, /^HTTP\/1\.1 400 /],
    ['?port=80', PROTOCOL, /^HTTP\/1\.1 403 Forbidden\r\nConnection: close\r\n\r\n$/],
    ['?port=80', 'v5.channel.k8s.io', /^HTTP\/1\.1 403 /],
    ['?port=http', 'v4.channel.k8s.io', /^HTTP\/1\.1 400 /],
  ];
  for (const [query, protocol, head] of REFUSALS) {
    it(`refuses ${protocol} with "${query}"`, async () => {
      const raw = await open(query, protocol);
      assert.match(await raw.readHead(), head);
      raw.socket.destroy();
    });
  }

  it('knows v4 in both encodings, and none', async () => {
    for (const { subprotocol, version } of CHANNEL_PROTOCOLS) {
      const raw = await (subprotocol === '' ? open('?port=7000') : open('?port=7000', subprotocol));
      const expected = version === 4 || subprotocol === '' ? 101 : 403;
      assert.match(await raw.readHead(), new RegExp(`^HTTP/1\\.1 ${expected} `));
      raw.socket.destroy();
    }
  });
});
