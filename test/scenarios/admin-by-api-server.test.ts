// The admin listener in a cluster: the API server decides by SubjectAccessReviews who may look at recordings and delete
// them, by roles that are ordinary objects there; and what is deleted so is in the chain of the audit log.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { DemoUser } from '../../demo/environment.ts';
import { createVerifier } from '../../src/chain/jws.ts';
import { createDirectorySource } from '../../src/chain/verify/recorded.ts';
import { keySet, signingKey, verifyLog } from '../observe/audit/chain/support.ts';
import type { KubeObject } from '../support/api-resources.ts';
import { closeAll } from '../support/close-all.ts';
import { startCluster } from '../support/cluster.ts';
import type { Scenario } from '../support/scenario.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const API = '/apis/kubelet-gateway.io/v1alpha1';
const ROLES = fileURLToPath(new URL('../../config/rbac-admin.yaml', import.meta.url));

let cluster: Awaited<ReturnType<typeof startCluster>>;
let scenario: Scenario;

/** The demo's configuration with the cluster's decisions, an admin listener with TLS, a signed chain and recordings. */
function configure(yaml: string): string {
  const configuration = parse(yaml) as Record<string, unknown> & { admin: object; audit: object };
  return stringify({
    ...configuration,
    authorization: {
      mode: 'SubjectAccessReview',
      podSubresources: 'enabled',
      subjectAccessReview: { kubeconfigFile: 'cluster.yaml', timeout: '2s' },
    },
    admin: {
      ...configuration.admin,
      tls: { certificateFile: 'pki/gateway.crt', privateKeyFile: 'pki/gateway.key' },
    },
    audit: { ...configuration.audit, chain: { signingKeyFile: 'audit-key.pem' } },
    recording: { directory: 'recordings', segment: { maxAge: '200ms' }, rules: [{ mode: 'required' }] },
  });
}

const binding = (user: string, role: string): KubeObject => ({
  metadata: { name: `${user}-${role}` },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
});

async function createRoles(manifests: string): Promise<void> {
  for (const document of parseAllDocuments(manifests)) {
    const object = document.toJS() as KubeObject & { readonly kind: string };
    if (object.kind === 'ClusterRole') await cluster.create('clusterroles', object);
    if (object.kind === 'ClusterRoleBinding') await cluster.create('clusterrolebindings', object);
  }
}

before(async () => {
  cluster = await startCluster();
  await createRoles(await readFile(ROLES, 'utf8'));
  scenario = await startScenario({
    configure,
    files: { 'cluster.yaml': cluster.kubeconfig, 'audit-key.pem': signingKey.privateKey },
  });
  await createRoles(await readFile(join(scenario.environment.directory, 'rbac.yaml'), 'utf8'));
});
after(() => closeAll(scenario, { close: () => cluster.api.close() }));

async function ask(
  user: DemoUser,
  method: string,
  path: string,
): Promise<{ readonly code: number; readonly body: string }> {
  const { environment } = scenario;
  const { adminPort: port, certificateAuthority: ca } = environment;
  const headers = { authorization: `Bearer ${await environment.issueToken(user)}` };
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, method, path, agent: false, ca, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

const becomes = (code: number, user: DemoUser, method: string, path: string): Promise<string> =>
  eventually(`${code} for ${user}: ${method} ${path}`, async () => {
    const answer = await ask(user, method, path);
    return answer.code === code ? answer.body : undefined;
  });

describe('the admin listener of a gateway in a cluster', () => {
  it('asks the API server about virtual resources, and lets nobody in without a role', async () => {
    assert.equal((await ask('bob', 'GET', `${API}/recordings`)).code, 403);
    const asked = cluster.api.requests.map((spec) =>
      'resourceAttributes' in spec ? { user: spec.user, ...spec.resourceAttributes } : undefined,
    );
    const about = asked.find((spec) => spec?.group === 'kubelet-gateway.io');
    assert.deepEqual([about?.user, about?.verb, about?.resource, about?.name, about?.namespace], [
      'bob',
      'list',
      'recordings',
      '',
      '',
    ]); // prettier-ignore
  });

  it('lets in by a binding, for what its role says, until it is taken away; each deletion is in the chain', async () => {
    const exec = await eventually('the rights of alice', async () => {
      const done = await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'recorded']);
      return done.code === 0 ? done : undefined;
    });
    assert.equal(exec.stdout.toString(), 'recorded\n');
    await cluster.create('clusterrolebindings', binding('bob', 'kubelet-gateway-recording-admin'));
    const body = await becomes(200, 'bob', 'GET', `${API}/recordings`);
    const { items } = JSON.parse(body) as { items: { metadata: { name: string } }[] };
    const path = `${API}/recordings/${items[0]?.metadata.name ?? ''}`;
    for (const other of [`${API}/sessions`, `${API}/audits`]) {
      assert.equal((await ask('bob', 'GET', other)).code, 403, other);
    }
    for (const user of ['alice', 'carol'] as const) {
      assert.equal((await ask(user, 'GET', path)).code, 403);
      assert.equal((await ask(user, 'DELETE', path)).code, 403);
    }
    await becomes(200, 'bob', 'DELETE', path);
    const mark = await eventually('the deletion in the audit log', async () =>
      (await scenario.auditEvents()).find(({ annotations = {} }) =>
        annotations['chain.kubelet-gateway.io/recording']?.startsWith('deleted '),
      ),
    );
    assert.equal(mark.annotations?.['chain.kubelet-gateway.io/why'], 'deleted by bob');
    assert.equal(`${API}/recordings/${mark.objectRef?.name ?? ''}`, path);

    await cluster.remove('clusterrolebindings', 'bob-kubelet-gateway-recording-admin');
    await becomes(403, 'bob', 'GET', `${API}/recordings`);
    scenario.gateway.signal('SIGTERM');
    await scenario.gateway.ended;
    const { directory } = scenario.environment;
    const report = await verifyLog({
      log: join(directory, 'audit.log'),
      verify: await createVerifier([keySet]),
      recordings: createDirectorySource(join(directory, 'recordings')),
    });
    assert.deepEqual(report.findings, []);
    assert.equal(report.outcome, 'proven');
    assert.equal(report.recordings?.pruned, 1);
  });
});
