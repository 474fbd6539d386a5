// Runs what was built, from an empty folder: the version, the check of a configuration, and the loading of everything
// that serve needs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const manifest: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
assert.ok(typeof manifest === 'object' && manifest !== null && 'version' in manifest);

const folder = await mkdtemp(join(tmpdir(), 'kubelet-gateway-build-'));
try {
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8', env: {} });

  const version = run('--version');
  assert.deepEqual([version.status, version.stdout], [0, `${String(manifest.version)}\n`], version.stderr);

  // The example without its certificates: each of them is missed, and nothing else is wrong.
  const example = await readFile(new URL('../config/gateway.yaml', import.meta.url), 'utf8');
  await writeFile(join(folder, 'gateway.yaml'), example);
  const checked = run('check-config', 'gateway.yaml');
  assert.equal(checked.status, 2, checked.stderr);
  const errors = checked.stderr.split('\n').filter((line) => line.startsWith('error: '));
  assert.ok(errors.length > 0 && errors.every((line) => line.includes(': cannot read ')), checked.stderr);

  // serve loads every module before it says that the configuration is not usable.
  const served = run('serve', '--config', 'gateway.yaml');
  assert.equal(served.status, 2, served.stderr);
  assert.match(served.stderr, /the configuration is not usable/);
  console.log('dist/ runs by itself');
} finally {
  await rm(folder, { recursive: true });
}
