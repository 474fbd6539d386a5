// A gateway that must record, and its ends: kill -9, a disk that goes away, and clients that would hide what they send.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import type { AuditEvent, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { startInTerminal, startKubectl } from './kubectl-session.ts';
import { parseCast, readRecording } from './support.ts';

const toConfiguration = (mode: string) => `
recording:
  directory: recordings
  segment: { maxAge: 200ms }
  rules:
    - { namespaces: [kube-system], mode: off }
    - { mode: ${mode}, stdin: on }
`;
const LOOP = 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done';
const PROTOCOLS = [
  { name: 'WebSocket', env: {} },
  { name: 'SPDY', env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' } },
] as const;

const recordings = (scenario: Scenario): string => join(scenario.environment.directory, 'recordings');

async function lastEnding(scenario: Scenario, seen: Set<string>): Promise<AuditEvent> {
  const event = await eventually('the end of a session in the audit log', async () =>
    (await scenario.auditEvents()).find(
      ({ stage, auditID, annotations = {} }) =>
        stage === 'ResponseComplete' &&
        !seen.has(auditID) &&
        annotations['kubelet-gateway.io/action'] === 'exec',
    ),
  );
  seen.add(event.auditID);
  return event;
}

describe('kill -9', () => {
  it('loses no more than the open segment', async (t) => {
    const scenario = await startScenario({ configure: (yaml) => yaml + toConfiguration('required') });
    t.after(() => closeAll(scenario));
    const running = startKubectl(scenario, ['exec', 'shell', '--', 'sh', '-c', LOOP]);
    const folder = await eventually('a recording', async () => {
      const [id] = await readdir(recordings(scenario)).catch(() => []);
      return id === undefined ? undefined : join(recordings(scenario), id);
    });
    await eventually('four segments', async () => ((await readdir(folder)).length > 5 ? true : undefined));
    scenario.gateway.signal('SIGKILL');
    await scenario.gateway.ended;
    await running.closed;
    const stored = await readRecording(folder);
    assert.ok(stored.open.length <= 1, stored.open.join());
    const named = parseCast(stored.text);
    const rest = await Promise.all(stored.open.map((file) => readFile(join(folder, file), 'utf8')));
    const whole = parseCast(stored.text + rest.join('').replace(/[^\n]*$/, ''));
    const lines = whole.bytes('stdout').toString().split('\n').slice(0, -1);
    assert.deepEqual(
      lines,
      lines.map((_, at) => `line ${at}`),
    );
    const shown = running.stdout().split('\n').length - 1;
    const ms = (whole.events.at(-1)?.atMs ?? 0) - (named.events.at(-1)?.atMs ?? 0);
    t.diagnostic(`${shown} lines shown, ${lines.length} on the disk; ${ms} ms of them not in the manifest`);
    // What was in the gateway's memory: a line or two at fifty a second.
    assert.ok(shown - lines.length <= 5, `${shown - lines.length} lines are lost`);
    assert.ok(named.events.length > 0);
  });
});

describe('where recording is required', () => {
  let scenario: Scenario;
  const seen = new Set<string>();
  before(async () => {
    scenario = await startScenario({ configure: (yaml) => yaml + toConfiguration('required') });
  });
  after(() => closeAll(scenario));

  for (const { name, env } of PROTOCOLS) {
    it(`kubectl by ${name} is told when the recordings are taken away, and why`, async () => {
      const running = startKubectl(scenario, ['exec', 'shell', '--', 'sh', '-c', LOOP], env);
      await eventually('output', () => (running.stdout().includes('line 3') ? true : undefined));
      await rm(recordings(scenario), { recursive: true });
      assert.notEqual(await running.closed, 0);
      assert.match(running.stderr(), /the session was ended: the recording could not be stored/);
      const { auditID, annotations = {} } = await lastEnding(scenario, seen);
      assert.equal(annotations['kubelet-gateway.io/end-reason'], 'recordingFailed');
      assert.equal(annotations['kubelet-gateway.io/recording'], `${auditID} incomplete`);
      assert.match(
        annotations['kubelet-gateway.io/recording-problem'] ?? '',
        /^the recording could not be stored: nothing from \S+Z on is in it$/,
      );
    });

    it(`whoever works in a terminal by ${name} reads there why it ended`, async () => {
      const terminal = startInTerminal(scenario, ['exec', '-it', 'shell', '--', 'sh'], env);
      await eventually('a prompt', () => (/[$#] $/.test(terminal.stdout()) ? true : undefined));
      await rm(recordings(scenario), { recursive: true });
      terminal.type('while :; do echo line; sleep 0.05; done\r');
      assert.equal(await terminal.closed, 1);
      // On a line of its own, as the terminal of the shell that comes back shows it.
      const shown = terminal.stdout();
      assert.match(shown, /\n[^\n]*the session was ended: the recording could not be stored: nothing from /);
      const { annotations = {} } = await lastEnding(scenario, seen);
      assert.equal(annotations['kubelet-gateway.io/end-reason'], 'recordingFailed');
    });

    it(`kubectl by ${name} is refused where nothing can be stored, and no node is dialled`, async () => {
      await rm(recordings(scenario), { recursive: true, force: true });
      await writeFile(recordings(scenario), 'in the way');
      const dialled = (): number =>
        scenario.environment.kubelets
          .get('node-1')
          ?.requests.filter(({ target }) => target.startsWith('/exec/')).length ?? 0;
      const before = dialled();
      const { code, stderr } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'id'], { env });
      await rm(recordings(scenario));
      assert.equal(code, 1);
      assert.match(stderr, /this session must be recorded, and its recording cannot be begun/);
      assert.equal(dialled(), before);
      // By WebSocket kubectl may ask once more, with SPDY. Each request was in the log before it was answered.
      const asked = (await scenario.auditEvents()).filter(
        ({ stage, auditID, requestURI }) =>
          stage === 'RequestReceived' && !seen.has(auditID) && requestURI.includes('/exec'),
      );
      assert.ok(asked.length > 0);
      for (let left = asked.length; left > 0; left--) {
        assert.equal((await lastEnding(scenario, seen)).responseStatus?.code, 503);
      }
    });
  }

  const open = async (protocol: string, query: string): Promise<WebSocket> => {
    const url = `${scenario.url.replace('https', 'wss')}/nodes/node-1/exec/default/shell/shell?${query}`;
    const socket = new WebSocket(url, [protocol], {
      ca: scenario.environment.certificateAuthority,
      headers: { authorization: `Bearer ${await scenario.environment.issueToken('alice')}` },
      perMessageDeflate: false,
    });
    await once(socket, 'open');
    return socket;
  };
  const CAT = 'command=cat&input=1&output=1';
  const rows: readonly (readonly [string, string, (socket: WebSocket) => void, RegExp])[] = [
    [
      'a text frame',
      'v4.channel.k8s.io',
      (socket) => socket.send('\0hidden', { binary: false }),
      /a text frame on a binary protocol/,
    ],
    [
      'a fragment',
      'v5.channel.k8s.io',
      (socket) => socket.send(Buffer.from('\0hidden'), { fin: false }),
      /messages in several frames/,
    ],
    [
      'a binary frame on base64',
      'v4.base64.channel.k8s.io',
      (socket) => socket.send(Buffer.from('0aGlkZGVu')),
      /a binary frame on a base64 protocol/,
    ],
  ];
  for (const [what, protocol, dodge, problem] of rows) {
    it(`${what} over ${protocol} ends the session before the container has it, with a reason`, async () => {
      const socket = await open(protocol, CAT);
      const messages: string[] = [];
      socket.on('message', (data: Buffer) => messages.push(data.toString()));
      const said = protocol.includes('base64') ? `0${Buffer.from('seen').toString('base64')}` : '\0seen';
      socket.send(protocol.includes('base64') ? said : Buffer.from(said));
      await eventually('the echo', () =>
        messages.some((text) => /seen|c2Vlbg/.test(text)) ? true : undefined,
      );
      dodge(socket);
      const [code] = (await once(socket, 'close')) as [number];
      assert.equal(code, 1000);
      assert.ok(!messages.some((message) => /hidden|aGlkZGVu/.test(message)));
      const status = messages.at(-1) ?? '';
      const text = protocol.includes('base64')
        ? Buffer.from(status.slice(1), 'base64').toString()
        : status.slice(1);
      assert.match((JSON.parse(text) as { message: string }).message, problem);
      const event = await lastEnding(scenario, seen);
      assert.equal(event.annotations?.['kubelet-gateway.io/end-reason'], 'protocolError');
      assert.match(event.annotations['kubelet-gateway.io/recording-problem'] ?? '', problem);
      const stored = await readRecording(join(recordings(scenario), event.auditID));
      assert.equal(parseCast(stored.text).bytes('stdin').toString(), 'seen');
      const entry = scenario.environment.kubelets.get('node-1')?.requests.at(-1);
      assert.ok(entry !== undefined && entry.target.startsWith('/exec/'));
    });
  }

  it('what a client calls itself or does not ask for turns nothing off', async () => {
    const socket = await open('v5.channel.k8s.io', 'command=sh&command=-c&command=echo+seen+%3E%262&error=1');
    await once(socket, 'close');
    const event = await lastEnding(scenario, seen);
    const stored = await readRecording(join(recordings(scenario), event.auditID));
    assert.equal(parseCast(stored.text).bytes('stderr').toString(), 'seen\n');
    const { stdout } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'tar', '--version']);
    const tar = await lastEnding(scenario, seen);
    const kept = await readRecording(join(recordings(scenario), tar.auditID));
    assert.ok(parseCast(kept.text).bytes('stdout').equals(stdout));
  });
});

describe('where recording is best-effort', () => {
  it('a session goes on without, and both logs say so', async (t) => {
    const scenario = await startScenario({ configure: (yaml) => yaml + toConfiguration('best-effort') });
    t.after(() => closeAll(scenario));
    await writeFile(recordings(scenario), 'in the way');
    const { code, stdout } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'goes on']);
    assert.equal(code, 0);
    assert.equal(stdout.toString(), 'goes on\n');
    const { auditID, annotations = {} } = await lastEnding(scenario, new Set());
    assert.equal(annotations['kubelet-gateway.io/recording'], `${auditID} failed`);
    assert.match(await scenario.gatewayLog(), /a recording could not be begun/);
  });
});
