// npm run test:cluster: the cluster scenarios against a real API server and kubelet, which the caller provides by the
// environment (CONTRIBUTING.md). Without any it says so, and fails: a run that tested nothing is not a good one.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '../test/cluster/environment.ts';

const SCENARIOS = fileURLToPath(new URL('../test/cluster/real.cluster.ts', import.meta.url));

try {
  const { node } = readEnvironment(process.env);
  if (node === undefined)
    console.error('TEST_CLUSTER_NODE is not set: the scenarios with a kubelet are skipped');
  const { status } = spawnSync(
    process.execPath,
    ['--test', '--test-reporter=spec', '--test-timeout=600000', SCENARIOS],
    // A runner within a runner would run nothing, and call that a success.
    { stdio: 'inherit', env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
  );
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(`test:cluster: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
