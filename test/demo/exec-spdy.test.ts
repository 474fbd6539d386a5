import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RawClient, SpdyClient, SpdyTranscript, ask, spdyHead, startTestNode } from './clients.ts';
import type { TestNode } from './clients.ts';
import { HOPS, readCapture } from '../wire/captures.ts';

const SUCCESS = '{"metadata":{},"status":"Success"}';
const V4 = 'v4.channel.k8s.io';

let node: TestNode;
before(async () => {
  node = await startTestNode({ capture: true });
});
after(() => node.kubelet.close());

interface Session {
  readonly as?: string;
  readonly method?: string;
  readonly path?: string;
  readonly protocols?: readonly string[];
  readonly streams: readonly string[];
}

/** Opens a session and its streams; their ids by type. */
const open = async (
  query: string,
  session: Session,
): Promise<{ client: SpdyClient; ids: ReadonlyMap<string, number>; head: string }> => {
  const path = session.path ?? '/exec/default/shell/shell';
  const head = spdyHead(session.method ?? 'POST', `${path}?${query}`, ...(session.protocols ?? [V4]));
  const raw = await RawClient.open(node, session.as ?? 'alice', head);
  const answer = await raw.readHead();
  assert.match(
    answer,
    /^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY\/3\.1\r\n/,
  );
  const client = new SpdyClient(raw);
  return {
    client,
    ids: new Map(session.streams.map((type) => [type, client.open({ streamtype: type })])),
    head: answer,
  };
};

describe('exec over SPDY', () => {
  it('runs a command with separate outputs and says its exit code in the words of v4', async () => {
    const query =
      'command=sh&command=-c&command=echo+to-out;echo+to-err>%262;exit+3&output=1&error=1'.replace(
        /;/g,
        '%3B',
      );
    const { client, head } = await open(query, { streams: ['error', 'stdout', 'stderr'] });
    assert.match(head, /\r\nX-Stream-Protocol-Version: v4\.channel\.k8s\.io\r\nDate: /);
    const { texts, frames } = await client.toEnd();
    assert.equal(texts.get(3), 'to-out\n');
    assert.equal(texts.get(5), 'to-err\n');
    assert.equal(
      texts.get(1),
      '{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: error executing ' +
        'command [sh -c echo to-out;echo to-err\\u003e\\u00262;exit 3], exit code 3","reason":"NonZeroExitCode",' +
        '"details":{"causes":[{"reason":"ExitCode","message":"3"}]}}',
    );
    assert.deepEqual(frames.slice(0, 3), ['reply 1', 'reply 3', 'reply 5']);
    assert.deepEqual(frames.slice(-2), ['rst 1 5', 'goaway 5 0']);
    assert.ok(frames.includes('fin 3') && frames.includes('fin 5'));
  });

  it('is a GET like any other to the kubelet: get nodes/proxy is enough for a command', async () => {
    const { client } = await open('command=echo&command=hole&output=1', {
      as: 'carol',
      method: 'GET',
      streams: ['error', 'stdout'],
    });
    assert.equal((await client.toEnd()).texts.get(3), 'hole\n');
  });

  it('pipes input to its end, byte by byte', async () => {
    const { client, ids } = await open('command=cat&input=1&output=1', {
      streams: ['error', 'stdin', 'stdout'],
    });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
    client.write(ids.get('stdin') ?? 0, bytes);
    client.write(ids.get('stdin') ?? 0, '', true);
    const { texts } = await client.toEnd();
    assert.equal(texts.get(5), bytes);
    assert.equal(texts.get(1), SUCCESS);
  });

  it('carries more than any buffer both ways', async () => {
    const { client, ids } = await open('command=cat&input=1&output=1', {
      streams: ['error', 'stdin', 'stdout'],
    });
    const chunk = 'x'.repeat(32_768);
    for (let i = 0; i < 64; i++) client.write(ids.get('stdin') ?? 0, chunk, i === 63);
    assert.equal((await client.toEnd()).texts.get(5)?.length, 64 * chunk.length);
  });

  it('has a real terminal, which can be resized', async () => {
    const { client, ids } = await open('command=sh&input=1&output=1&tty=1', {
      streams: ['error', 'stdin', 'stdout', 'resize'],
    });
    const [stdin = 0, stdout = 0, resize = 0] = ['stdin', 'stdout', 'resize'].map((type) => ids.get(type));
    client.write(resize, '{"Width":80,"Hei');
    client.write(resize, 'ght":24}\n');
    client.write(stdin, 'stty size\n');
    await client.until(({ texts }) => texts.get(stdout)?.includes('24 80') === true);
    client.write(resize, '{"Width":100,"Height":40}\n');
    client.write(stdin, 'stty size; test -t 2 && echo "is""tty"\n');
    await client.until(({ texts }) => texts.get(stdout)?.includes('istty') === true);
    client.write(stdin, 'exit 0\n');
    const { texts } = await client.toEnd();
    assert.match(texts.get(stdout) ?? '', /40 100/);
    assert.equal(texts.get(1), SUCCESS);
  });

  const FAILURES: readonly (readonly [string, string, string])[] = [
    [
      'command=/no/such/cmd',
      'exec: \\"/no/such/cmd\\": stat /no/such/cmd: no such file or directory',
      'no such file',
    ],
    ['command=nope-nope', 'exec: \\"nope-nope\\": executable file not found in $PATH', 'no such name'],
    ['', 'exec failed: args must not be empty', 'no command'],
  ];
  for (const [query, text, name] of FAILURES) {
    it(`answers ${name} after the upgrade, as InternalError`, async () => {
      const { client } = await open(`${query}&output=1`, { streams: ['error', 'stdout'] });
      const status = (await client.toEnd()).texts.get(1) ?? '';
      assert.match(status, /"reason":"InternalError".*"code":500\}$/);
      assert.ok(
        status.includes('"message":"Internal error occurred: error executing command in container: '),
        status,
      );
      assert.ok(status.includes(text), status);
    });
  }

  for (const protocol of ['v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io']) {
    it(`speaks ${protocol}: text on failure, nothing on success`, async () => {
      const streams = ['error', 'stdout'];
      const failed = await open('command=false&output=1', { protocols: [protocol], streams });
      assert.match(failed.head, new RegExp(`X-Stream-Protocol-Version: ${protocol}\r\n`));
      assert.match(
        (await failed.client.toEnd()).texts.get(1) ?? '',
        /^command terminated with non-zero exit code: /,
      );
      const succeeded = await open('command=true&output=1', { protocols: [protocol], streams });
      assert.equal((await succeeded.client.toEnd()).texts.get(1), undefined);
    });
  }

  it("chooses the first of the client's that it speaks, on one line or several; never v5", async () => {
    for (const protocols of [['v5.channel.k8s.io', V4, 'v3.channel.k8s.io'], [`v5.channel.k8s.io, ${V4}`]]) {
      const { client, head } = await open('command=true&output=1', {
        protocols,
        streams: ['error', 'stdout'],
      });
      assert.match(head, /X-Stream-Protocol-Version: v4\.channel\.k8s\.io\r\n/);
      await client.toEnd();
    }
  });

  it('answers pings of a client, and resets streams that it does not understand', async () => {
    const { client } = await open('command=sleep&command=5&output=1', { streams: ['error', 'stdout'] });
    client.send({ kind: 'ping', id: 1 });
    client.send({ kind: 'ping', id: 2 });
    client.write(99, 'x');
    client.send({ kind: 'settings', clear: false, entries: [] });
    client.open({ streamtype: 'stdin' }, 1);
    const { frames } = await client.until(({ frames: seen }) => seen.length >= 5);
    assert.deepEqual(frames, ['reply 1', 'reply 3', 'ping 1', 'rst 99 2', 'rst 1 1']);
    client.raw.socket.destroy();
  });

  it('ends the process when its client leaves', async () => {
    const { client } = await open('command=sh&command=-c&command=echo+$$%3Bexec+sleep+1000&output=1', {
      streams: ['error', 'stdout'],
    });
    const { texts } = await client.until(({ texts: seen }) => seen.get(3)?.endsWith('\n') === true);
    const pid = Number(texts.get(3));
    client.raw.socket.destroy();
    const alive = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    const deadline = Date.now() + 5000;
    while (alive() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(alive(), false);
  });

  it('loses what was sent before the 101', async () => {
    const { bytes } = readCapture('exec-ok.spdy.apiserver-kubelet', 'c2s');
    const head = spdyHead(
      'POST',
      '/exec/default/shell/shell?command=echo&command=hello&output=1&error=1',
      V4,
    );
    const raw = await RawClient.open(node, 'alice', Buffer.concat([Buffer.from(head), bytes]));
    assert.match(await raw.readHead(), /^HTTP\/1\.1 101 /);
    // The streams of the capture are gone; the ping that follows is the first thing that is heard.
    const client = new SpdyClient(raw);
    client.send({ kind: 'ping', id: 1 });
    const { frames } = await client.until(({ frames: seen }) => seen.length > 0);
    assert.deepEqual(frames, ['ping 1']);
    raw.socket.destroy();
  });

  it('remembers heads and bytes for tests', async () => {
    const { client } = await open('command=echo&command=hi&output=1', { streams: ['error', 'stdout'] });
    const bytes = await client.raw.readToEnd();
    const record = node.kubelet.requests.at(-1);
    assert.equal(record?.method, 'POST');
    assert.equal(record.target, '/exec/default/shell/shell?command=echo&command=hi&output=1');
    assert.deepEqual(record.rawHeaders.slice(0, 2), ['Host', 'node-1']);
    assert.deepEqual(record.user, { name: 'alice', groups: ['team', 'system:authenticated'] });
    assert.equal(record.status, 101);
    assert.deepEqual(Buffer.concat(record.bytesOut), bytes);
    assert.ok(Buffer.concat(record.bytesIn).length > 0);
  });
});

describe('attach over SPDY', () => {
  const path = '/attach/default/multi/main';

  it('shares the main process among all who attach, and ends with the input', async () => {
    const listener = await open('output=1&error=1', { path, streams: ['error', 'stdout', 'stderr'] });
    await listener.client.until(({ frames }) => frames.length === 3);
    const { client, ids } = await open('input=1&output=1&error=1', {
      path,
      streams: ['error', 'stdin', 'stdout', 'stderr'],
    });
    client.write(ids.get('stdin') ?? 0, 'hello\n');
    await client.until(({ texts }) => texts.get(7) === 'err:hello\n' && texts.get(5) === 'out:hello\n');
    client.write(ids.get('stdin') ?? 0, '', true);
    assert.equal((await client.toEnd()).texts.get(1), SUCCESS);
    const heard = await listener.client.until(({ texts }) => texts.get(5) === 'err:hello\n');
    assert.equal(heard.texts.get(3), 'out:hello\n');
    listener.client.raw.socket.destroy();
  });

  it('has the terminal that the container has, whatever the query says', async () => {
    const { client, ids } = await open('input=1&output=1', {
      path: '/attach/default/shell/shell',
      streams: ['error', 'stdin', 'stdout', 'resize'],
    });
    client.write(ids.get('resize') ?? 0, '{"Width":91,"Height":31}\n');
    client.write(ids.get('stdin') ?? 0, 'stty size\n');
    await client.until(({ texts }) => texts.get(5)?.includes('31 91') === true);
    client.raw.socket.destroy();
  });

  it('refuses stderr of a terminal, and another pod of the same name', async () => {
    const both = await RawClient.open(
      node,
      'alice',
      spdyHead('POST', '/attach/default/shell/shell?output=1&error=1', V4),
    );
    assert.match(await both.readHead(), /^HTTP\/1\.1 500 /);
    assert.equal((await both.readToEnd()).toString(), 'tty and stderr cannot both be true');
    const uid = await ask(node, 'alice', 'POST', '/attach/default/multi/wrong-uid/main?output=1');
    assert.deepEqual([uid.status, uid.body], [500, 'pod multi_default not found']);
  });
});

describe('SPDY refusals', () => {
  const exec = '/exec/default/shell/shell?command=id&output=1';
  const ROWS: readonly (readonly [string, string, readonly string[], RegExp, string])[] = [
    [
      'no protocol',
      exec,
      [],
      /^HTTP\/1\.1 400 Bad Request\r\n/,
      'unable to upgrade: header X-Stream-Protocol-Version does not exist in request with 4 headers\n'.repeat(
        2,
      ),
    ],
    [
      'no common protocol',
      exec,
      ['v9.channel.k8s.io'],
      /^HTTP\/1\.1 403 Forbidden\r\n(?=[^]*X-Accepted-Stream-Protocol-Versions: v4[^]*X-Accepted-Stream-Protocol-Versions: channel)/,
      (
        'unable to upgrade: unable to negotiate protocol: client supports [v9.channel.k8s.io], server accepts ' +
        '[v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]\n'
      ).repeat(2),
    ],
    [
      'no stream',
      '/exec/default/shell/shell?command=id',
      [V4],
      /^HTTP\/1\.1 400 /,
      'you must specify at least 1 of stdin, stdout, stderr',
    ],
    [
      'a flag that is not 1',
      '/exec/default/shell/shell?output=true',
      [V4],
      /^HTTP\/1\.1 400 /,
      'you must specify at least 1 of stdin, stdout, stderr',
    ],
    [
      'no such container',
      '/exec/default/shell/nope?output=1',
      [V4],
      /^HTTP\/1\.1 500 /,
      'container not found ("nope")',
    ],
    [
      'an init container',
      '/exec/default/multi/init?output=1',
      [V4],
      /^HTTP\/1\.1 500 /,
      'container not found ("init")',
    ],
    ['no such pod', '/exec/default/nope/x?output=1', [V4], /^HTTP\/1\.1 404 /, 'pod does not exist'],
  ];
  for (const [name, path, protocols, head, body] of ROWS) {
    it(`answers ${name} in plain HTTP`, async () => {
      const raw = await RawClient.open(node, 'alice', spdyHead('POST', path, ...protocols));
      assert.match(await raw.readHead(), head);
      assert.equal((await raw.readToEnd()).toString(), body);
    });
  }

  it('answers another Upgrade with 400', async () => {
    const head = spdyHead('POST', exec, V4).replace('SPDY/3.1', 'h2c');
    const raw = await RawClient.open(node, 'alice', head);
    assert.match(await raw.readHead(), /^HTTP\/1\.1 400 /);
    assert.match((await raw.readToEnd()).toString(), /^unable to upgrade: missing upgrade headers/);
  });

  it('does not check the uid of an exec', async () => {
    const { client } = await open('command=echo&command=any&output=1', {
      path: '/exec/default/shell/wrong-uid/shell',
      streams: ['error', 'stdout'],
    });
    assert.equal((await client.toEnd()).texts.get(3), 'any\n');
  });
});

describe('real sessions replayed', () => {
  const [, hop] = HOPS;
  for (const [scenario, differs] of [
    ['exec-ok', false],
    ['exec-exit3', false],
    ['exec-stdin', false],
    // The words are the same, the container's id is not.
    ['exec-no-such-command', true],
  ] as const) {
    it(`${scenario}: the simulator says what the kubelet said`, async () => {
      const client = readCapture(`${scenario}.spdy.${hop}`, 'c2s');
      const server = new SpdyTranscript(readCapture(`${scenario}.spdy.${hop}`, 's2c').bytes);
      const raw = await RawClient.open(node, 'alice', client.head);
      const head = await raw.readHead();
      const expected = readCapture(`${scenario}.spdy.${hop}`, 's2c').head;
      assert.equal(head.replace(/Date: .*\r\n/, ''), expected.replace(/Date: .*\r\n/, ''));
      // The frames up to the client's own resets: those it sent after it had the answer.
      const resets = client.bytes.indexOf(Buffer.from('8003000300000008', 'hex'));
      raw.socket.write(resets < 0 ? client.bytes : client.bytes.subarray(0, resets));
      const said = new SpdyTranscript(await raw.readToEnd());
      const texts = (transcript: SpdyTranscript): unknown =>
        [...transcript.texts]
          .filter(([, text]) => text !== '')
          .map(([id, text]) => [id, differs ? text.replaceAll(/[0-9a-f]{64}/g, 'ID') : text])
          .sort(([a], [b]) => Number(a) - Number(b));
      assert.deepEqual(texts(said), texts(server));
      assert.ok(
        server.frames
          .filter((frame) => /^(reply|fin)/.test(frame))
          .every((frame) => said.frames.includes(frame)),
      );
    });
  }
});
