// What a real kubectl is told of its rights with a node in the server URL: those that count at that node.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Finished, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { startScenario } from '../support/scenario.ts';

const RIGHTS_ON_ONE_NODE = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: one-node }
rules:
  - { apiGroups: [""], resources: ["nodes/proxy", "nodes/metrics"], resourceNames: ["node-2"], verbs: ["get", "create"] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: carol-on-one-node }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: one-node }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: carol }]
`;

let scenario: Scenario;
before(async () => {
  scenario = await startScenario({
    files: { 'one-node.yaml': RIGHTS_ON_ONE_NODE },
    configure: (yaml) => yaml.replace('[rbac.yaml]', '[rbac.yaml, one-node.yaml]'),
  });
});
after(() => closeAll(scenario));

const at = (node: string, ...args: readonly string[]): Promise<Finished> =>
  scenario.kubectl(`carol@${node}`, args, { timeoutMs: 20_000 });

it('auth whoami says who it is', async () => {
  const { code, stdout, stderr } = await at(
    'node-1',
    'auth',
    'whoami',
    '-o',
    'jsonpath={.status.userInfo.username}',
  );
  assert.deepEqual([code, stdout.toString()], [0, 'carol'], stderr);
});

for (const [what, asked, used] of [
  ['the metrics of the node', ['get', 'nodes', '--subresource=metrics'], ['get', '--raw', '/metrics']],
  ['exec', ['create', 'pods', '--subresource=exec'], ['exec', 'shell', '--', 'id']],
] as const) {
  it(`auth can-i says of ${what} what is then done, node by node`, async () => {
    for (const [node, isAllowed] of [
      ['node-1', false],
      ['node-2', true],
    ] as const) {
      const said = await at(node, 'auth', 'can-i', ...asked);
      assert.match(said.stdout.toString(), isAllowed ? /^yes/ : /^no/, said.stderr);
      assert.equal((await at(node, ...used)).code === 0, isAllowed, node);
    }
    const { stdout } = await scenario.kubectl('carol', ['--server', scenario.url, 'auth', 'can-i', ...asked]);
    assert.match(stdout.toString(), /^no/, 'of all nodes');
  });
}

it('auth can-i --list names what is served of that node', async () => {
  const list = async (node: string): Promise<string> => {
    const { code, stdout, stderr } = await at(node, 'auth', 'can-i', '--list');
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`may be incomplete: only what this gateway serves of ${node}`));
    return stdout.toString();
  };
  assert.match(await list('node-2'), /^nodes\/metrics +\[\] +\[\] +\[get\]/m);
  assert.match(await list('node-2'), /^pods\/exec +\[\] +\[\] +\[create\]/m);
  assert.doesNotMatch(await list('node-1'), /nodes\/metrics|pods\/exec/);
});
