// What `top pod` answers with many nodes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeEntry } from '../../src/core/node.ts';
import type { Usage } from '../../src/kubectl/usage/view.ts';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import { answerPodUsage } from '../../src/fleet/usage-answer.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { containerName, createResolved, namespaceName, nodeName, podName } from '../support/resolved.ts';

function ask(nodes: number, containers: number, namespace?: string) {
  const entries = Array.from({ length: nodes }, (_, index): NodeEntry => ({
    name: nodeName(`n${index}`),
    address: '127.0.0.1',
    port: 1,
    fingerprint: 'f',
    serverName: 'n',
    certificateAuthority: '',
  }));
  const usages = Array.from({ length: containers }, (_, index): Usage => ({
    of: {
      namespace: namespaceName(index === 0 ? 'one' : 'many'),
      pod: podName(`p${index}`),
      container: containerName('c'),
    },
    nanoCores: 1,
    memoryBytes: 1,
    at: 0,
    windowMs: 1_000,
  }));
  return answerPodUsage(
    {
      clock: createFakeClock(),
      inventory: () => ({ get: () => undefined, list: () => entries }),
      authorize: createAuthorize({ authorizer: () => ({ kind: 'allow', reason: 'test' }) }),
      admit: () => undefined,
      toRequirement: () => createResolved().requirement,
      pods: () => Promise.reject(new Error('not asked for')),
      usage: () => Promise.resolve(usages),
    },
    createResolved(),
    {
      kind: 'podMetrics',
      labelSelector: [],
      fieldSelector: [],
      ...(namespace === undefined ? {} : { namespace: namespaceName(namespace) }),
    },
  );
}

describe('top pod', () => {
  it('is refused in words above 100,000 containers', async () => {
    await assert.rejects(ask(21, 5_000), { reason: 'BadRequest', message: /more than 100000 containers/ });
  });

  it('of a namespace shows nothing of another', async () => {
    const { body } = await ask(3, 5_000, 'one');
    const { items } = JSON.parse(body) as { items: { metadata: { namespace: string } }[] };
    assert.deepEqual(items.map(({ metadata }) => metadata.namespace), ['one', 'one', 'one']); // prettier-ignore
  });
});
