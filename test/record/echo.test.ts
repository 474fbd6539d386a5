// What is typed at a real shell, by a real kubectl, through a gateway that records what the terminal shows: a password
// typed while the echo is off is in the recording in no form, and the commands are.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { spawn } from '@lydell/node-pty';
import { kubectlPath } from '../../scripts/kubectl.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import type { Cast } from './support.ts';
import { parseCast, readRecording } from './support.ts';

const RECORDING = `
recording:
  directory: recordings
  segment: { maxAge: 200ms }
  rules: [{ mode: required, stdin: echo }]
`;
const PASSWORD = 'hunter2-Grüße';

let scenario: Scenario;
before(async () => {
  scenario = await startScenario({ configure: (yaml) => yaml + RECORDING });
});
after(() => closeAll(scenario));

const seen = new Set<string>();

async function nextCast(): Promise<{ readonly cast: Cast; readonly text: string }> {
  const event = await eventually('the end of the session', async () =>
    (await scenario.auditEvents()).find(
      ({ stage, auditID, annotations = {} }) =>
        stage === 'ResponseComplete' &&
        !seen.has(auditID) &&
        annotations['kubelet-gateway.io/action'] === 'exec',
    ),
  );
  seen.add(event.auditID);
  const { text } = await readRecording(join(scenario.environment.directory, 'recordings', event.auditID));
  return { cast: parseCast(text), text };
}

/** Types each line when the terminal shows what it waits for, or when that is so; ends with `exit`. */
async function type(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  lines: readonly (readonly [RegExp | (() => boolean), string])[],
): Promise<{ readonly cast: Cast; readonly text: string }> {
  const terminal = spawn(kubectlPath(), ['--context', 'alice', 'exec', '-it', 'shell', '--', ...command], {
    env: { ...process.env, ...scenario.kubectlEnv, ...env },
  });
  let shown = '';
  terminal.onData((data) => (shown += data));
  const exited = new Promise((resolve) => terminal.onExit(resolve));
  for (const [when, line] of lines) {
    await eventually(`${String(when)} in ${JSON.stringify(shown)}`, () =>
      (typeof when === 'function' ? when() : when.test(shown)) ? true : undefined,
    );
    shown = '';
    terminal.write(line);
  }
  await exited;
  return nextCast();
}

/** No part of the password, plain or encoded. */
function assertAbsent({ cast, text }: { readonly cast: Cast; readonly text: string }): void {
  const streams = (['stdin', 'stdout', 'stderr'] as const).map((stream) => cast.bytes(stream).toString());
  for (const part of ['hunter2', 'unter', 'Grüße', Buffer.from(PASSWORD).toString('base64').slice(0, 12)]) {
    for (const one of [text, ...streams]) assert.ok(!one.includes(part), part);
  }
}

const PROMPT = /[$#] $/;
const PROTOCOLS = [
  { name: 'WebSocket', env: {} },
  { name: 'SPDY', env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' } },
] as const;

for (const { name, env } of PROTOCOLS) {
  describe(`stdin: echo by ${name}`, () => {
    it('has the commands and not the password of a program that turns the echo off', async () => {
      const ask =
        'stty -echo; printf \'Password: \'; read p; stty echo; echo; test "$p" = hun* || echo took it';
      const recording = await type(['sh'], env, [
        [PROMPT, `${ask}\r`],
        [/Password: $/, `${PASSWORD}\r`],
        [/took it[^]*[$#] $/, 'echo grüße\r'],
        [/\ngrüße[^]*[$#] $/, 'exit\r'],
      ]);
      assertAbsent(recording);
      const { cast } = recording;
      assert.equal(cast.bytes('stdin').toString(), `${ask}\recho grüße\rexit\r`);
      const notes = cast.events.filter(({ code }) => code === 'm').map(({ data }) => data);
      const bytes = Buffer.byteLength(PASSWORD) + 1;
      assert.ok(notes.includes(`kubelet-gateway: [${bytes} bytes not echoed]`), notes.join('\n'));
      const about = cast.header['kubeletGateway'] as Record<string, unknown>;
      assert.equal(about['stdinRecorded'], 'echo');
    });

    it("nor that of a shell's own silent prompt, with a line editor", async () => {
      const recording = await type(['bash', '--norc', '-i'], env, [
        [PROMPT, "read -rsp 'Secret: ' p; echo got\r"],
        [/Secret: $/, `${PASSWORD}\r`],
        [/got[^]*[$#] $/, 'exit\r'],
      ]);
      assertAbsent(recording);
      assert.match(recording.cast.bytes('stdin').toString(), /^read -rsp 'Secret: ' p; echo got\r(exit\r)?$/);
    });

    it('nor one that is pasted before anybody asks for it, while the echo is off', async () => {
      // The pod is a process of this machine. Before `stty` has run the terminal would show what is pasted.
      const isOff = join(scenario.environment.directory, `echo-is-off-${name}`);
      const recording = await type(['bash', '--norc', '-i'], env, [
        [PROMPT, `stty -echo; touch ${isOff}; sleep 1; read p; stty echo; echo g''ot\r`],
        [() => existsSync(isOff), `${PASSWORD}\r`],
        [/got[^]*[$#] $/, 'exit\r'],
      ]);
      assertAbsent(recording);
    });

    it('has nothing of what goes into a command without a terminal', async () => {
      const stdin = `${PASSWORD}\n`;
      const { code } = await scenario.kubectl('alice', ['exec', '-i', 'shell', '--', 'sh', '-c', 'read p'], {
        env,
        stdin,
      });
      assert.equal(code, 0);
      const recording = await nextCast();
      assertAbsent(recording);
      assert.equal(recording.cast.bytes('stdin').length, 0);
    });
  });
}
