// The discovery documents: what is offered, in the form that the client asked for.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { DISCOVERY_PATHS, toDiscovery } from '../../src/kubectl/discovery.ts';

/** What kubectl 1.36 sends for /api and /apis. */
const KUBECTL =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const VERSION = { groupVersion: 'metrics.k8s.io/v1beta1', version: 'v1beta1' };
const METRICS = { name: 'metrics.k8s.io', versions: [VERSION], preferredVersion: VERSION };
const GROUP_NAMES = ['authorization.k8s.io', 'authentication.k8s.io', 'metrics.k8s.io'];

const read = (path: string, ...accept: string[]): [contentType: string, document: unknown] => {
  const { contentType, body } = toDiscovery(path, accept, 'v1.36.2');
  const document: unknown = JSON.parse(body);
  return [contentType, document];
};

describe('discovery', () => {
  it('answers kubectl in the aggregated form, with its exact content type', () => {
    const [contentType, document] = read('/api', KUBECTL);
    assert.equal(contentType, AGGREGATED);
    assert.partialDeepStrictEqual(document, {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      items: [
        {
          metadata: {},
          versions: [
            {
              version: 'v1',
              freshness: 'Current',
              resources: [
                {
                  resource: 'nodes',
                  scope: 'Cluster',
                  verbs: ['get', 'list'],
                  subresources: [{ subresource: 'proxy' }],
                },
                {
                  resource: 'pods',
                  scope: 'Namespaced',
                  verbs: ['get', 'list'],
                  subresources: [
                    { subresource: 'attach' },
                    { subresource: 'exec' },
                    { subresource: 'log' },
                    { subresource: 'portforward' },
                  ],
                },
              ],
            },
          ],
        },
      ],
    });
    const [type, groups] = read('/apis', KUBECTL);
    assert.equal(type, AGGREGATED);
    assert.partialDeepStrictEqual(groups, {
      items: [
        {
          metadata: { name: 'authorization.k8s.io' },
          versions: [
            {
              version: 'v1',
              resources: [
                {
                  resource: 'selfsubjectaccessreviews',
                  responseKind: { group: 'authorization.k8s.io', kind: 'SelfSubjectAccessReview' },
                  verbs: ['create'],
                },
                { resource: 'selfsubjectrulesreviews' },
              ],
            },
          ],
        },
        { metadata: { name: 'authentication.k8s.io' } },
        {
          metadata: { name: 'metrics.k8s.io' },
          versions: [
            {
              version: 'v1beta1',
              resources: [
                { resource: 'nodes', responseKind: { group: 'metrics.k8s.io', kind: 'NodeMetrics' } },
                { resource: 'pods', scope: 'Namespaced' },
              ],
            },
          ],
        },
      ],
    });
  });

  for (const accept of ['application/json', '*/*', 'application/json, */*', undefined]) {
    it(`answers ${accept ?? 'no Accept'} in the plain form`, () => {
      const lines = accept === undefined ? [] : [accept];
      assert.deepEqual(read('/api', ...lines), [
        'application/json',
        { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] },
      ]);
      const [contentType, groups] = read('/apis', ...lines);
      assert.equal(contentType, 'application/json');
      assert.partialDeepStrictEqual(groups, { kind: 'APIGroupList', apiVersion: 'v1', groups: [METRICS] });
      assert.deepEqual(
        (groups as { groups: { name: string }[] }).groups.map(({ name }) => name),
        GROUP_NAMES,
      );
    });
  }

  it('lists the resources of v1, whatever form is asked for', () => {
    const [contentType, document] = read('/api/v1', KUBECTL);
    assert.equal(contentType, 'application/json');
    assert.partialDeepStrictEqual(document, {
      kind: 'APIResourceList',
      groupVersion: 'v1',
      resources: [
        { name: 'nodes' },
        { name: 'nodes/proxy', namespaced: false },
        { name: 'pods' },
        { name: 'pods/attach' },
        { name: 'pods/exec', namespaced: true, kind: 'PodExecOptions' },
        { name: 'pods/log' },
        { name: 'pods/portforward' },
      ],
    });
  });

  it('is complete: each group that is listed has its own documents, and there is nothing else', () => {
    const ofGroups = GROUP_NAMES.flatMap((name) => {
      const { preferredVersion } = read(`/apis/${name}`)[1] as { preferredVersion: { version: string } };
      return [`/apis/${name}`, `/apis/${name}/${preferredVersion.version}`];
    });
    assert.deepEqual(
      [...DISCOVERY_PATHS].sort(),
      ['/version', '/api', '/api/v1', '/apis', ...ofGroups].sort(),
    );
    for (const path of DISCOVERY_PATHS) assert.doesNotThrow(() => read(path, KUBECTL));
    assert.throws(() => toDiscovery('/apis/apps', [], 'v1'), /there is no discovery at/);
  });

  it('lists what is measured', () => {
    assert.partialDeepStrictEqual(read('/apis/metrics.k8s.io')[1], { kind: 'APIGroup', ...METRICS });
    assert.partialDeepStrictEqual(read('/apis/metrics.k8s.io/v1beta1')[1], {
      groupVersion: 'metrics.k8s.io/v1beta1',
      resources: [
        { name: 'nodes', namespaced: false, kind: 'NodeMetrics' },
        { name: 'pods', namespaced: true, kind: 'PodMetrics' },
      ],
    });
  });

  it('says which version it speaks', () => {
    assert.partialDeepStrictEqual(read('/version')[1], { major: '1', minor: '36', gitVersion: 'v1.36.2' });
    assert.match(toDiscovery('/version', [], 'odd').body, /"major":"","minor":"","gitVersion":"odd"/);
  });

  for (const accept of ['application/vnd.kubernetes.protobuf', 'text/html', 'application/json;q=0']) {
    it(`refuses Accept: ${accept}`, () => {
      assert.throws(
        () => toDiscovery('/api', [accept], 'v1.36.2'),
        (error) => error instanceof Fault && error.code === 406,
      );
    });
  }
});
