// S29 and S37: one user's decision, or one credential's connection, serves another. Many users at once ask the same nodes
// for the same things over connections that are kept alive: every answer is that of the asker's own rights, for that
// node, and every request arrives under the credential that its mapping names.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RBAC } from '../../demo/manifests.ts';
import type { DemoUser } from '../../demo/environment.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, ask, bearer, head } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';

/** bob may read the configuration of one node alone. */
const ONE_NODE = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: configz-of-node-1 }
rules:
  - { apiGroups: [""], resources: ["nodes/configz"], resourceNames: ["node-1"], verbs: ["get"] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: bob-reads-configz-of-node-1 }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: configz-of-node-1 }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: bob }]
`;

const ROWS: readonly (readonly [user: DemoUser, path: string, code: number, credential: string])[] = [
  ['alice', '/nodes/node-1/configz', 200, 'operator'],
  ['alice', '/nodes/node-2/configz', 200, 'operator'],
  ['bob', '/nodes/node-1/configz', 200, 'operator'],
  ['bob', '/nodes/node-2/configz', 403, ''],
  ['carol', '/nodes/node-2/configz', 200, 'operator'],
  ['alice', '/nodes/node-1/metrics', 200, 'reader'],
  ['bob', '/nodes/node-2/metrics', 200, 'reader'],
  ['carol', '/nodes/node-2/metrics', 403, ''],
  ['bob', '/nodes/node-1/pods', 200, 'reader'],
  ['bob', '/nodes/node-1/logs/', 403, ''],
  ['alice', '/nodes/node-1/logs/', 200, 'reader'],
];

let scenario: Scenario;
let tokens: Readonly<Record<DemoUser, string>>;
before(async () => {
  scenario = await startScenario({ files: { 'rbac.yaml': RBAC + ONE_NODE } });
  const { environment } = scenario;
  const [alice, bob, carol] = await Promise.all(
    (['alice', 'bob', 'carol'] as const).map((user) => environment.issueToken(user)),
  );
  tokens = { alice: alice ?? '', bob: bob ?? '', carol: carol ?? '' };
});
after(() => closeAll(scenario));

const request = (user: DemoUser, path: string, mark: string): string =>
  head('GET', path, bearer(tokens[user]), `X-Mark: ${mark}`);

describe('users who ask at the same time', () => {
  it('get their own rights, on connections of their own and on one that they share', async () => {
    const shared = await RawClient.open(scenario);
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(
        ROWS.map(([user, path]) => ask(scenario, request(user, path, 'own'))),
      );
      for (const [i, [user, path, code]] of ROWS.entries()) {
        const got = answers[i];
        assert.ok(got !== undefined);
        assert.equal(got.code, code, `${user} ${path}`);
        if (code === 403) assert.match(got.body, new RegExp(`User \\\\"${user}\\\\"`));
        if (code === 200 && path.endsWith('/configz')) assert.match(got.body, /kubeletconfig/);
      }
      shared.send(ROWS.map(([user, path]) => request(user, path, 'shared')).join(''));
      for (const [user, path, code] of ROWS) {
        assert.equal((await shared.readAnswer()).code, code, `${user} ${path}`);
      }
    }
    shared.destroy();
  });

  it('are each told of in the audit log as who they are, with what they asked for by which program', async () => {
    const pair = await scenario.environment.issueClientCertificate('bob', []);
    const certificate = { cert: pair.certificate, key: pair.key };
    const [shared, byCertificate] = await Promise.all([
      RawClient.open(scenario),
      RawClient.open(scenario, certificate),
    ]);
    const asked: { id: string; user: string; path: string; program: string; method: string }[] = [];
    // What is asked for often is what is remembered of the one before.
    for (const program of ['Prometheus/3', 'curl/8', 'Prometheus/3', 'curl/8']) {
      const agent = `User-Agent: ${program}`;
      for (const method of ['jwt', 'x509', 'jwt']) {
        for (const [user, path] of ROWS) {
          const client = method === 'jwt' ? shared : byCertificate;
          client.send(head('GET', path, agent, ...(method === 'jwt' ? [bearer(tokens[user])] : [])));
          const id = (await client.readAnswer()).headers.get('audit-id') ?? '';
          asked.push({ id, user: method === 'jwt' ? user : 'bob', path, program, method });
        }
      }
    }
    shared.destroy();
    byCertificate.destroy();
    // The last event of an answer is written a moment after it.
    const ids = new Set(asked.map(({ id }) => id));
    assert.equal(ids.size, asked.length);
    const events = await eventually('two events of each', async () => {
      const found = (await scenario.auditEvents()).filter(({ auditID }) => ids.has(auditID));
      return found.length < 2 * ids.size ? undefined : found;
    });
    const byId = Map.groupBy(events, ({ auditID }) => auditID);
    for (const { id, user, path, program, method } of asked) {
      const node = path.split('/')[2];
      for (const { user: told, userAgent, requestURI, objectRef, annotations = {} } of byId.get(id) ?? []) {
        assert.deepEqual(
          [told.username, userAgent, requestURI, objectRef?.name],
          [user, program, path, node],
        );
        assert.equal(annotations['kubelet-gateway.io/authenticated-by'], method);
        assert.equal(annotations['kubelet-gateway.io/node'], node);
      }
    }
  });

  it('reach their nodes under the credential of the mapping, and never under another', () => {
    for (const node of ['node-1', 'node-2']) {
      const requests = scenario.environment.kubelets.get(node)?.requests ?? [];
      assert.ok(requests.length > 20);
      for (const { target, user, status } of requests) {
        const [, , , credential] =
          ROWS.find(([, path, code]) => path === `/nodes/${node}${target}` && code === 200) ?? [];
        assert.equal(user?.name, `gateway-${credential ?? 'nobody'}:${node}`, target);
        assert.equal(status, 200, target);
      }
    }
  });

  it('with names that run together are still told apart', async () => {
    // A user named like another one with a group, and the reverse: no key of a cache may join them.
    for (const [name, groups] of [
      ['alice,sre', []],
      ['alice\u0000', []],
      ['alic', ['e']],
      ['bob', ['alice']],
      ['"alice"', ['sre']],
    ] as const) {
      const pair = await scenario.environment.issueClientCertificate(name, groups);
      const options = { cert: pair.certificate, key: pair.key };
      const got = await ask(scenario, head('GET', '/nodes/node-2/configz'), options);
      assert.ok([400, 401, 403].includes(got.code), `${name}: ${got.code}`);
    }
    const alice = await ask(scenario, request('alice', '/nodes/node-2/configz', 'own'));
    assert.equal(alice.code, 200);
  });
});
