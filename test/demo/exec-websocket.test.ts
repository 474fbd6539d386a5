import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { readCapture } from '../wire/captures.ts';
import { RawClient, startTestNode, webSocketHead } from './clients.ts';
import type { TestNode } from './clients.ts';
import { messagesOf } from './messages.ts';

let node: TestNode;
before(async () => {
  node = await startTestNode();
});
after(() => node.kubelet.close());

const SHELL = '/exec/default/shell/shell';

interface Session {
  readonly socket: WebSocket;
  /** Messages as text, the first byte as a number: `1:data`. */
  readonly messages: string[];
  /** Settles with the close code. */
  readonly closed: Promise<number>;
  readonly until: (enough: (messages: readonly string[]) => boolean) => Promise<void>;
}

const open = async (path: string, protocol: string, as = 'alice'): Promise<Session> => {
  const identity = node.identities.get(as);
  assert.ok(identity);
  const tls = { ca: node.serverCA, servername: 'node-1', cert: identity.certificate, key: identity.key };
  const url = `wss://127.0.0.1:${node.kubelet.port}${path}`;
  const socket = new WebSocket(url, [protocol], { ...tls, perMessageDeflate: false });
  const messages: string[] = [];
  let wake: () => void = () => undefined;
  socket.on('message', (data: Buffer, isBinary) => {
    const text = data.toString('latin1');
    messages.push(isBinary ? `${text.charCodeAt(0)}:${text.slice(1)}` : `text ${text}`);
    wake();
  });
  const closed = once(socket, 'close').then(([code]) => Number(code));
  await once(socket, 'open');
  assert.equal(socket.protocol, protocol);
  const until = async (enough: (messages: readonly string[]) => boolean): Promise<void> => {
    while (!enough(messages)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { socket, messages, closed, until };
};

const channel = (number: number, text: string): Buffer =>
  Buffer.concat([Buffer.from([number]), Buffer.from(text, 'latin1')]);

describe('exec over WebSocket', () => {
  const ROWS: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'v5.channel.k8s.io',
      'command=echo&command=hi',
      ['1:', '1:hi\n', '3:{"metadata":{},"status":"Success"}'],
    ],
    [
      'v4.channel.k8s.io',
      'command=echo&command=hi',
      ['1:', '1:hi\n', '3:{"metadata":{},"status":"Success"}'],
    ],
    [
      'v4.base64.channel.k8s.io',
      'command=echo&command=hi',
      ['text 1', 'text 1aGkK', 'text 3eyJtZXRhZGF0YSI6e30sInN0YXR1cyI6IlN1Y2Nlc3MifQ=='],
    ],
    ['channel.k8s.io', 'command=echo&command=hi', ['1:', '1:hi\n']],
    ['base64.channel.k8s.io', 'command=echo&command=hi', ['text 1', 'text 1aGkK']],
    [
      'v5.channel.k8s.io',
      'command=sh&command=-c&command=exit+3',
      [
        '1:',
        '3:{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: command terminated ' +
          'with exit code 3","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}',
      ],
    ],
    [
      'v4.channel.k8s.io',
      'command=sh&command=-c&command=exit+3',
      [
        '1:',
        '3:{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: error executing ' +
          'command [sh -c exit 3], exit code 3","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode",' +
          '"message":"3"}]}}',
      ],
    ],
  ];
  for (const [protocol, query, messages] of ROWS) {
    it(`${protocol}: ${query}`, async () => {
      const session = await open(`${SHELL}?${query}&output=1&error=1`, protocol);
      assert.equal(await session.closed, 1000);
      assert.deepEqual(session.messages, messages);
    });
  }

  it('says a failed start twice over in v5', async () => {
    const session = await open(`${SHELL}?command=/no/such&output=1`, 'v5.channel.k8s.io');
    await session.closed;
    assert.match(
      session.messages[1] ?? '',
      /^3:\{"metadata":\{\},"status":"Failure","message":"Internal error occurred: Internal error occurred: error exec/,
    );
    assert.match(
      session.messages[1] ?? '',
      /"causes":\[\{"message":"Internal error occurred: error executing/,
    );
  });

  it('half-closes the input in v5', async () => {
    const session = await open(`${SHELL}?command=cat&input=1&output=1`, 'v5.channel.k8s.io');
    session.socket.send(channel(0, 'line\n'));
    session.socket.send(Buffer.from([255, 0]));
    assert.equal(await session.closed, 1000);
    assert.deepEqual(session.messages, ['1:', '1:line\n', '3:{"metadata":{},"status":"Success"}']);
  });

  it('ends without a status for a malformed half close', async () => {
    for (const message of [[255], [255, 0, 0], [255, 9]]) {
      const session = await open(`${SHELL}?command=cat&input=1&output=1`, 'v5.channel.k8s.io');
      session.socket.send(Buffer.from(message));
      assert.equal(await session.closed, 1000);
      assert.deepEqual(session.messages, ['1:']);
    }
  });

  it('takes every frame for a message of its own, and text for binary', async () => {
    const session = await open(`${SHELL}?command=cat&input=1&output=1`, 'v4.channel.k8s.io');
    session.socket.send(channel(0, 'AB'), { fin: false });
    session.socket.send(channel(0x43, 'D'), { fin: true });
    session.socket.send('\0text\n', { binary: false });
    session.socket.send(Buffer.alloc(0));
    session.socket.send(channel(9, 'nobody'));
    await session.until((messages) => messages.join('').includes('text\n'));
    assert.equal(session.messages.join('').replaceAll('1:', ''), 'ABtext\n');
    session.socket.close();
    await session.closed;
  });

  it('answers pings', async () => {
    const session = await open(`${SHELL}?command=cat&input=1&output=1`, 'v5.channel.k8s.io');
    session.socket.ping('are you there');
    const [payload] = (await once(session.socket, 'pong')) as [Buffer];
    assert.equal(payload.toString(), 'are you there');
    session.socket.terminate();
  });

  it('has a terminal with resize', async () => {
    const session = await open(`${SHELL}?command=sh&input=1&output=1&error=1&tty=1`, 'v5.channel.k8s.io');
    session.socket.send(channel(4, '{"Width":77,"Height":33}\n'));
    session.socket.send(channel(0, 'stty size\n'));
    await session.until((messages) => messages.join('').includes('33 77'));
    session.socket.send(channel(0, 'exit 4\n'));
    assert.equal(await session.closed, 1000);
    assert.match(session.messages.at(-1) ?? '', /exit code 4/);
    assert.ok(session.messages.every((message) => !message.startsWith('2:')));
  });

  it('writes first to stderr, or to the error channel, when there is no stdout', async () => {
    const errors = await open(`${SHELL}?command=true&error=1`, 'v4.channel.k8s.io');
    await errors.closed;
    assert.equal(errors.messages[0], '2:');
    const inputOnly = await open(`${SHELL}?command=true&input=1`, 'v4.channel.k8s.io');
    await inputOnly.closed;
    assert.equal(inputOnly.messages[0], '3:');
  });

  it('attaches', async () => {
    const session = await open('/attach/default/multi/main?input=1&output=1&error=1', 'v5.channel.k8s.io');
    session.socket.send(channel(0, 'ws\n'));
    await session.until((messages) => messages.includes('1:out:ws\n') && messages.includes('2:err:ws\n'));
    session.socket.send(Buffer.from([255, 0]));
    assert.equal(await session.closed, 1000);
    assert.equal(session.messages.at(-1), '3:{"metadata":{},"status":"Success"}');
  });

  it('lets carol, who may get nodes/proxy and nothing else, run a command: the hole of the real one', async () => {
    const session = await open(`${SHELL}?command=echo&command=hole&output=1`, 'v5.channel.k8s.io', 'carol');
    await session.closed;
    assert.equal(session.messages[1], '1:hole\n');
  });
});

describe('WebSocket handshakes', () => {
  const path = `${SHELL}?command=true&output=1`;
  const answer = async (on: TestNode, head: string): Promise<string> => {
    const raw = await RawClient.open(on, 'apiserver-client', head);
    const text = await raw.readHead();
    raw.socket.destroy();
    return text;
  };
  const offer = (...protocols: readonly string[]): string =>
    webSocketHead(path, ...protocols.map((protocol) => `Sec-WebSocket-Protocol: ${protocol}`));

  it('is answered with the head of the real one', async () => {
    assert.equal(
      await answer(node, offer('v5.channel.k8s.io')),
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n',
    );
  });

  const CHOSEN: readonly (readonly [readonly string[], string | undefined])[] = [
    [['v4.channel.k8s.io, v5.channel.k8s.io'], 'v5.channel.k8s.io'],
    [['v4.channel.k8s.io', 'v5.channel.k8s.io'], 'v4.channel.k8s.io'],
    [['nonsense, base64.channel.k8s.io'], 'base64.channel.k8s.io'],
    [[], ''],
    [['v3.channel.k8s.io'], undefined],
    [['nonsense'], undefined],
  ];
  for (const [offered, chosen] of CHOSEN) {
    it(`chooses ${chosen ?? 'none'} of [${offered.join('] [')}]`, async () => {
      const text = await answer(node, offer(...offered));
      if (chosen === undefined) assert.equal(text, 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
      else assert.match(text, new RegExp(`\r\nSec-WebSocket-Protocol: ${chosen}\r\n\r\n$`));
    });
  }

  it('is refused by method, version and key', async () => {
    assert.match(await answer(node, webSocketHead(path).replace('GET', 'POST')), /^HTTP\/1\.1 405 /);
    const old = await answer(node, webSocketHead(path).replace('Version: 13', 'Version: 8'));
    assert.match(old, /^HTTP\/1\.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\n/);
    assert.match(
      await answer(node, webSocketHead(path).replace(/Sec-WebSocket-Key.*\r\n/, '')),
      /^HTTP\/1\.1 400 /,
    );
  });

  it('an older kubelet knows neither v5 nor the tunnel', async () => {
    const old = await startTestNode({ legacy: true });
    try {
      assert.match(await answer(old, offer('v5.channel.k8s.io')), /^HTTP\/1\.1 403 /);
      assert.match(await answer(old, offer('v5.channel.k8s.io, v4.channel.k8s.io')), /Protocol: v4\.channel/);
      const tunnel = webSocketHead(
        '/portForward/default/web?port=8080',
        'Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io',
      );
      assert.match(await answer(old, tunnel), /^HTTP\/1\.1 403 /);
    } finally {
      await old.kubelet.close();
    }
  });

  it('an unmasked frame ends the connection with 1002', async () => {
    const raw = await RawClient.open(
      node,
      'alice',
      offer('v4.channel.k8s.io').replace('command=true', 'command=cat&input=1'),
    );
    await raw.readHead();
    raw.socket.write(Buffer.from('82020061', 'hex'));
    assert.equal((await raw.readToEnd()).toString('hex'), '820101880203ea');
  });
});

describe('real sessions replayed', () => {
  for (const scenario of ['exec-ok', 'exec-exit3', 'exec-stdin']) {
    it(`${scenario}: the simulator says what the kubelet said`, async () => {
      const client = readCapture(`${scenario}.ws.apiserver-kubelet`, 'c2s');
      const server = readCapture(`${scenario}.ws.apiserver-kubelet`, 's2c');
      const raw = await RawClient.open(node, 'alice', client.head);
      assert.equal(await raw.readHead(), server.head);
      raw.socket.write(client.bytes);
      const said = await raw.readToEnd();
      // Output may come in other portions, and stdout before or after stderr: compared channel by channel.
      assert.deepEqual(messagesOf(said), messagesOf(server.bytes));
    });
  }
});
