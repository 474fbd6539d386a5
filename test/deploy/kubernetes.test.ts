// deploy/kubernetes: valid by the types of Kubernetes' client, confined as the Pod Security Standard "restricted" wants it,
// with parts that fit each other, no right too many, and a configuration that the gateway accepts.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type {
  V1ClusterRole,
  V1Deployment,
  V1Namespace,
  V1NetworkPolicy,
  V1PodDisruptionBudget,
  V1PolicyRule,
  V1Service,
} from '@kubernetes/client-node';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfiguration } from '../../src/config/load.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { problemsOf, toFiles } from '../config/set-up.ts';
import { createAuthority } from '../support/pki.ts';
import { problemsOfManifest } from './kubernetes-types.ts';

const folder = fileURLToPath(new URL('../../deploy/kubernetes/', import.meta.url));
const NOT_MANIFESTS = ['kustomization.yaml', 'gateway.yaml', 'authentication.yaml'];

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const readManifests = async (file: string): Promise<readonly Manifest[]> =>
  parseAllDocuments(await readFile(join(folder, file), 'utf8')).map(
    (document) => document.toJS() as Manifest,
  );

const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
const manifests = (
  await Promise.all(files.filter((name) => !NOT_MANIFESTS.includes(name)).map(readManifests))
).flat();

/** The one of this kind. */
function only(kind: string, name = 'kubelet-gateway'): unknown {
  const found = manifests.filter((one) => one.kind === kind && one.metadata.name === name);
  assert.equal(found.length, 1, kind);
  return found[0];
}
// What they are said to be here is what the first test checks.
const deployment = only('Deployment') as V1Deployment;
const pod = deployment.spec?.template.spec;
const container = pod?.containers[0];

describe('the manifests', () => {
  for (const manifest of manifests) {
    it(`${manifest.kind} ${manifest.metadata.name} is what the API knows`, () => {
      assert.deepEqual(problemsOfManifest(manifest, `V1${manifest.kind}`), []);
    });
  }

  it('are all in the kustomization, and kubectl renders it', async () => {
    const { resources } = parse(await readFile(join(folder, 'kustomization.yaml'), 'utf8')) as {
      resources: readonly string[];
    };
    assert.deepEqual([...resources].sort(), files.filter((name) => !NOT_MANIFESTS.includes(name)).sort());
    const { status, stdout, stderr } = spawnSync(kubectlPath(), ['kustomize', folder], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const rendered = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
    assert.equal(rendered.length, manifests.length + 1);
    for (const one of rendered) assert.deepEqual(problemsOfManifest(one, `V1${one.kind}`), []);
  });

  it('would be refused with a key that is misspelt', () => {
    const spoilt = structuredClone(deployment) as unknown as { spec: Record<string, unknown> };
    spoilt.spec['replica'] = 2;
    assert.deepEqual(problemsOfManifest(spoilt, 'V1Deployment'), ['V1Deployment.spec.replica: unknown key']);
  });
});

describe('the pod', () => {
  it('is what the Pod Security Standard "restricted" allows, which its namespace enforces', () => {
    const labels = (only('Namespace') as V1Namespace).metadata?.labels;
    assert.equal(labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
    assert.equal(pod?.securityContext?.runAsNonRoot, true);
    assert.equal(pod.securityContext.seccompProfile?.type, 'RuntimeDefault');
    const confined = container?.securityContext;
    assert.equal(confined?.allowPrivilegeEscalation, false);
    assert.equal(confined.readOnlyRootFilesystem, true);
    assert.deepEqual(confined.capabilities, { drop: ['ALL'] });
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC'] as const) assert.equal(pod[key], undefined);
    for (const volume of pod.volumes ?? []) assert.equal(volume.hostPath, undefined);
    for (const mount of container?.volumeMounts ?? []) assert.equal(mount.readOnly, true);
  });

  it('has probes of all three kinds at paths that are served, and limits', () => {
    for (const [probe, path] of [
      ['startupProbe', '/livez'],
      ['livenessProbe', '/livez'],
      ['readinessProbe', '/readyz'],
    ] as const) {
      assert.deepEqual(container?.[probe]?.httpGet, { path, port: 'admin', scheme: 'HTTPS' });
    }
    assert.ok(container?.resources?.requests?.['memory'] !== undefined);
    assert.ok(container.resources.limits?.['memory'] !== undefined);
  });

  it('is what the Service, the budget and the network policy select', () => {
    const labels = deployment.spec?.template.metadata?.labels;
    assert.deepEqual(deployment.spec?.selector.matchLabels, labels);
    const service = (only('Service') as V1Service).spec;
    assert.deepEqual(service?.selector, labels);
    const named = container?.ports?.map(({ name }) => name);
    for (const { targetPort } of service?.ports ?? []) assert.ok(named?.includes(String(targetPort)));
    assert.deepEqual(
      (only('PodDisruptionBudget') as V1PodDisruptionBudget).spec?.selector?.matchLabels,
      labels,
    );
    const policy = (only('NetworkPolicy') as V1NetworkPolicy).spec;
    assert.deepEqual(policy?.podSelector?.matchLabels, labels);
    assert.deepEqual((only('NetworkPolicy', 'default-deny') as V1NetworkPolicy).spec?.podSelector, {});
    assert.equal(pod?.serviceAccountName, (only('ServiceAccount') as Manifest).metadata.name);
  });
});

describe('the rights of the ServiceAccount', () => {
  const { rules = [] } = only('ClusterRole') as V1ClusterRole;

  it('read, and ask about others, and do nothing else', () => {
    for (const { apiGroups = [], resources = [], verbs, nonResourceURLs } of rules) {
      assert.equal(nonResourceURLs, undefined);
      const asks = resources.every((name) => ['subjectaccessreviews', 'tokenreviews'].includes(name));
      const allowed = asks ? ['create'] : ['get', 'list', 'watch'];
      for (const verb of verbs) assert.ok(allowed.includes(verb), `${verb} ${resources.join()}`);
      for (const word of [...apiGroups, ...resources]) assert.ok(!word.includes('*'));
      for (const name of resources) assert.ok(!/secret|\//.test(name), name);
      // One pod at a time, to learn its node; none are listed, and nothing is done to them.
      if (resources.includes('pods'))
        assert.deepEqual({ resources, verbs }, { resources: ['pods'], verbs: ['get'] });
    }
  });

  it('are among those that config/rbac-gateway.yaml explains', async () => {
    const text = await readFile(join(folder, '../../config/rbac-gateway.yaml'), 'utf8');
    const explained = parseAllDocuments(text)
      .map((document) => document.toJS() as V1ClusterRole)
      .flatMap((role): readonly V1PolicyRule[] => role.rules ?? []);
    for (const rule of rules)
      assert.ok(explained.some((one) => JSON.stringify(one) === JSON.stringify(rule)));
  });
});

describe('the configuration', () => {
  it('is valid where the Deployment mounts it', async () => {
    const authority = await createAuthority('test authority');
    const pair = await authority.issue({
      commonName: 'gateway',
      dnsNames: ['gateway.example.org'],
      notAfter: new Date(Date.now() + 90 * 86_400_000),
    });
    const at = '/etc/kubelet-gateway';
    const account = '/var/run/secrets/kubernetes.io/serviceaccount';
    const contents = new Map([
      [`${at}/tls/tls.crt`, pair.certificate],
      [`${at}/tls/tls.key`, pair.key],
      [`${at}/kubelet/ca.crt`, authority.certificate],
      ...['reader', 'operator'].flatMap((name): [string, string][] => [
        [`${at}/kubelet/${name}.crt`, pair.certificate],
        [`${at}/kubelet/${name}.key`, pair.key],
      ]),
      [`${account}/ca.crt`, authority.certificate],
      [`${account}/token`, 'a-token'],
      [`${account}/namespace`, 'kubelet-gateway'],
      ...(await Promise.all(
        ['gateway.yaml', 'authentication.yaml'].map(async (name): Promise<[string, string]> => [
          `${at}/config/${name}`,
          await readFile(join(folder, name), 'utf8'),
        ]),
      )),
    ]);
    const mounts = container?.volumeMounts?.map(({ mountPath }) => mountPath);
    assert.deepEqual(mounts, [`${at}/config`, `${at}/tls`, `${at}/kubelet`]);
    const main = container?.args?.at(-1) ?? '';
    const result = await loadConfiguration(main, {
      variables: { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' },
      files: toFiles(contents),
    });
    assert.deepEqual(problemsOf(result), []);
    assert.deepEqual(result.warnings, []);
    assert.ok(result.ok);
    const graceSeconds = result.configuration.shutdown.graceMs / 1000;
    assert.ok(graceSeconds < (pod?.terminationGracePeriodSeconds ?? 0));
  });
});
