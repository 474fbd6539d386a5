// The discovery documents: what is offered, in the form that the client asked for.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import type { DiscoveryPath } from '../../src/kubectl/discovery.ts';
import { toDiscovery } from '../../src/kubectl/discovery.ts';

/** What kubectl 1.36 sends for /api and /apis. */
const KUBECTL =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const VERSION = { groupVersion: 'metrics.k8s.io/v1beta1', version: 'v1beta1' };
const METRICS = { name: 'metrics.k8s.io', versions: [VERSION], preferredVersion: VERSION };

const read = (path: DiscoveryPath, ...accept: string[]): [contentType: string, document: unknown] => {
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
                { resource: 'nodes', scope: 'Cluster', verbs: ['get', 'list'] },
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
      assert.deepEqual(read('/apis', ...lines), [
        'application/json',
        { kind: 'APIGroupList', apiVersion: 'v1', groups: [METRICS] },
      ]);
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
        { name: 'pods' },
        { name: 'pods/attach' },
        { name: 'pods/exec' },
        { name: 'pods/log' },
        { name: 'pods/portforward' },
      ],
    });
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
