// What a target means is found once and holds for all who send it; what a request says beside its target is looked at
// each time.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Resolve } from '../../src/resolve/resolve.ts';
import { createResolve } from '../../src/resolve/resolve.ts';
import { refusal, resolved, toIdentified, WEBSOCKET } from './request.ts';

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
});
