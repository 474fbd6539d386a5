// Sessions of a real kubectl with one server URL for all nodes, by WebSocket and by SPDY: no path names the node.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import type { Finished, RunOptions, Scenario } from '../support/scenario.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';

let scenario: Scenario;
before(async () => {
  // The nodes of the demo run pods of the same names, which would be conflicts.
  scenario = await startScenario({ configure: (yaml) => yaml.replace(/^ +- \{ name: node-[23],.*\n/gm, '') });
});
after(() => closeAll(scenario));

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

for (const websockets of ['true', 'false']) {
  const name = websockets === 'true' ? 'WebSocket' : 'SPDY';
  const protocol = {
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets,
    KUBECTL_PORT_FORWARD_WEBSOCKETS: websockets,
  };
  const toArguments = (...args: readonly string[]): string[] => [
    '--context',
    'alice',
    '--server',
    scenario.url,
    ...args,
  ];
  const toEnv = (): NodeJS.ProcessEnv => ({ ...process.env, ...scenario.kubectlEnv, ...protocol });
  const kubectl = (user: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
    scenario.kubectl(user, ['--server', scenario.url, ...args], { ...options, env: protocol });
  const start = (...args: readonly string[]) => {
    const child = spawn(kubectlPath(), toArguments(...args), { env: toEnv() });
    const seen = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (seen.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (seen.stderr += chunk.toString()));
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const end = (signal: NodeJS.Signals): Promise<void> => {
      child.kill(signal);
      return closed;
    };
    return { child, seen, end };
  };

  describe(`kubectl with the fleet as its server, by ${name}`, () => {
    it('exec keeps outputs and the exit code apart, and passes input on', async () => {
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
      const bytes = randomBytes(300_000);
      const cat = await kubectl('alice', ['exec', '-i', 'shell', '--', 'cat'], { stdin: bytes });
      assert.equal(sha256(cat.stdout), sha256(bytes), cat.stderr);
    });

    it('exec -it has a terminal that is resized', async () => {
      const terminal = spawnTerminal(kubectlPath(), toArguments('exec', '-it', 'shell', '--', 'sh'), {
        cols: 101,
        rows: 33,
        env: { ...toEnv(), TERM: 'xterm' },
      });
      let screen = '';
      terminal.onData((text) => (screen += text));
      const exited = new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
      const hasSize = (size: RegExp): Promise<true> =>
        eventually(`a terminal of ${size}`, () => {
          terminal.write('stty size\r');
          return new Promise<true | undefined>((resolve) =>
            setTimeout(() => resolve(size.test(screen) ? true : undefined), 300),
          );
        });
      await hasSize(/33 101/);
      terminal.resize(77, 22);
      await hasSize(/22 77/);
      terminal.write('exit 5\r');
      assert.equal(await exited, 5);
    });

    it('attach passes input on and keeps the two outputs apart', async () => {
      const { child, seen, end } = start('attach', '-i', 'multi', '-c', 'main');
      const word = `word-${name}`;
      child.stdin.write(`${word}\n`);
      await eventually('the word on both outputs', () =>
        seen.stdout.includes(`out:${word}`) && seen.stderr.includes(`err:${word}`) ? true : undefined,
      );
      assert.doesNotMatch(seen.stdout, /err:/);
      await end('SIGKILL');
    });

    it('attach -it reaches the shell that is there', async () => {
      const terminal = spawnTerminal(kubectlPath(), toArguments('attach', '-it', 'shell'), {
        cols: 90,
        rows: 30,
        env: { ...toEnv(), TERM: 'xterm' },
      });
      let screen = '';
      terminal.onData((text) => (screen += text));
      const exited = new Promise<void>((resolve) => terminal.onExit(() => resolve()));
      await eventually('what the shell was told to say', () => {
        terminal.write(`echo here-$((20+1))-${name}\r`);
        return new Promise<true | undefined>((resolve) =>
          setTimeout(() => resolve(screen.includes(`here-21-${name}`) ? true : undefined), 200),
        );
      });
      terminal.kill('SIGKILL');
      await exited;
    });

    it('cp carries a file there and back', async () => {
      const bytes = randomBytes(700_000);
      const local = join(scenario.environment.directory, `there-${name}`);
      const back = join(scenario.environment.directory, `back-${name}`);
      await writeFile(local, bytes);
      const there = await kubectl('alice', ['cp', local, `default/shell:fleet-${name}`]);
      assert.equal(there.code, 0, there.stderr);
      const again = await kubectl('alice', ['cp', `default/shell:fleet-${name}`, back]);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(sha256(await readFile(back)), sha256(bytes));
    });

    it('port-forward carries data both ways, on more than one connection', async () => {
      const { seen, end } = start('port-forward', 'pod/web', ':8080');
      const port = await eventually('the forwarded port', () => {
        const match = /127\.0\.0\.1:(\d+) -> 8080/.exec(seen.stdout);
        return match?.[1] === undefined ? undefined : Number(match[1]);
      });
      for (const attempt of [1, 2]) {
        const answer = await ask(port);
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*hello from web on node-1\n$/, `attempt ${attempt}`);
      }
      await end('SIGINT');
    });

    it('whoever may not is refused, whichever way the session would go', async () => {
      for (const args of [
        ['exec', 'shell', '-c', 'shell', '--', 'id'],
        ['attach', 'shell', '-c', 'shell'],
        ['port-forward', 'pod/web', ':8080'],
        ['cp', 'default/shell:/etc/hostname', join(scenario.environment.directory, 'stolen')],
      ]) {
        const { code, stdout, stderr } = await kubectl('bob', args);
        assert.equal(code, 1, args[0]);
        assert.match(stderr, /forbidden/i, args[0]);
        assert.equal(stdout.toString().includes('uid='), false);
      }
    });
  });
}

/** What a web server answers at a port of this host. */
const ask = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
    });
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
  });

describe('kubectl logs with the fleet as its server', () => {
  it('-f follows, and ends when the reader does; the node is in the audit event', async () => {
    const child = spawn(
      kubectlPath(),
      ['--context', 'alice', '--server', scenario.url, 'logs', '-f', 'logger', '--tail=1'],
      { env: { ...process.env, ...scenario.kubectlEnv } },
    );
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await eventually('three lines', () => (text.split('\n').length > 3 ? true : undefined));
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('close', resolve));
    const ended = await eventually('the end of the stream in the audit log', async () =>
      (await scenario.auditEvents()).find(
        (event) => event.stage === 'ResponseComplete' && event.requestURI.includes('follow=true'),
      ),
    );
    assert.equal(ended.annotations?.['kubelet-gateway.io/node'], 'node-1');
  });

  it('with selectors, of all containers, and of what went before', async () => {
    const server = ['--server', scenario.url];
    const labelled = await scenario.kubectl('alice', [...server, 'logs', '-l', 'app=logger', '--tail=1']);
    assert.match(labelled.stdout.toString(), /^line \d+\n$/, labelled.stderr);
    const all = await scenario.kubectl('alice', [...server, 'logs', 'multi', '--all-containers', '--prefix']);
    assert.match(all.stdout.toString(), /\[pod\/multi\/sidecar\] sidecar started/, all.stderr);
    const before = await scenario.kubectl('alice', [...server, 'logs', 'logger', '--previous']);
    assert.match(before.stdout.toString(), /killed\n$/, before.stderr);
  });
});
