// Who one is, through the whole gateway: expressions over claims, tokens that an API server knows, and nobody at all.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ApiServer } from '../support/api-server.ts';
import { closeAll } from '../support/close-all.ts';
import { startApiServer } from '../support/api-server.ts';
import type { Scenario } from '../support/scenario.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const SCRAPER = 'system:serviceaccount:monitoring:scraper';
const TOKEN = 'an-opaque-token-of-the-scraper';

const BINDING = `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: scrape }
rules:
  - { apiGroups: [""], resources: [nodes/metrics], verbs: [get] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: scrape }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: scrape }
subjects:
  - { kind: ServiceAccount, namespace: monitoring, name: scraper }
`;

const MAPPINGS = `    claimMappings:
      username: { expression: "'person:' + claims.sub" }
      groups: { expression: "claims.?groups.orValue([]).map(g, 'team:' + g)" }
    claimValidationRules:
      - expression: claims.sub.matches('^[a-z]+$')
    userValidationRules:
      - { expression: "user.username != 'person:carol'", message: carol is on leave }
anonymous:
  enabled: true
  conditions:
    - path: /nodes/node-1/version
`;

let api: ApiServer;
let scenario: Scenario;
before(async () => {
  api = await startApiServer({
    decide: () => ({ allowed: false }),
    authenticate: ({ token, audiences }) =>
      token === TOKEN
        ? { authenticated: true, user: { username: SCRAPER, groups: ['system:serviceaccounts'] }, audiences }
        : {},
  });
  scenario = await startScenario({
    files: { 'review.kubeconfig': api.kubeconfig },
    configure: (yaml) =>
      yaml.replace(
        'authentication:\n',
        'authentication:\n  tokenReview: { kubeconfigFile: review.kubeconfig, audiences: [kubelet-gateway] }\n',
      ),
  });
  const { directory } = scenario.environment;
  const rewrite = async (name: string, change: (text: string) => string): Promise<void> => {
    const file = join(directory, name);
    await writeFile(file, change(await readFile(file, 'utf8')));
  };
  await rewrite('rbac.yaml', (text) => text.replaceAll(/name: bob\b/g, 'name: person:bob') + BINDING);
  await rewrite(
    'authentication.yaml',
    (text) => text.slice(0, text.indexOf('    claimMappings:')) + MAPPINGS,
  );
  scenario.gateway.signal('SIGHUP');
  await eventually('the new configuration', async () =>
    (await get(VERSION)).startsWith('200') ? true : undefined,
  );
});
after(() => closeAll(scenario, api));

/** The code and the body of an answer. */
const get = async (path: string, ...args: readonly string[]): Promise<string> => {
  const { stdout } = await scenario.curl(undefined, path, '-w', '\n%{http_code}', ...args);
  const text = stdout.toString();
  const at = text.lastIndexOf('\n');
  return `${text.slice(at + 1)} ${text.slice(0, at)}`;
};

const as = (token: string): readonly string[] => ['-H', `Authorization: Bearer ${token}`];
const METRICS = '/nodes/node-1/metrics';
const VERSION = '/nodes/node-1/version';

describe('a user that expressions make', () => {
  it('has the rights of the name, and is audited under it', async () => {
    const token = await scenario.environment.issueToken('bob');
    assert.match(await get(METRICS, ...as(token)), /^200 /);
    const event = (await scenario.auditEvents()).find(({ user }) => user.username === 'person:bob');
    assert.ok(
      event?.user.groups?.every((name) => name.startsWith('team:') || name === 'system:authenticated'),
    );
  });

  it('is refused in the words of the rule', async () => {
    const token = await scenario.environment.issueToken('carol');
    assert.match(await get(METRICS, ...as(token)), /^401 [^]*carol is on leave/);
  });
});

describe('a ServiceAccount', () => {
  it('comes in by TokenReview, once for many requests, and does what it may', async () => {
    assert.match(await get(METRICS, ...as(TOKEN)), /^200 /);
    assert.match(await get('/nodes/node-1/pods', ...as(TOKEN)), new RegExp(`^403 [^]*${SCRAPER}`));
    assert.deepEqual(
      api.tokenReviews.filter(({ token }) => token === TOKEN),
      [{ token: TOKEN, audiences: ['kubelet-gateway'] }],
    );
    const event = (await scenario.auditEvents()).find(({ user }) => user.username === SCRAPER);
    assert.ok(event?.annotations && Object.values(event.annotations).includes('tokenReview'));
  });

  it('has a token of another issuer than those that the gateway verifies by itself', async () => {
    const reviews = api.tokenReviews.length;
    const token = await scenario.environment.issueToken('bob');
    const forged = `${token.slice(0, -4)}AAAA`;
    assert.match(await get(METRICS, ...as(forged)), /^401 [^]*signature does not verify/);
    assert.equal(api.tokenReviews.length, reviews);
  });

  it('is refused when the API server does not know the token, or does not answer', async () => {
    assert.match(await get(METRICS, ...as('unknown')), /^401 [^]*does not accept it/);
    api.interrupt({ kind: 'status', code: 403 });
    assert.match(await get(METRICS, ...as('another')), /^503 [^]*could not be checked/);
    assert.doesNotMatch(await scenario.gatewayLog(), /an-opaque-token|another/);
  });
});

describe('nobody', () => {
  it('is anonymous where that is configured, and refused everywhere else', async () => {
    assert.match(await get(VERSION), /^200 /);
    for (const path of [
      '/version',
      '/nodes/node-2/version',
      '/nodes/node-1/version/',
      '/nodes//node-1/version',
      METRICS,
    ])
      assert.match(await get(path), /^40[014] /, path);
    assert.match(await get(VERSION, ...as('unknown')), /^401 /);
    const event = (await scenario.auditEvents()).find(({ user }) => user.username === 'system:anonymous');
    assert.deepEqual(event?.user.groups, ['system:unauthenticated']);
  });
});
