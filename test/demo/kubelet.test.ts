// The plain side of the simulated kubelet: identities, data, logs, files, run; and that it leaves nothing behind.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { demoPods } from '../../demo/kubelet/kubelet.ts';
import { RawClient, ask, startTestNode, webSocketHead } from './clients.ts';
import type { TestNode } from './clients.ts';

const logDirectory = mkdtempSync(join(tmpdir(), 'node-logs-'));
let node: TestNode;
before(async () => {
  mkdirSync(join(logDirectory, 'sub'));
  writeFileSync(join(logDirectory, 'a&b <1>.log'), 'text\n');
  writeFileSync(join(logDirectory, 'page.html'), '<script>alert(1)</script>');
  writeFileSync(join(logDirectory, 'empty'), '');
  const tokens = { 'token-of-bob': { name: 'bob', groups: ['readers'] } };
  node = await startTestNode({ logDirectory, tokens });
});
after(async () => {
  await node.kubelet.close();
  rmSync(logDirectory, { recursive: true });
});

describe('identity', () => {
  it('is the certificate first, then the bearer token, and never Basic', async () => {
    const bearer = { authorization: 'Bearer token-of-bob' };
    const user = async (as: string | undefined, headers: Record<string, string>): Promise<string> => {
      const { status, body } = await ask(node, as, 'GET', '/checkpoint/', headers);
      return status === 404 ? 'admin' : (/user=([^,]*)/.exec(body)?.[1] ?? String(status));
    };
    assert.equal(await user(undefined, bearer), 'bob');
    assert.equal(await user('alice', bearer), 'alice');
    assert.equal(await user('wrong-ca', bearer), 'bob');
    assert.equal(await user('wrong-ca', {}), '401');
    assert.equal(await user(undefined, { authorization: 'Bearer nonsense' }), '401');
    assert.equal(await user(undefined, { authorization: 'Basic token-of-bob' }), '401');
    assert.equal(await user(undefined, { authorization: 'Bearer __proto__' }), '401');
  });

  it('may be a token in a WebSocket subprotocol, which is not answered', async () => {
    const token = Buffer.from('token-of-bob').toString('base64url');
    const offer = `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${token}`;
    const raw = await RawClient.open(
      node,
      undefined,
      webSocketHead('/exec/a/b/c', `${offer}, v4.channel.k8s.io`),
    );
    assert.match(await raw.readHead(), /^HTTP\/1\.1 403 /);
    assert.match((await raw.readToEnd()).toString(), /user=bob, verb=get, .*\[proxy\]/);
    const alone = await RawClient.open(node, undefined, webSocketHead('/exec/a/b/c', offer));
    assert.match(await alone.readHead(), /^HTTP\/1\.1 401 /);
  });

  it('is asked for without ALPN, with the names of the client authority', async () => {
    const socket = connect({
      host: '127.0.0.1',
      port: node.kubelet.port,
      ca: node.serverCA,
      servername: 'node-1',
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await once(socket, 'secureConnect');
    assert.equal(socket.alpnProtocol, false);
    socket.destroy();
  });
});

describe('paths', () => {
  const ROWS: readonly (readonly [string, number, string])[] = [
    ['/pods/%2e%2e/exec/ns/p/c', 404, 'a decoded dot segment is not cleaned'],
    ['/exec/default%2Fshell%2Fshell?output=1', 500, 'an escaped slash is a slash to the router'],
    ['/logs/sub/..%2fempty', 200, 'and to the file server'],
    ['/pods%2F..%2Fexec', 404, 'but not to the mux'],
    ['/RunningPods', 404, 'case counts'],
    ['/portforward/default/web', 404, 'camel case counts'],
    ['/a/./b', 307, 'unclean paths are redirected, known or not'],
    ['/exec', 307, 'a subtree without its slash'],
    ['/%zz', 400, 'a broken escape'],
  ];
  for (const [path, status, why] of ROWS) {
    it(`${path}: ${status}, for ${why}`, async () => {
      assert.equal((await ask(node, 'apiserver-client', 'GET', path)).status, status);
    });
  }

  it('JSON routes are 406 to those who take none', async () => {
    assert.equal((await ask(node, 'alice', 'GET', '/pods', { accept: 'text/html' })).status, 406);
    assert.equal(
      (await ask(node, 'alice', 'GET', '/pods', { accept: 'application/json;as=Table' })).status,
      200,
    );
  });
});

interface PodShape {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses: readonly { readonly ready: boolean }[];
  };
}

const isPodList = (value: unknown): value is { readonly items: readonly PodShape[] } =>
  typeof value === 'object' && value !== null && 'items' in value && Array.isArray(value.items);

describe('data', () => {
  it('shows the pods as running objects', async () => {
    const list: unknown = JSON.parse((await ask(node, 'alice', 'GET', '/pods')).body);
    assert.ok(isPodList(list));
    assert.deepEqual(
      list.items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
      ['default/shell', 'default/web', 'default/logger', 'default/multi', 'kube-system/static-node-1'],
    );
    for (const { status, metadata } of list.items) {
      assert.equal(status.phase, 'Running');
      assert.ok(status.containerStatuses.every(({ ready }) => ready));
      assert.match(
        metadata.uid,
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$|^[0-9a-f]{32}$/,
      );
    }
    const running: unknown = JSON.parse((await ask(node, 'alice', 'GET', '/runningpods/')).body);
    assert.ok(isPodList(running));
    assert.equal(running.items.length, list.items.length);
  });

  it('samples its metrics now, so that Prometheus takes them', async () => {
    const before = Date.now();
    for (const endpoint of ['cadvisor', 'resource']) {
      const { body } = await ask(node, 'alice', 'GET', `/metrics/${endpoint}`);
      const stamps = [...body.matchAll(/ (\d{13})$/gm)].map(([, stamp]) => Number(stamp));
      assert.ok(stamps.length > 20);
      assert.ok(stamps.every((stamp) => stamp >= before && stamp <= Date.now()));
    }
  });

  it('speaks of its own node and pods, and of no other', async () => {
    const summary = (await ask(node, 'alice', 'GET', '/stats/summary')).body;
    assert.match(summary, /"nodeName": "node-1"/);
    assert.match(summary, /"name": "sidecar"/);
    assert.match(summary, /"rootfs"/);
    const short = (await ask(node, 'alice', 'GET', '/stats/summary?only_cpu_and_memory=true')).body;
    assert.doesNotMatch(short, /"rootfs"|"volume"/);
    for (const endpoint of ['', '/cadvisor', '/resource', '/probes', '/slis']) {
      const { body, header } = await ask(node, 'alice', 'GET', `/metrics${endpoint}`);
      assert.match(header('process-start-time-unix') ?? '', /^\d{10}$/);
      assert.doesNotMatch(body, /pod="(debian|cat)"/);
      if (endpoint === '/resource') assert.match(body, /container="sidecar",namespace="default",pod="multi"/);
    }
    assert.match((await ask(node, 'alice', 'GET', '/flagz')).body, /hostname-override=node-1\n/);
    assert.match((await ask(node, 'alice', 'GET', '/configz')).body, /^\{"kubeletconfig":\{/);
    const verbose = await ask(node, 'alice', 'GET', '/healthz?verbose&exclude=log');
    assert.match(verbose.body, /^\[\+\]ping ok\n\[\+\]log excluded: ok\n[^]*healthz check passed\n$/);
  });
});

describe('/logs/', () => {
  it('lists, redirects and serves as Go does, scripts and all', async () => {
    const index = await ask(node, 'alice', 'GET', '/logs/');
    assert.equal(
      index.body,
      '<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n' +
        '<a href="a&b%20%3C1%3E.log">a&amp;b &lt;1&gt;.log</a>\n<a href="empty">empty</a>\n' +
        '<a href="page.html">page.html</a>\n<a href="sub/">sub/</a>\n</pre>\n',
    );
    const folder = await ask(node, 'alice', 'GET', '/logs/sub');
    assert.deepEqual([folder.status, folder.header('location')], [301, 'sub/']);
    const file = await ask(node, 'alice', 'GET', '/logs/page.html/');
    assert.deepEqual([file.status, file.header('location')], [301, '../page.html']);
    const page = await ask(node, 'alice', 'GET', '/logs/page.html');
    assert.deepEqual(
      [page.header('content-type'), page.body],
      ['text/html; charset=utf-8', '<script>alert(1)</script>'],
    );
    assert.equal((await ask(node, 'alice', 'GET', '/logs/empty')).body, '');
    assert.equal((await ask(node, 'alice', 'GET', '/logs/a%00b')).status, 404);
  });
});

const logs = async (query: string, path = 'default/multi/main'): Promise<string> =>
  (await ask(node, 'alice', 'GET', `/containerLogs/${path}?${query}`)).body;

describe('/containerLogs', () => {
  it('has no content type, and goes out in chunks', async () => {
    const answer = await ask(node, 'alice', 'GET', '/containerLogs/default/multi/init');
    assert.equal(answer.body, 'init done\n');
    assert.equal(answer.header('content-type'), undefined);
    assert.equal(answer.header('transfer-encoding'), 'chunked');
  });

  it('tails, cuts, stamps and filters', async () => {
    const two = demoPods('x').map((pod) =>
      pod.name === 'multi'
        ? {
            ...pod,
            initContainers: [
              { name: 'init', command: ['/bin/sh', '-c', 'echo one; echo two; printf three'] },
            ],
          }
        : pod,
    );
    const other = await startTestNode({ pods: two.filter(({ name }) => name === 'multi') });
    const read = async (query: string): Promise<string> =>
      (await ask(other, 'alice', 'GET', `/containerLogs/default/multi/init?${query}`)).body;
    try {
      assert.equal(await read(''), 'one\ntwo\nthree');
      assert.equal(await read('tailLines=2'), 'two\nthree');
      assert.equal(await read('tailLines=0'), '');
      assert.equal(await read('tail=all'), 'one\ntwo\nthree');
      assert.equal(await read('limitBytes=5'), 'one\nt');
      assert.match(
        await read('timestamps=true&tailLines=2'),
        /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z )two\n\S+Z three$/,
      );
      assert.equal(await read('sinceSeconds=1000'), 'one\ntwo\nthree');
      assert.equal(await read('sinceTime=2100-01-01T00:00:00Z'), '');
      assert.equal(await read('follow=true'), 'one\ntwo\nthree');
    } finally {
      await other.kubelet.close();
    }
  });

  it('shows what the previous attempt wrote, where there was one', async () => {
    assert.equal(await logs('previous=true&tailLines=1', 'default/logger/logger'), 'killed\n');
    const none = await ask(node, 'alice', 'GET', '/containerLogs/default/multi/main?previous=true');
    assert.deepEqual(
      [none.status, none.body],
      [400, 'previous terminated container "main" in pod "multi" not found'],
    );
  });

  const REFUSED: readonly (readonly [string, number])[] = [
    ['tailLines=-1', 422],
    ['limitBytes=0', 422],
    ['sinceSeconds=0', 422],
    ['sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z', 422],
    ['sinceTime=yesterday', 400],
    ['limitBytes=1k', 400],
  ];
  for (const [query, status] of REFUSED) {
    it(`refuses ${query} with ${status}`, async () => {
      const answer = await ask(node, 'alice', 'GET', `/containerLogs/default/multi/main?${query}`);
      assert.equal(answer.status, status);
    });
  }

  it('follows: the head at once, then what comes, until the client leaves', async () => {
    const alice = node.identities.get('alice');
    const sent = request({
      host: '127.0.0.1',
      port: node.kubelet.port,
      ca: node.serverCA,
      servername: 'node-1',
      cert: alice?.certificate,
      key: alice?.key,
      path: '/containerLogs/default/multi/main?follow=true&tailLines=0',
      agent: false,
    });
    sent.on('error', () => undefined);
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const attach = '/attach/default/multi/main?input=1';
    const raw = await RawClient.open(
      node,
      'alice',
      webSocketHead(attach, 'Sec-WebSocket-Protocol: v4.channel.k8s.io'),
    );
    await raw.readHead();
    // Channel 0, masked with zeros: "seen\n".
    raw.socket.write(Buffer.concat([Buffer.from('828600000000', 'hex'), Buffer.from('\0seen\n')]));
    let text = '';
    while (!text.includes('out:seen\n')) {
      const [chunk] = (await once(response, 'data')) as [Buffer];
      text += chunk.toString();
    }
    sent.destroy();
    raw.socket.destroy();
  });
});

describe('/run', () => {
  it('splits at single spaces and puts stderr after stdout', async () => {
    const run = (cmd: string): ReturnType<typeof ask> =>
      ask(node, 'alice', 'POST', `/run/default/shell/shell?cmd=${encodeURIComponent(cmd)}`);
    const echo = await run('echo a  b');
    assert.deepEqual(
      [echo.status, echo.body, echo.header('content-type')],
      [200, 'a  b\n', 'application/json'],
    );
    const nothing = await run('true');
    assert.deepEqual([nothing.status, nothing.body, nothing.header('content-type')], [200, '', undefined]);
    const failed = await run('ls /no/such/file');
    assert.match(failed.body, /^command 'ls \/no\/such\/file' exited with \d: ls: /);
    assert.equal((await run('nope-nope')).status, 500);
  });
});

describe('close', () => {
  it('ends connections and removes the folders', async () => {
    const folders = (): string[] =>
      readdirSync(tmpdir()).filter((name) => name.startsWith('simulated-kubelet-'));
    const earlier = new Set(folders());
    const other = await startTestNode();
    const mine = folders().filter((name) => !earlier.has(name));
    const path = '/exec/default/shell/shell?command=sleep&command=1000&output=1';
    const raw = await RawClient.open(
      other,
      'alice',
      webSocketHead(path, 'Sec-WebSocket-Protocol: v4.channel.k8s.io'),
    );
    await raw.readHead();
    await other.kubelet.close();
    await raw.readToEnd();
    const left = folders();
    assert.ok(mine.length > 0);
    assert.ok(mine.some((name) => !left.includes(name)));
  });
});
