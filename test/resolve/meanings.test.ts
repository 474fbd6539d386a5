// What a target means is found once and holds for all who send it; what a request says beside its target is looked at
// each time.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OPTIONAL_ENDPOINTS } from '../../src/core/configuration.ts';
import { Fault } from '../../src/core/fault.ts';
import type { Resolve } from '../../src/resolve/resolve.ts';
import { createResolve } from '../../src/resolve/resolve.ts';
import { refusal, resolved, SPDY, toIdentified, WEBSOCKET } from './request.ts';

const METRICS = '/nodes/node-1/metrics/cadvisor';

/** Has been asked for it before, so that what it means is kept. */
const createKnowing = (target: string): Resolve => {
  const resolve = createQuiet();
  resolved('GET', target, [], resolve);
  return resolve;
};

const createQuiet = () => createResolve({ endpoints: new Set(), podSubresources: true, version: 'v1.36.2' });

describe('a target that was asked for before', () => {
  it('means the same for everybody, who stay who they are', () => {
    const resolve = createKnowing(METRICS);
    const first = resolved('GET', METRICS, [], resolve);
    const other = {
      ...toIdentified('GET', METRICS),
      auditId: 'another',
      authentication: { ...first.authentication, user: { ...first.authentication.user, name: 'carol' } },
    };
    const second = resolve(other);
    assert('action' in second);
    assert.equal(second.action, first.action);
    assert.equal(second.requirement, first.requirement);
    assert.equal(second.auditId, 'another');
    assert.equal(second.authentication.user.name, 'carol');
    assert.notEqual(resolved('GET', '/nodes/node-2/metrics/cadvisor', [], resolve).node, first.node);
  });

  it('is kept at the second time, and not of those that are asked for once', () => {
    const resolve = createQuiet();
    const [first, second, third] = [1, 2, 3].map(() => resolved('GET', METRICS, [], resolve).action);
    assert.notEqual(first, second);
    assert.equal(second, third);
  });

  it('is found among more than are kept', () => {
    const resolve = createQuiet();
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 20_000; i += 1) {
        const { node, action } = resolved('GET', `/nodes/node-${i}/metrics/probes`, [], resolve);
        assert.equal(node, `node-${i}`);
        assert.deepEqual(action, { kind: 'metrics', endpoint: 'probes' });
      }
    }
  });

  it('cannot be changed for the next', () => {
    const target = '/nodes/node-1/stats/container';
    const { action, requirement } = resolved('GET', target, [], createKnowing(target));
    assert.throws(() => Object.assign(action, { kind: 'exec' }), TypeError);
    assert.throws(() => Object.assign(requirement[0], { name: 'node-2' }), TypeError);
  });

  for (const { what, method, headers, reason } of [
    { what: 'with an upgrade', method: 'GET', headers: WEBSOCKET, reason: 'BadRequest' },
    { what: 'by another method', method: 'POST', headers: [], reason: 'MethodNotAllowed' },
    { what: 'with HEAD', method: 'HEAD', headers: [], reason: 'MethodNotAllowed' },
  ]) {
    it(`is refused ${what} as the first time`, () => {
      const resolve = createQuiet();
      const before = refusal(method, METRICS, headers, resolve);
      for (let i = 0; i < 3; i += 1) resolved('GET', METRICS, [], resolve);
      const after = refusal(method, METRICS, headers, resolve);
      assert.deepEqual([after.reason, after.message], [before.reason, before.message]);
      assert.equal(after.reason, reason);
    });
  }

  it('is refused as often as it is asked for where it means nothing', () => {
    const resolve = createQuiet();
    for (const target of ['/nodes/node-1/metrics/../exec', '/nodes/node-1/statusz', '/nodes/node-1/none']) {
      const first = refusal('GET', target, [], resolve);
      assert.equal(refusal('GET', target, [], resolve).message, first.message);
    }
  });

  it('of a session is read anew: what is run, and why, is in more than the target', () => {
    const resolve = createQuiet();
    const target = '/nodes/node-1/exec/default/shell/main?command=ls&output=1';
    const because = (reason: string) =>
      resolved('GET', target, [...WEBSOCKET, 'Kubelet-Gateway-Reason', reason], resolve).reason;
    assert.deepEqual([because('ticket 1'), because('ticket 2')], ['ticket 1', 'ticket 2']);
  });

  const EXEC = '/exec/default/shell/main?command=ls&output=1';
  const TARGETS = [
    ...['/metrics', '/metrics?', '/pods', '/runningpods', '/statusz', EXEC, `${EXEC}&reason=ticket`],
    ...['/logs/', '/logs/?query=kubelet', '/logs/a%20b', '/run/default/shell/main?cmd=ls'],
    '/containerLogs/default/shell/main?tailLines=1&follow=true',
    '/containerLogs/default/shell/main?tailLines=1&tailLines=2',
  ].flatMap((path) => [`/nodes/node-1${path}`, `/api/v1/nodes/node-1/proxy${path}`]);
  const KUBECTL = [
    '/nodes/node-1/api/v1/pods',
    '/nodes/node-1/api/v1/namespaces/default/pods/shell/log?container=main',
    '/nodes/node-1/api/v1/namespaces/default/pods/shell/exec?command=ls&stdout=1',
    '/api/v1/namespaces/default/pods/shell/exec?command=ls&stdout=1',
    '/api/v1/namespaces/default/pods/shell',
  ];
  const TABLE = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const asked = fc.record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST'),
    headers: fc.constantFrom<readonly string[]>(
      ...[[], [], SPDY, WEBSOCKET, ['Upgrade', 'h2c'], ['Accept', TABLE]],
      [...WEBSOCKET, 'Kubelet-Gateway-Reason', 'ticket 7'],
      [...WEBSOCKET, 'Kubelet-Gateway-Reason', 'ticket 8'],
    ),
  });
  const settings = { endpoints: new Set(OPTIONAL_ENDPOINTS), podSubresources: true, version: 'v1.36.2' };
  /** All that was found, or the refusal. */
  const toText = (resolve: Resolve, ...request: Parameters<typeof toIdentified>): string => {
    try {
      const found = resolve(toIdentified(...request)) as unknown as Readonly<Record<string, unknown>>;
      const { action, node, transport, requirement, surface, reason, answer, sought } = found;
      return JSON.stringify({ action, node, transport, requirement, surface, reason, answer, sought });
    } catch (error) {
      assert(error instanceof Fault);
      return `${error.reason} ${error.message}`;
    }
  };

  for (const target of [...TARGETS, ...KUBECTL]) {
    it(`means to who was asked for it before what it means to who was not: ${target}`, () => {
      const fresh = new Map<string, string>();
      const sequence = fc.array(asked, { minLength: 8, maxLength: 16 });
      fc.assert(
        fc.property(sequence, (all) => {
          const knowing = createResolve(settings);
          for (const { method, headers } of all) {
            const key = JSON.stringify([method, headers]);
            const expected = fresh.get(key) ?? toText(createResolve(settings), method, target, headers);
            fresh.set(key, expected);
            assert.equal(toText(knowing, method, target, headers), expected);
          }
        }),
        { numRuns: 10 },
      );
    });
  }
});
