// npm run bench:profile: where the time of a request goes, by stage and by function, for answers of every size. Written
// to bench/profiles/ as Markdown and flame graphs to read and, for the check of speed, as JSON.

import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { needTools } from './load/tools.ts';
import { runProfile } from './profiling/run-profile.ts';
import { startGround } from './proxies/ground.ts';
import { startIdentity } from './proxies/identity.ts';

const FOLDER = fileURLToPath(new URL('profiles/', import.meta.url));
const FUNCTIONS = 30;

needTools(['wrk', 'nginx']);
const ground = await startGround();
const identity = await startIdentity();
const text = [
  '# Where the time of a request goes',
  '',
  "Shares of the main thread's busy time by V8's sampling profiler. A stage's share holds what Node and libraries do on",
  'its behalf; what no stage asked for (the server reading, the client library parsing) stands under its own name.',
];
mkdirSync(FOLDER, { recursive: true });
const stages: Record<string, Record<string, number>> = {};
try {
  for (const size of ['2 B', '30 kB', '1 MB'] as const) {
    const { byStage, bySelf, flameGraph } = await runProfile(ground, identity, {
      size,
      warmUpSeconds: 10,
      seconds: 8,
    });
    stages[size] = Object.fromEntries([...byStage].map(([stage, share]) => [stage, round(share)]));
    const picture = `gateway-${size.replace(' ', '')}.svg`;
    writeFileSync(`${FOLDER}${picture}`, flameGraph);
    text.push('', `## ${size}`, '', `![Flame graph](${picture})`);
    text.push('', '| stage | share |', '| --- | ---: |', ...toRows(byStage, 25));
    text.push('', '| function, itself alone | share |', '| --- | ---: |', ...toRows(bySelf, FUNCTIONS));
  }
} finally {
  await identity.stop();
  await ground.stop();
}
writeFileSync(`${FOLDER}gateway.md`, `${text.join('\n')}\n`);
writeFileSync(`${FOLDER}stages.json`, `${JSON.stringify(stages, undefined, 2)}\n`);
console.log(text.join('\n'));

function toRows(shares: ReadonlyMap<string, number>, most: number): string[] {
  return [...shares]
    .slice(0, most)
    .map(([name, share]) => `| ${toCell(name)} | ${(share * 100).toFixed(1)} % |`);
}

/** The name of a regular expression is its source, which Markdown would read as what it is not. */
const toCell = (name: string): string => name.replaceAll(/[\\|[\]*_<>`]|(?<=\])\(/g, '\\$&');

function round(share: number): number {
  return Math.round(share * 1000) / 1000;
}
