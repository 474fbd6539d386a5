// A real kubectl through a gateway that must record: what is in the recording is what the container had.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import { kubectlPath } from '../../scripts/kubectl.ts';
import type { AuditEvent, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { parseCast, readRecording } from './support.ts';
import type { StoredRecording } from './support.ts';

const RECORDING = `
recording:
  directory: recordings
  segment: { maxAge: 200ms, maxSize: 256Ki }
  rules:
    - { mode: required, stdin: on }
`;

const PROTOCOLS = [
  { name: 'WebSocket', env: {} },
  {
    name: 'SPDY',
    env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
  },
] as const;

let scenario: Scenario;
before(async () => {
  scenario = await startScenario({ configure: (yaml) => yaml + RECORDING });
});
after(() => closeAll(scenario));

const taken = new Set<string>();

/** The next exchange of an action, and its recording. */
async function nextRecording(
  action: string,
  command = '',
): Promise<{ readonly event: AuditEvent; readonly stored: StoredRecording }> {
  const event = await eventually(`an audit event of ${action} ${command}`, async () =>
    (await scenario.auditEvents()).find(
      ({ auditID, stage, annotations = {} }) =>
        !taken.has(auditID) &&
        stage === 'ResponseComplete' &&
        annotations['kubelet-gateway.io/action'] === action &&
        (annotations['kubelet-gateway.io/command'] ?? '').includes(command),
    ),
  );
  taken.add(event.auditID);
  assert.equal(
    event.annotations?.['kubelet-gateway.io/recording'],
    `${event.auditID} complete`,
    JSON.stringify(event),
  );
  const folder = join(scenario.environment.directory, 'recordings', event.auditID);
  return { event, stored: await readRecording(folder) };
}

for (const protocol of PROTOCOLS) {
  describe(`a recorded kubectl by ${protocol.name}`, () => {
    const kubectl: Scenario['kubectl'] = (user, args, options = {}) =>
      scenario.kubectl(user, args, { ...options, env: { ...options.env, ...protocol.env } });

    it('exec: every byte of stdin, stdout and stderr, whatever it is', async () => {
      const stdin = randomBytes(300_000);
      const command = ['sh', '-c', 'f=$(mktemp); tee "$f"; cat "$f" >&2; rm "$f"; exit 7'];
      const { code, stdout, stderr } = await kubectl('alice', ['exec', '-i', 'shell', '--', ...command], {
        stdin,
      });
      assert.equal(code, 7, stderr.slice(-500));
      assert.ok(stdout.equals(stdin));
      const { stored } = await nextRecording('exec', 'tee');
      const cast = parseCast(stored.text);
      for (const stream of ['stdin', 'stdout', 'stderr'] as const) {
        assert.ok(cast.bytes(stream).equals(stdin), stream);
      }
      assert.deepEqual(
        cast.events.filter(({ code: kind }) => kind === 'x').map(({ data }) => data),
        ['7'],
      );
      assert.deepEqual(stored.open, []);
      const end = stored.manifest.at(-1);
      assert.equal(end?.['kind'], 'End');
      assert.equal(end['state'], 'complete');
      assert.equal(end['exitCode'], 7);
      assert.equal(end['stderrBytes'], stdin.length);
    });

    it('exec: who, where, what and how in the header', async () => {
      await kubectl('alice', ['exec', 'shell', '--', 'echo', "it's"]);
      const { event, stored } = await nextRecording('exec', 'it');
      const { header } = parseCast(stored.text);
      assert.equal(header['command'], `echo 'it'\\''s'`);
      const about = header['kubeletGateway'] as Record<string, unknown>;
      assert.deepEqual(
        { ...about, groups: undefined },
        {
          auditId: event.auditID,
          user: event.user.username,
          groups: undefined,
          authenticatedBy: 'jwt',
          clientAddresses: ['127.0.0.1'],
          node: 'node-1',
          action: 'exec',
          transport: protocol.name === 'SPDY' ? 'spdy' : 'websocket',
          protocol: protocol.name === 'SPDY' ? 'v4.channel.k8s.io' : 'v5.channel.k8s.io',
          namespace: 'default',
          pod: 'shell',
          container: 'shell',
          command: ['echo', "it's"],
          tty: false,
          streams: ['stdout', 'stderr'],
          stdinRecorded: true,
        },
      );
      assert.deepEqual(about['groups'], event.user.groups);
    });

    it('exec in a terminal: what was typed and shown, and the sizes as columns and rows', async () => {
      const terminal = spawnTerminal(
        kubectlPath(),
        ['--context', 'alice', 'exec', '-it', 'shell', '--', 'sh'],
        {
          cols: 100,
          rows: 30,
          env: { ...process.env, ...scenario.kubectlEnv, ...protocol.env },
          encoding: null,
        },
      );
      const shown: Buffer[] = [];
      // With `encoding: null` the terminal gives bytes, whatever its type says.
      terminal.onData((data: string | Buffer) => shown.push(Buffer.from(data)));
      const text = (): string => Buffer.concat(shown).toString();
      await eventually('a prompt', () => (text().includes('$ ') ? true : undefined));
      terminal.write('stty size\r');
      await eventually('the size', () => (text().includes('30 100') ? true : undefined));
      terminal.resize(120, 40);
      await eventually('the new size', async () => {
        if (text().includes('40 120')) return true;
        terminal.write('stty size\r');
        await new Promise((resolve) => setTimeout(resolve, 100));
        return undefined;
      });
      const exited = new Promise((resolve) => terminal.onExit(resolve));
      terminal.write('echo grüße; exit 5\r');
      await exited;
      const { stored } = await nextRecording('exec', '["sh"]');
      const cast = parseCast(stored.text);
      assert.equal(cast.bytes('stdout').toString(), text().replace(/command terminated.*\r\n$/, ''));
      assert.match(cast.bytes('stdin').toString(), /^stty size\r(stty size\r)+echo grüße; exit 5\r$/);
      const sizes = cast.events.filter(({ code }) => code === 'r').map(({ data }) => data);
      assert.equal(sizes[0], '100x30');
      assert.equal(sizes.at(-1), '120x40');
      assert.equal(cast.events.find(({ code }) => code === 'x')?.data, '5');
    });

    it('attach: what the main process is told and says, and no exit code', async () => {
      const child = spawn(kubectlPath(), ['--context', 'alice', 'attach', '-i', 'multi', '-c', 'main'], {
        env: { ...process.env, ...scenario.kubectlEnv, ...protocol.env },
      });
      const shown = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
      child.stdout.on('data', (chunk: Buffer) => (shown.stdout = Buffer.concat([shown.stdout, chunk])));
      child.stderr.on('data', (chunk: Buffer) => (shown.stderr = Buffer.concat([shown.stderr, chunk])));
      child.stdin.write(`word ${protocol.name}\n`);
      await eventually('the word on both outputs', () =>
        shown.stdout.includes('out:word') && shown.stderr.includes('err:word') ? true : undefined,
      );
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
      const { stored } = await nextRecording('attach');
      const cast = parseCast(stored.text);
      assert.equal(cast.bytes('stdin').toString(), `word ${protocol.name}\n`);
      assert.deepEqual(cast.bytes('stdout').toString(), shown.stdout.toString());
      assert.match(cast.bytes('stderr').toString(), /err:word/);
      assert.equal(
        cast.events.some(({ code }) => code === 'x'),
        false,
      );
    });

    it('cp into a pod and out of it: the files too, in the recording, its manifest and the audit event', async () => {
      const directory = await mkdtemp(join(scenario.environment.directory, 'cp-'));
      const file = join(directory, 'a.txt');
      await writeFile(file, 'x'.repeat(5000));
      for (const [direction, from, to] of [
        ['toPod', file, 'shell:/tmp/never-looked-at.txt'],
        ['fromPod', 'shell:/tmp/never-looked-at.txt', join(directory, 'b.txt')],
      ] as const) {
        const { code, stderr } = await kubectl('alice', ['cp', from, to]);
        assert.equal(code, 0, stderr);
        const { event, stored } = await nextRecording('exec', direction === 'toPod' ? '-xmf' : '"cf"');
        const cast = parseCast(stored.text);
        const files = cast.events
          .filter(({ code: kind }) => kind === 'f')
          .map(({ data }) => JSON.parse(data) as object);
        const name = direction === 'toPod' ? 'never-looked-at.txt' : 'tmp/never-looked-at.txt';
        assert.deepEqual(files, [{ direction, name, type: 'file', bytes: 5000 }]);
        assert.deepEqual(stored.manifest.at(-1)?.['files'], {
          [direction]: { count: 1, bytes: 5000, names: [name] },
        });
        const note = direction === 'toPod' ? 'files-to-pod' : 'files-from-pod';
        assert.equal(event.annotations?.[`kubelet-gateway.io/${note}`], '1 file, 5000 bytes');
        // An addition: the bytes are there as always.
        const stream = direction === 'toPod' ? 'stdin' : 'stdout';
        assert.ok(cast.bytes(stream).includes('x'.repeat(5000)));
      }
    });

    it('port-forward: connections, ports, bytes each way and what failed', async () => {
      const child = spawn(kubectlPath(), ['--context', 'alice', 'port-forward', 'web', ':8080'], {
        env: { ...process.env, ...scenario.kubectlEnv, ...protocol.env },
      });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const port = await eventually('a local port', () => /127\.0\.0\.1:(\d+) ->/.exec(text)?.[1]);
      const socket = connect(Number(port), '127.0.0.1');
      const request = 'GET / HTTP/1.0\r\n\r\n';
      socket.write(request);
      let answer = 0;
      socket.on('data', (chunk) => (answer += chunk.length));
      await new Promise((resolve) => socket.once('close', resolve));
      child.kill('SIGINT');
      await new Promise((resolve) => child.once('close', resolve));
      const { stored } = await nextRecording('portForward');
      const lines = stored.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.equal(lines[0]?.['kind'], 'PortForward');
      const closed = lines.find(({ event }) => event === 'closed');
      assert.equal(closed?.['port'], 8080);
      assert.equal(closed['bytesToNode'], request.length);
      assert.equal(closed['bytesFromNode'], answer);
    });
  });
}

describe('a run', () => {
  it('is not dialled without a recording either, and its output is in it', async () => {
    const { stdout } = await scenario.curl(
      'alice',
      '/nodes/node-1/run/default/shell/shell?cmd=echo+ran',
      '-X',
      'POST',
    );
    assert.equal(stdout.toString(), 'ran\n');
    const { stored } = await nextRecording('run');
    assert.equal(parseCast(stored.text).bytes('stdout').toString(), stdout.toString());
  });
});
