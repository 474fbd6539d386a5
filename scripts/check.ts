// npm run check: every script of package.json whose name begins with `check:`, in its order, each with its time. All of
// them run, so that one look shows everything that is wrong.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const PREFIX = 'check:';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const failed: string[] = [];
for (const name of Object.keys(manifest.scripts).filter((script) => script.startsWith(PREFIX))) {
  console.log(`\n=== ${name}`);
  const begin = performance.now();
  const { status } = spawnSync('npm', ['run', '--silent', name], { stdio: 'inherit' });
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`=== ${name} ${status === 0 ? 'passed' : 'FAILED'} after ${seconds} s`);
  if (status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '\neverything is as it should be' : `\nFAILED: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
