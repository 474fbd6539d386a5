// S37, after Teleport 10.3.15 and CVE-2023-33189: a right at one node used at another. Here: what was decided for one node
// is asked anew for the next, over one connection, from a warm cache, and by every way of writing the path; and what a
// node is sent names that node alone.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ApiServer } from '../support/api-server.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { startApiServer } from '../support/api-server.ts';
import { RawClient, SPDY, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

let api: ApiServer;
let scenario: Scenario;
let token: string;
before(async () => {
  // Bob may do everything at node-2, and nothing at the others.
  api = await startApiServer({
    decide: (spec) => ({
      allowed:
        'resourceAttributes' in spec && spec.user === 'bob' && spec.resourceAttributes.name === 'node-2',
    }),
  });
  scenario = await startScenario({
    files: { 'kubeconfig-sar.yaml': api.kubeconfig },
    configure: (yaml) =>
      yaml
        .replace('mode: RBAC', 'mode: SubjectAccessReview')
        .replace(/rbac: .*/, 'subjectAccessReview: { kubeconfigFile: kubeconfig-sar.yaml }'),
  });
  token = await scenario.environment.issueToken('bob');
});
after(() => closeAll(scenario, api));

const seen = (node: string): number => scenario.environment.kubelets.get(node)?.requests.length ?? NaN;

describe('a right at one node', () => {
  it('is none at another, over one connection and from a warm cache', async () => {
    const client = await RawClient.open(scenario);
    for (let round = 0; round < 3; round += 1) {
      for (const [node, code] of [
        ['node-2', 200],
        ['node-1', 403],
        ['node-3', 403],
        ['node-2', 200],
      ] as const) {
        client.send(head('GET', `/nodes/${node}/metrics`, bearer(token)));
        assert.equal((await client.readAnswer()).code, code, node);
      }
    }
    client.destroy();
    assert.deepEqual([seen('node-1'), seen('node-3')], [0, 0]);
    assert.ok(seen('node-2') >= 6);
  });

  it('is none at another when two hundred are asked about at once', async () => {
    const asked = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const node = index % 2 === 0 ? 'node-2' : 'node-1';
        return { node, ...(await ask(scenario, head('GET', `/nodes/${node}/healthz`, bearer(token)))) };
      }),
    );
    for (const { node, code } of asked) assert.equal(code, node === 'node-2' ? 200 : 403);
    assert.equal(seen('node-1'), 0);
  });

  it('is none at another by a path that names both', async () => {
    for (const target of [
      '/nodes/node-2/../node-1/metrics',
      '/nodes/node-2/..%2fnode-1/metrics',
      '/nodes/node-2%00/metrics',
      '//nodes/node-1/metrics',
      '/nodes/node-2/api/v1/nodes/node-1/proxy/metrics',
      '/api/v1/nodes/node-1/proxy/nodes/node-2/metrics',
      'https://node-1/nodes/node-1/metrics',
      '/nodes/node-1/metrics?node=node-2',
    ]) {
      const { code } = await ask(scenario, head('GET', target, bearer(token)));
      assert.ok([400, 403, 404].includes(code), `${target}: ${code}`);
    }
    // A name that the Host header says is nobody's business.
    const { code } = await ask(
      scenario,
      head('GET', '/nodes/node-1/metrics', bearer(token)).replace(/^host: .*$/im, 'Host: node-2'),
    );
    assert.equal(code, 403);
    assert.equal(seen('node-1'), 0);
  });

  it('is none at another for an upgrade either', async () => {
    const path = (node: string): string => `/nodes/${node}/exec/default/shell/shell?command=true&output=1`;
    const client = await RawClient.open(scenario);
    client.send(head('POST', path('node-1'), bearer(token), ...SPDY));
    assert.equal((await client.readHead()).code, 403);
    client.destroy();
    const allowed = await RawClient.open(scenario);
    allowed.send(head('POST', path('node-2'), bearer(token), ...SPDY));
    assert.equal((await allowed.readHead()).code, 101);
    allowed.destroy();
    assert.equal(seen('node-1'), 0);
  });
});

describe('an API server', () => {
  it('is asked about the very node, and not for every request', () => {
    const names = api.requests.flatMap((spec) =>
      'resourceAttributes' in spec
        ? [
            `${spec.resourceAttributes.verb} ${spec.resourceAttributes.subresource} ${spec.resourceAttributes.name}`,
          ]
        : [],
    );
    for (const node of ['node-1', 'node-2', 'node-3']) assert.ok(names.includes(`get metrics ${node}`), node);
    // Six requests. The first hearing of all rights empties the cache, and once more some seconds later.
    const reviews = names.filter((name) => name === 'get metrics node-2').length;
    assert.ok(reviews <= 3, `${reviews} reviews: the cache is by node`);
  });
});
