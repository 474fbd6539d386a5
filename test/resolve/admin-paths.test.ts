// The paths of the admin listener: what each means and requires, and what is refused.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPath } from '../../src/core/attributes.ts';
import { Fault } from '../../src/core/fault.ts';
import { OPERATION_KINDS } from '../../src/core/operation.ts';
import { createAdminResolve } from '../../src/resolve/admin-resolve.ts';
import { SPDY, toIdentified } from './request.ts';

const resolve = createAdminResolve({ version: 'v1.2.3' });
const API = '/apis/kubelet-gateway.io/v1alpha1';
const ID = '5d5b9a3e-0c4e-4f77-9a11-0d5c6f0f7a01';

const found = (method: string, target: string, headers: readonly string[] = []) => {
  const outcome = resolve(toIdentified(method, target, headers));
  assert.ok('operation' in outcome, 'it is answered to anybody');
  return outcome;
};

const refusal = (method: string, target: string, headers: readonly string[] = []): Fault => {
  try {
    resolve(toIdentified(method, target, headers));
  } catch (error) {
    assert.ok(error instanceof Fault);
    return error;
  }
  return assert.fail(`${method} ${target} is not refused`);
};

const ROWS: readonly (readonly [method: string, target: string, kind: string, right: string])[] = [
  ['GET', `${API}/sessions`, 'listSessions', 'list sessions '],
  ['GET', `${API}/sessions/${ID}`, 'getSession', `get sessions ${ID}`],
  ['GET', `${API}/sessions/${ID}/follow`, 'followSession', `watch sessions ${ID}`],
  ['DELETE', `${API}/sessions/${ID}`, 'endSession', `delete sessions ${ID}`],
  ['GET', `${API}/recordings`, 'listRecordings', 'list recordings '],
  ['GET', `${API}/recordings/${ID}`, 'getRecording', `get recordings ${ID}`],
  ['GET', `${API}/recordings/${ID}/cast`, 'readRecording', `get recordings ${ID}`],
  ['DELETE', `${API}/recordings/${ID}`, 'deleteRecording', `delete recordings ${ID}`],
  ['GET', `${API}/audits`, 'readAudit', 'get audits '],
  ['DELETE', `${API}/caches/sar`, 'flushCache', 'delete caches sar'],
  ['DELETE', `${API}/caches/tokens`, 'flushCache', 'delete caches tokens'],
  ['GET', '/metrics', 'readMetrics', 'get /metrics'],
];

describe('the paths of the admin listener', () => {
  for (const [method, target, kind, right] of ROWS) {
    it(`${method} ${target} is ${kind}`, () => {
      const { operation, requirement } = found(method, target);
      assert.equal(operation.kind, kind);
      assert.equal(requirement.length, 1);
      const [first] = requirement;
      if (isPath(first)) assert.equal(`${first.verb} ${first.path}`, right);
      else {
        assert.equal(`${first.verb} ${first.resource} ${first.name}`, right);
        assert.deepEqual(
          [first.apiGroup, first.version, first.subresource, first.namespace],
          ['kubelet-gateway.io', 'v1alpha1', '', ''],
        );
      }
    });
  }

  it('have a row for every operation that is theirs', () => {
    const kinds = new Set(ROWS.map(([, , kind]) => kind));
    const own = OPERATION_KINDS.filter((kind) =>
      /Session|Recording|readAudit|flushCache|readMetrics/.test(kind),
    );
    assert.deepEqual(
      own.filter((kind) => !kinds.has(kind)),
      [],
    );
  });

  it('read filters', () => {
    const { operation } = found(
      'GET',
      `${API}/recordings?user=a&node=node-1&namespace=shop&pod=web-0&since=2026-11-23T00:00:00Z&until=2026-11-23T01:00:00%2B01:00&limit=500`,
    );
    assert.deepEqual(operation, {
      kind: 'listRecordings',
      view: 'Object',
      filter: {
        user: 'a',
        node: 'node-1',
        namespace: 'shop',
        pod: 'web-0',
        sinceMs: Date.UTC(2026, 10, 23),
        untilMs: Date.UTC(2026, 10, 23),
      },
    });
  });

  it('offer tables', () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const { operation } = found('GET', `${API}/sessions`, ['Accept', accept]);
    assert.deepEqual(operation, { kind: 'listSessions', view: 'Table', filter: {} });
  });

  for (const [method, target, code] of [
    ['POST', `${API}/sessions`, 405],
    ['DELETE', `${API}/sessions`, 405],
    ['PUT', `${API}/recordings/${ID}`, 405],
    ['GET', `${API}/caches/sar`, 405],
    ['HEAD', '/metrics', 405],
    ['DELETE', `${API}/caches/all`, 404],
    ['GET', `${API}/sessions/`, 404],
    ['GET', `${API}/sessions/${ID}/`, 404],
    ['GET', `${API}/recordings/${ID}/manifest.jsonl`, 404],
    ['GET', '/nodes/node-1/metrics', 404],
    ['GET', '/', 404],
    ['GET', `${API}/sessions/..`, 400],
    ['GET', `${API}/sessions/%2e%2e`, 400],
    ['GET', `${API}/recordings/..%2f..%2fx`, 400],
    ['GET', `${API}/recordings/${ID}%00`, 400],
    ['GET', `${API}/recordings/${ID.toUpperCase()}`, 400],
    ['GET', `${API}/recordings/${ID}x`, 400],
    ['GET', `${API}/sessions?watch=true`, 405],
    ['GET', `${API}/sessions?fieldSelector=metadata.name%3Dx`, 400],
    ['GET', `${API}/sessions?labelSelector=a`, 400],
    ['GET', `${API}/sessions?node=Node_1`, 400],
    ['GET', `${API}/sessions?namespace=..`, 400],
    ['GET', `${API}/sessions?pod=%2F`, 400],
    ['GET', `${API}/sessions?user=a&user=b`, 400],
    ['GET', `${API}/recordings?since=yesterday`, 400],
    ['GET', `${API}/audits?since=2026-99-99T00:00:00Z`, 400],
    ['DELETE', `${API}/sessions/${ID}?reason=${'x'.repeat(257)}`, 400],
    ['DELETE', `${API}/sessions/${ID}?reason=%1b%5d0;x%07`, 400],
    ['DELETE', `${API}/sessions/${ID}?reason=%E2%80%AEx`, 400],
    ['DELETE', `${API}/recordings/${ID}?reason=x`, 400],
  ] as const) {
    it(`refuse ${method} ${target.slice(0, 90)} with ${code}`, () => {
      assert.equal(refusal(method, target).code, code);
    });
  }

  it('do not upgrade', () => {
    assert.equal(refusal('GET', `${API}/sessions/${ID}/follow`, SPDY).code, 400);
  });
});
