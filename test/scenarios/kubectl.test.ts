// A real kubectl through the whole gateway, by WebSocket and with SPDY forced.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { spawn } from 'node:child_process';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import type { Scenario } from '../support/scenario.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const PROTOCOLS = [
  { name: 'WebSocket', env: {} },
  {
    name: 'SPDY',
    env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
  },
] as const;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

let scenario: Scenario;
before(async () => {
  scenario = await startScenario();
});
after(() => closeAll(scenario));

describe('kubectl reads', () => {
  it('get --raw through the node proxy path, which kubectl serves from the root', async () => {
    const { code, stdout, stderr } = await scenario.kubectl('alice', [
      'get',
      '--raw',
      '/api/v1/nodes/node-1/proxy/healthz',
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.toString(), 'ok');
  });

  it('get pods with the columns that people know', async () => {
    const { code, stdout, stderr } = await scenario.kubectl('alice', ['get', 'pods', '-A', '-o', 'wide']);
    assert.equal(code, 0, stderr);
    const [head, ...rows] = stdout.toString().trim().split('\n');
    assert.match(head ?? '', /^NAMESPACE +NAME +READY +STATUS +RESTARTS +AGE +IP +NODE/);
    assert.ok(
      rows.some((row) => /^default +shell +1\/1 +Running +0 /.test(row)),
      stdout.toString(),
    );
  });

  it('get pods of one namespace, by name, by label, as JSON', async () => {
    const names = async (...args: string[]): Promise<string> =>
      (await scenario.kubectl('alice', ['get', 'pods', '-o', 'name', ...args])).stdout.toString();
    assert.doesNotMatch(await names('-n', 'kube-system'), /shell/);
    assert.equal(await names('shell'), 'pod/shell\n');
    assert.equal(await names('--field-selector', 'metadata.name=web'), 'pod/web\n');
    const { stdout } = await scenario.kubectl('alice', ['get', 'pod', 'shell', '-o', 'json']);
    const pod = JSON.parse(stdout.toString()) as { kind: string; spec: { nodeName: string } };
    assert.equal(pod.kind, 'Pod');
    assert.equal(pod.spec.nodeName, 'node-1');
  });

  for (const namespace of ['default', 'shop']) {
    it(`says in kubectl words that a pod is not there, in the namespace ${namespace}`, async () => {
      const { code, stderr } = await scenario.kubectl('alice', ['get', 'pod', 'nope', '-n', namespace]);
      assert.equal(code, 1);
      assert.match(stderr, /Error from server \(NotFound\): pods "nope" not found/);
    });
  }

  it('version, api-resources and the other nodes', async () => {
    const version = await scenario.kubectl('alice', ['version']);
    assert.match(version.stdout.toString(), /^Server Version: v1\.\d+\.\d+\+kubelet-gateway\.\d/m);
    // No word of a version that would not fit its own.
    assert.equal(version.stderr, '');
    const resources = await scenario.kubectl('alice', ['api-resources']);
    assert.match(resources.stdout.toString(), /^pods +po +v1 +true +Pod$/m);
    const other = await scenario.kubectl('alice@node-2', [
      'get',
      'pod',
      'shell',
      '-o',
      'jsonpath={.spec.nodeName}',
    ]);
    assert.equal(other.stdout.toString(), 'node-2');
  });
});

describe('kubectl logs', () => {
  it('prints the last lines, with timestamps, limits and a container', async () => {
    const two = await scenario.kubectl('alice', ['logs', 'logger', '--tail=2']);
    assert.equal(two.code, 0, two.stderr);
    assert.equal(two.stdout.toString().trim().split('\n').length, 2);
    const stamped = await scenario.kubectl('alice', ['logs', 'logger', '--tail=1', '--timestamps']);
    assert.match(stamped.stdout.toString(), /^\d{4}-\d\d-\d\dT[\d:]+\.\d{9}Z /);
    const short = await scenario.kubectl('alice', ['logs', 'logger', '--limit-bytes=5']);
    assert.equal(short.stdout.length, 5);
    const since = await scenario.kubectl('alice', ['logs', 'logger', '--since=1h', '--tail=1']);
    assert.equal(since.code, 0, since.stderr);
    const multi = await scenario.kubectl('alice', ['logs', 'multi', '-c', 'main', '--tail=1']);
    assert.equal(multi.code, 0, multi.stderr);
  });

  it('follows, and ends when the reader does', async () => {
    const child = spawn(kubectlPath(), ['--context', 'alice', 'logs', '-f', 'logger', '--tail=1'], {
      env: { ...process.env, ...scenario.kubectlEnv },
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await eventually('three lines', () => (text.split('\n').length > 3 ? true : undefined));
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('close', resolve));
    await eventually('the end of the stream in the audit log', async () =>
      (await scenario.auditEvents()).find(
        (event) => event.stage === 'ResponseComplete' && event.requestURI.includes('follow=true'),
      ),
    );
  });

  it('tells of a previous container that is not there', async () => {
    const { code, stderr } = await scenario.kubectl('alice', ['logs', 'shell', '--previous']);
    assert.equal(code, 1);
    assert.match(stderr, /previous terminated container "shell" in pod "shell" not found/);
  });
});

for (const protocol of PROTOCOLS) {
  describe(`kubectl by ${protocol.name}`, () => {
    const kubectl: Scenario['kubectl'] = (user, args, options = {}) =>
      scenario.kubectl(user, args, { ...options, env: { ...options.env, ...protocol.env } });

    it('exec keeps stdout, stderr and the exit code apart', async () => {
      const { code, stdout, stderr } = await kubectl('alice', [
        'exec',
        'shell',
        '--',
        'sh',
        '-c',
        'echo out; echo err >&2; exit 3',
      ]);
      assert.equal(stdout.toString(), 'out\n');
      assert.equal(stderr, 'err\ncommand terminated with exit code 3\n');
      assert.equal(code, 3);
    });

    it('exec passes stdin and gives back every byte', async () => {
      const bytes = randomBytes(1_500_000);
      const { code, stdout, stderr } = await kubectl('alice', ['exec', '-i', 'shell', '--', 'cat'], {
        stdin: bytes,
      });
      assert.equal(code, 0, stderr);
      assert.equal(sha256(stdout), sha256(bytes));
      const digest = await kubectl('alice', ['exec', '-i', 'shell', '--', 'sha256sum'], { stdin: bytes });
      assert.equal(digest.stdout.toString().split(' ')[0], sha256(bytes), 'what the container saw');
    });

    // Straight at an API server kubectl 1.36 ends with 0 there, when a kubelet dies under its SPDY session.
    it('exec fails in words when its kubelet is gone before the command has ended', async () => {
      const args = ['--context', 'alice', 'exec', '-i', 'shell', '--', 'sh', '-c', 'echo out; exec cat'];
      const child = spawn(kubectlPath(), args, { env: { ...scenario.kubectlEnv, ...protocol.env } });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const ended = once(child, 'close');
      await once(child.stdout, 'data');
      scenario.environment.kubelets.get('node-1')?.cut();
      assert.deepEqual(await ended, [1, null]);
      assert.equal(stdout, 'out\n');
      assert.match(stderr, /the connection to the node was lost before it said how the command ended/);
    });

    it('exec says that there is no such command', async () => {
      const { code, stderr } = await kubectl('alice', ['exec', 'shell', '--', '/no/such']);
      assert.notEqual(code, 0);
      assert.match(stderr, /no such file or directory/);
    });

    it('exec with a terminal: echo, size and resize', async () => {
      const terminal = spawnTerminal(
        kubectlPath(),
        ['--context', 'alice', 'exec', '-it', 'shell', '--', 'sh'],
        {
          cols: 101,
          rows: 33,
          env: { ...process.env, ...scenario.kubectlEnv, ...protocol.env, TERM: 'xterm' },
        },
      );
      let screen = '';
      terminal.onData((text) => (screen += text));
      const exited = new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
      const shows = (pattern: RegExp): Promise<true> =>
        eventually(`${pattern} on the screen`, () => (pattern.test(screen) ? true : undefined));
      await eventually('a terminal of the first size', () => {
        terminal.write('stty size\r');
        return new Promise<true | undefined>((resolve) =>
          setTimeout(() => resolve(/33 101/.test(screen) ? true : undefined), 300),
        );
      });
      terminal.resize(77, 22);
      await eventually('a terminal of the second size', () => {
        terminal.write('stty size\r');
        return new Promise<true | undefined>((resolve) =>
          setTimeout(() => resolve(/22 77/.test(screen) ? true : undefined), 300),
        );
      });
      terminal.write('test -t 0 && echo is-a-$((1+1))-tty\r');
      await shows(/is-a-2-tty/);
      terminal.write('exit 5\r');
      assert.equal(await exited, 5);
    });

    it('attach passes input on and keeps the two outputs apart', async () => {
      const child = spawn(kubectlPath(), ['--context', 'alice', 'attach', '-i', 'multi', '-c', 'main'], {
        env: { ...process.env, ...scenario.kubectlEnv, ...protocol.env },
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const word = `word-${protocol.name}`;
      child.stdin.write(`${word}\n`);
      await eventually('the word on standard output', () =>
        stdout.includes(`out:${word}`) ? true : undefined,
      );
      await eventually('the word on standard error', () =>
        stderr.includes(`err:${word}`) ? true : undefined,
      );
      assert.doesNotMatch(stdout, /err:/);
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
    });

    it('attach with a terminal reaches the shell that is there', async () => {
      const terminal = spawnTerminal(kubectlPath(), ['--context', 'alice', 'attach', '-it', 'shell'], {
        cols: 90,
        rows: 30,
        env: { ...process.env, ...scenario.kubectlEnv, ...protocol.env, TERM: 'xterm' },
      });
      let screen = '';
      terminal.onData((text) => (screen += text));
      const exited = new Promise<void>((resolve) => terminal.onExit(() => resolve()));
      await eventually('what the shell was told to say', () => {
        terminal.write(`echo here-$((20+1))-${protocol.name}\r`);
        return new Promise<true | undefined>((resolve) =>
          setTimeout(() => resolve(screen.includes(`here-21-${protocol.name}`) ? true : undefined), 200),
        );
      });
      terminal.kill('SIGKILL');
      await exited;
    });

    it('cp carries a file there and back', async () => {
      const bytes = randomBytes(700_000);
      const local = join(scenario.environment.directory, `there-${protocol.name}`);
      const back = join(scenario.environment.directory, `back-${protocol.name}`);
      await writeFile(local, bytes);
      const there = await kubectl('alice', ['cp', local, `default/shell:copied-${protocol.name}`]);
      assert.equal(there.code, 0, there.stderr);
      const seen = await kubectl('alice', ['exec', 'shell', '--', 'sha256sum', `copied-${protocol.name}`]);
      assert.equal(seen.stdout.toString().split(' ')[0], sha256(bytes));
      const again = await kubectl('alice', ['cp', `default/shell:copied-${protocol.name}`, back]);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(sha256(await readFile(back)), sha256(bytes));
    });

    it('port-forward carries data both ways', async () => {
      const child = spawn(kubectlPath(), ['--context', 'alice', 'port-forward', 'pod/web', ':8080'], {
        env: { ...process.env, ...scenario.kubectlEnv, ...protocol.env },
      });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const port = await eventually('the forwarded port', () => {
        const match = /127\.0\.0\.1:(\d+) -> 8080/.exec(text);
        return match?.[1] === undefined ? undefined : Number(match[1]);
      });
      const answer = await new Promise<string>((resolve, reject) => {
        let received = '';
        const socket = connect(port, '127.0.0.1', () => {
          socket.write('GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
        });
        socket.on('data', (chunk) => (received += chunk.toString()));
        socket.on('end', () => resolve(received));
        socket.on('error', reject);
      });
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      child.kill('SIGINT');
      await new Promise((resolve) => child.once('close', resolve));
    });

    it('refuses exec, attach and port-forward to whoever may not, and cp with them', async () => {
      for (const user of ['bob', 'carol']) {
        const exec = await kubectl(user, ['exec', 'shell', '-c', 'shell', '--', 'id']);
        assert.equal(exec.code, 1);
        assert.match(exec.stderr, /forbidden/i);
        assert.doesNotMatch(exec.stdout.toString(), /uid=/);
      }
      const attach = await kubectl('carol', ['attach', 'shell', '-c', 'shell']);
      assert.match(attach.stderr, /forbidden/i);
      const forward = await kubectl('carol', ['port-forward', 'pod/web', ':8080']);
      assert.match(forward.stderr, /forbidden/i);
    });
  });
}

describe('the audit log', () => {
  it('names who ran what, where and how it was allowed', async () => {
    await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'two words', '"quoted"']);
    const events = await eventually('three events of the exec', async () => {
      const all = await scenario.auditEvents();
      const first = all.find(
        (event) => event.requestURI.includes('two+words') || event.requestURI.includes('two%20words'),
      );
      const some = all.filter((event) => event.auditID === first?.auditID);
      return some.length === 3 ? some : undefined;
    });
    assert.deepEqual(
      events.map((event) => event.stage),
      ['RequestReceived', 'ResponseStarted', 'ResponseComplete'],
    );
    const last = events[2];
    assert.equal(last?.user.username, 'alice');
    assert.equal(last.verb, 'create', 'a WebSocket GET is a create');
    assert.deepEqual(
      { ...last.objectRef },
      { resource: 'pods', apiVersion: 'v1', subresource: 'exec', namespace: 'default', name: 'shell' },
    );
    assert.equal(last.responseStatus?.code, 101);
    const annotations = last.annotations ?? {};
    assert.equal(annotations['kubelet-gateway.io/node'], 'node-1');
    assert.equal(annotations['kubelet-gateway.io/credential'], 'operator');
    assert.deepEqual(JSON.parse(annotations['kubelet-gateway.io/command'] ?? ''), [
      'echo',
      'two words',
      '"quoted"',
    ]);
    assert.equal(annotations['authorization.k8s.io/decision'], 'allow');
  });

  it('holds no token, and neither does the log', async () => {
    const tokens = await Promise.all(
      ['alice', 'bob', 'carol'].map((user) =>
        readFile(join(scenario.environment.directory, 'tokens', `${user}.jwt`), 'utf8'),
      ),
    );
    const audit = JSON.stringify(await scenario.auditEvents());
    const log = await scenario.gatewayLog();
    for (const token of tokens) {
      const signature = token.trim().split('.')[2] ?? '';
      assert.ok(signature.length > 40);
      assert.ok(!audit.includes(signature));
      assert.ok(!log.includes(signature));
    }
  });
});
