// npm run bench:exchange: what a request costs between the HTTP server and the HTTP client, which is everything that is
// this project's own: identity, authorization, audit, metrics, log. No network and no node, so that it resolves what
// wrk cannot. With a second checkout both are measured in turns:
//
//   npm run bench:exchange -- [--base ../another-checkout] [--rounds 60] [--profile FOLDER]

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { toQuantile, toSpread } from './load/statistics.ts';
import { writeConfiguration } from './proxies/gateway.ts';
import { startGround } from './proxies/ground.ts';
import { startIdentity } from './proxies/identity.ts';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    rounds: { type: 'string', default: '60' },
    profile: { type: 'string' },
  },
});
const PROGRAM = fileURLToPath(new URL('exchange/exchange-process.ts', import.meta.url));
const HERE = fileURLToPath(new URL('..', import.meta.url));
/** A tenth of a second: what disturbs a round disturbs its neighbour too, or falls on a few of many. */
const EXCHANGES = 2500;
/** Rounds until V8 has compiled what carries an exchange. */
const WARM_UP = 20;
/** Whatever else the machine does only adds: the quieter rounds are nearer to what the code costs. */
const QUIET = 0.1;

interface Contestant {
  readonly name: string;
  readonly rounds: number[];
  /** Microseconds of CPU for each of so many exchanges. */
  carry(exchanges: number): Promise<number>;
  stop(): Promise<void>;
}

const ground = await startGround();
const identity = await startIdentity();
const contestants: Contestant[] = [];
try {
  if (values.base !== undefined) contestants.push(await start('base', values.base));
  contestants.push(await start('this', HERE));
  for (let round = -WARM_UP; round < Number(values.rounds); round += 1) {
    // Every other round runs backwards: nobody always follows the same neighbour.
    for (const one of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const cpuUs = await one.carry(EXCHANGES);
      if (round >= 0) one.rounds.push(cpuUs);
    }
  }
  for (const { name, rounds } of contestants) console.log(`${name}: ${toText(rounds)} µs`);
  const [base, own] = contestants;
  if (base !== undefined && own !== undefined) {
    const ratio = toQuiet(own.rounds) / toQuiet(base.rounds);
    const ratios = own.rounds.map((cpuUs, i) => cpuUs / (base.rounds[i] ?? NaN));
    console.log(
      `this / base: ${ratio.toFixed(3)} in quiet, ${toSpread(ratios).median.toFixed(3)} in the median of pairs`,
    );
  }
} finally {
  for (const one of contestants) await one.stop();
  await identity.stop();
  await ground.stop();
}

function toQuiet(rounds: readonly number[]): number {
  return toQuantile(
    rounds.toSorted((a, b) => a - b),
    QUIET,
  );
}

function toText(rounds: readonly number[]): string {
  const { median, min } = toSpread(rounds);
  return `${toQuiet(rounds).toFixed(1)} in quiet, ${median.toFixed(1)} in the median, ${min.toFixed(1)} at the least`;
}

async function start(name: string, tree: string): Promise<Contestant> {
  const { directory } = await writeConfiguration(ground, identity, { name });
  const token = await identity.issue('alice');
  const profiling = ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${values.profile ?? ''}`];
  // The gateway's log.
  const output = openSync(join(directory, 'gateway.log'), 'a', 0o600);
  const child = fork(PROGRAM, [tree, directory, token], {
    stdio: ['ignore', output, 'inherit', 'ipc'],
    execArgv: values.profile === undefined ? [] : profiling,
    // The kubeconfig's and the audit log's paths are relative to the configuration.
    cwd: directory,
  });
  closeSync(output);
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the process that carries exchanges for ${tree} has ended`);
  });
  ended.catch(() => undefined);
  const hear = async (): Promise<unknown> => {
    const messages: unknown[] = await Promise.race([once(child, 'message'), ended]);
    return messages[0];
  };
  await hear();
  return {
    name,
    rounds: [],
    carry: async (exchanges) => {
      child.send(exchanges);
      return Number(await hear());
    },
    stop: async () => {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended.catch(() => undefined);
      clearTimeout(timer);
    },
  };
}
