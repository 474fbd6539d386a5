// The scenario itself: one that cannot be started fails at once, says why, and leaves nothing that keeps a test's
// process alive.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { closeAll } from './close-all.ts';

/** A test file as they are written, with a gateway that `configure` makes impossible. */
const testFile = (configure: string): string => `
import { after, before, it } from 'node:test';
import { closeAll } from ${JSON.stringify(new URL('close-all.ts', import.meta.url).href)};
import { startHostileKubelet } from ${JSON.stringify(new URL('hostile-kubelet.ts', import.meta.url).href)};
import { startScenario } from ${JSON.stringify(new URL('scenario.ts', import.meta.url).href)};

let node;
let scenario;
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({ configure: ${configure} });
});
after(() => closeAll(scenario, node));
it('is never begun', () => console.log('BEGUN'));
`;

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubelet-gateway-support-'));
});
after(() => rm(directory, { recursive: true, force: true }));

/** Runs it as `npm test` does; null is a process that had to be killed. */
async function runFile(name: string, configure: string): Promise<{ code: number | null; output: string }> {
  const file = join(directory, `${name}.test.ts`);
  await writeFile(file, testFile(configure));
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, NODE_TEST_CONTEXT: '', TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

describe('a scenario that cannot be started', () => {
  const rows = [
    [
      'whose configure throws',
      `() => { throw new Error('no such line in the YAML') }`,
      /no such line in the YAML/,
    ],
    [
      'whose gateway refuses its configuration',
      `(yaml) => yaml + 'listenn: {}\\n'`,
      /the gateway ended before it was ready:[\s\S]*listenn: unknown key/,
    ],
  ] as const;
  for (const [what, configure, words] of rows) {
    it(`${what} fails by itself, with the reason, and nothing is left behind`, async () => {
      const { code, output } = await runFile(what.replaceAll(' ', '-'), configure);
      assert.equal(code, 1, output);
      assert.match(output, words);
      assert.doesNotMatch(output, /BEGUN|Cannot read properties of undefined/);
      const left = (await readdir(directory)).filter((name) => !name.endsWith('.test.ts'));
      assert.deepEqual(left, []);
    });
  }
});

describe('closeAll', () => {
  it('closes in turn what there is, and whatever follows one that does not close', async () => {
    const closed: string[] = [];
    const opened = (name: string): { close(): Promise<void> } => ({
      close: async () => {
        await Promise.resolve();
        closed.push(name);
      },
    });
    const broken = { close: () => Promise.reject(new Error('stuck')) };
    await assert.rejects(closeAll(opened('a'), undefined, broken, opened('b')), /^Error: stuck$/);
    assert.deepEqual(closed, ['a', 'b']);
  });
});
