// The whole gateway with a signed chain and recordings: what it leaves behind is proven by `audit verify`, over kill -9
// and a new start, and everything that is done to a recording afterwards is found out.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startGatewayProcess } from '../../demo/gateway-process.ts';
import { createVerifier } from '../../src/chain/jws.ts';
import type { RecordingTotals } from '../../src/chain/verify/recordings.ts';
import { createDirectorySource } from '../../src/chain/verify/recorded.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { keySet, signingKey, verifyLog } from '../observe/audit/chain/support.ts';
import type { OneReport } from '../observe/audit/chain/support.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, run, startScenario } from '../support/scenario.ts';

const RECORDING = `
recording:
  directory: recordings
  segment: { maxAge: 200ms }
  proofInterval: 1s
  rules:
    - { mode: required, stdin: on }
`;
const CHAIN = `
  chain:
    signingKeyFile: audit-key.pem
    checkpoint: { maxAge: 500ms }
    secondSink: { file: checkpoints }
`;
const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const LOOP = 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done';

const work = await mkdtemp(join(tmpdir(), 'tamper-'));
after(() => rm(work, { recursive: true, force: true }));

interface Report {
  readonly outcome: string;
  readonly logs: readonly { readonly tailLines: number }[];
  readonly findings: readonly { readonly kind: string; readonly file: string; readonly message: string }[];
  readonly recordings: RecordingTotals;
}

async function verify(
  folder: string,
): Promise<Report & { readonly code: number | null; readonly said: string; readonly tailLines: number }> {
  const keys = join(work, 'keys.json');
  await writeFile(keys, keySet);
  const log = ['--log', join(folder, 'audit.log'), '--checkpoints', join(folder, 'checkpoints')];
  const rest = ['--keys', keys, '--recordings', join(folder, 'recordings'), '--json'];
  const { code, stdout, stderr } = await run(process.execPath, [MAIN, 'audit', 'verify', ...log, ...rest]);
  assert.equal(stderr, '');
  const report = JSON.parse(stdout.toString()) as Report;
  const said = report.findings.map(({ kind, file, message }) => `${kind} ${file} ${message}`).join('\n');
  return { ...report, code, said, tailLines: report.logs[0]?.tailLines ?? NaN };
}

/** The same without a process of its own. */
async function verifyHere(folder: string): Promise<OneReport & { readonly said: string }> {
  const report = await verifyLog({
    log: join(folder, 'audit.log'),
    verify: await createVerifier([keySet]),
    checkpoints: join(folder, 'checkpoints'),
    recordings: createDirectorySource(join(folder, 'recordings')),
  });
  const said = report.findings.map(({ kind, file, message }) => `${kind} ${file} ${message}`).join('\n');
  return { ...report, said };
}

let scenario: Scenario;
/** What the gateway left behind at its end: two sessions with an end, one without. */
let left: string;

before(async () => {
  scenario = await startScenario({
    files: { 'audit-key.pem': signingKey.privateKey },
    configure: (yaml) => yaml.replace(/^audit:$/m, `audit:${CHAIN.trimEnd()}`) + RECORDING,
  });
  left = scenario.environment.directory;
});
after(() => closeAll(scenario));

const exec = (...command: readonly string[]) =>
  scenario.kubectl('alice', ['exec', 'shell', '--', ...command]);

async function segmentsOf(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith('.cast')).sort();
}

describe('a gateway with a signed chain', () => {
  it('leaves behind what is proven, recordings and all', async () => {
    assert.equal((await exec('echo', 'one')).code, 0);
    assert.equal((await exec('sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.3; done')).code, 0);
    const report = await eventually('a checkpoint behind it', async () => {
      const now = await verify(left);
      return now.outcome === 'proven' && now.tailLines === 0 && now.recordings.proven === 2 ? now : undefined;
    });
    assert.equal(report.code, 0);
    assert.equal(report.said, '');
  });

  it('kill -9 in the middle of a session, and a new start, are no attack', async () => {
    const env = { ...process.env, ...scenario.kubectlEnv };
    const args = ['--context', 'alice', 'exec', 'shell', '--', 'sh', '-c', LOOP];
    const session = spawn(kubectlPath(), args, { env, stdio: 'ignore' });
    const closed = once(session, 'close');
    const recordings = join(left, 'recordings');
    await eventually('a third recording with segments', async () => {
      const ids = await readdir(recordings);
      const counts = await Promise.all(
        ids.map(async (id) => (await segmentsOf(join(recordings, id))).length),
      );
      return counts.length === 3 && counts.every((count) => count > 0) && Math.max(...counts) > 8
        ? true
        : undefined;
    });
    scenario.gateway.signal('SIGKILL');
    await scenario.gateway.ended;
    await closed;
    const killed = await verify(left);
    assert.equal(killed.code, 0, killed.said);
    assert.deepEqual(killed.recordings, { proven: 2, unfinished: 1, pruned: 0, foreign: 0 });
    await assertMissed();
    const again = await startGatewayProcess({
      configurationFile: scenario.environment.configurationFile,
      adminPort: scenario.environment.adminPort,
      logFile: join(left, 'again.log'),
    });
    assert.equal((await exec('echo', 'again')).code, 0);
    again.signal('SIGTERM');
    await again.ended;
    const report = await verify(left);
    assert.equal(report.code, 0, report.said);
    assert.equal(report.tailLines, 0);
    // What the dead gateway left was given an end, of which the log tells.
    assert.deepEqual(report.recordings, { proven: 4, unfinished: 0, pruned: 0, foreign: 0 });
  });

  /** The recording without an end is taken away, or cut, before the gateway is started again. */
  async function assertMissed(): Promise<void> {
    const folder = await mkdtemp(join(work, 'missed-'));
    await cp(left, folder, { recursive: true });
    const open = await findOpen(join(folder, 'recordings'));
    await rm(join(folder, 'recordings', open), { recursive: true });
    const report = await verifyHere(folder);
    assert.equal(report.outcome, 'tampered');
    assert.match(report.said, new RegExp(`its recording ${open} is missing$`, 'm'));
    const short = await mkdtemp(join(work, 'short-'));
    await cp(left, short, { recursive: true });
    const recording = join(short, 'recordings', open);
    await edit(manifestOf(recording), (text) => `${text.split('\n').slice(0, 3).join('\n')}\n`);
    for (const name of (await segmentsOf(recording)).slice(2)) await rm(join(recording, name));
    const shortened = await verifyHere(short);
    assert.equal(shortened.outcome, 'tampered', shortened.said);
    // That of the configured second: nothing of it is 30 seconds old.
    assert.match(shortened.said, /is not what the log says: [4-9] segments of it had been stored/);
  }

  interface Attack {
    readonly name: string;
    readonly attack: (
      folder: string,
      segments: readonly string[],
      recordings: string,
      id: string,
    ) => Promise<unknown>;
    readonly finds: RegExp;
  }
  const manifestOf = (folder: string): string => join(folder, 'manifest.jsonl');
  const edit = async (file: string, change: (text: string) => string): Promise<void> =>
    writeFile(file, change(await readFile(file, 'utf8')));
  const ATTACKS: readonly Attack[] = [
    {
      name: 'a segment changed',
      attack: (folder, [first = '']) => edit(join(folder, first), (text) => text.replace('1', '7')),
      finds: /tampering \S+00000001\.cast has another digest/,
    },
    {
      name: 'a segment shortened',
      attack: (folder, [first = '']) => edit(join(folder, first), (text) => text.slice(0, -3)),
      finds: /tampering \S+00000001\.cast has \d+ bytes, not \d+/,
    },
    {
      name: 'a segment deleted',
      attack: (folder, [first = '']) => rm(join(folder, first)),
      finds: /tampering \S+00000001\.cast is missing/,
    },
    {
      name: 'two segments swapped',
      attack: async (folder, [first = '', second = '']) => {
        await rename(join(folder, first), join(folder, 'x'));
        await rename(join(folder, second), join(folder, first));
        await rename(join(folder, 'x'), join(folder, second));
      },
      finds: /tampering \S+\.cast has/,
    },
    {
      name: 'two lines of a manifest swapped',
      attack: (folder) =>
        edit(manifestOf(folder), (text) => {
          const lines = text.split('\n');
          return lines
            .with(1, lines[2] ?? '')
            .with(2, lines[1] ?? '')
            .join('\n');
        }),
      finds: /tampering \S+manifest\.jsonl does not follow from the line before/,
    },
    {
      name: 'the end of a manifest cut off',
      attack: (folder) => edit(manifestOf(folder), (text) => text.split('\n').slice(0, -2).join('\n') + '\n'),
      finds: /tampering \S+manifest\.jsonl is not what the log says/,
    },
    {
      name: 'a whole recording put in the place of another',
      attack: async (folder, _segments, recordings, id) => {
        const other = (await readdir(recordings)).find((name) => name !== id) ?? '';
        await rm(folder, { recursive: true });
        await cp(join(recordings, other), folder, { recursive: true });
      },
      finds: /tampering \S+manifest\.jsonl is not what the log says/,
    },
    {
      name: 'a whole recording deleted',
      attack: (folder) => rm(folder, { recursive: true }),
      finds: /tampering \S+audit\.log its recording \S+ is missing/,
    },
    {
      name: 'a recording of which the log knows nothing',
      attack: (folder, _segments, recordings) =>
        cp(folder, join(recordings, '00000000-0000-4000-8000-000000000000'), { recursive: true }),
      finds: /tampering \S+manifest\.jsonl is not mentioned in the log/,
    },
  ];

  for (const { name, attack, finds } of ATTACKS) {
    it(`finds out ${name}`, async () => {
      const folder = await mkdtemp(join(work, 'case-'));
      for (const file of ['audit.log', 'checkpoints', 'recordings']) {
        await cp(join(left, file), join(folder, file), { recursive: true });
      }
      const recordings = join(folder, 'recordings');
      // The session of several segments that came to its end.
      const id = await findWhole(recordings);
      await attack(join(recordings, id), await segmentsOf(join(recordings, id)), recordings, id);
      const report = await verifyHere(folder);
      assert.equal(report.outcome, 'tampered');
      assert.match(report.said, finds);
    });
  }

  it('takes no deleted recording for pruned because a tombstone says so', async () => {
    const folder = await mkdtemp(join(work, 'case-'));
    for (const file of ['audit.log', 'checkpoints', 'recordings']) {
      await cp(join(left, file), join(folder, file), { recursive: true });
    }
    const recordings = join(folder, 'recordings');
    const id = await findWhole(recordings);
    await rm(join(recordings, id), { recursive: true });
    await writeFile(join(recordings, 'pruned.jsonl'), `${JSON.stringify({ id, why: 'retention' })}\n`);
    const report = await verifyHere(folder);
    assert.equal(report.outcome, 'tampered');
    assert.match(report.said, /is missing; a tombstone, which anybody may have written/);
  });
});

async function findOpen(recordings: string): Promise<string> {
  for (const id of await readdir(recordings)) {
    const manifest = await readFile(join(recordings, id, 'manifest.jsonl'), 'utf8');
    if (!manifest.includes('"kind":"End"')) return id;
  }
  throw new Error('every recording has an end');
}

async function findWhole(recordings: string): Promise<string> {
  for (const id of await readdir(recordings)) {
    const folder = join(recordings, id);
    const manifest = await readFile(join(folder, 'manifest.jsonl'), 'utf8');
    if (manifest.includes('"kind":"End"') && (await segmentsOf(folder)).length > 1) return id;
  }
  throw new Error('there is no such recording');
}
