import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseReviewStatus } from '../../src/kube/subject-access-review.ts';

const answer = (status: unknown): string =>
  JSON.stringify({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    status,
  });

describe('the answer to a SubjectAccessReview', () => {
  it('is read, with what may be absent', () => {
    assert.deepEqual(parseReviewStatus(answer({ allowed: false })), {
      allowed: false,
      denied: false,
      reason: '',
      evaluationError: '',
    });
    const full = { allowed: true, denied: true, reason: 'r', evaluationError: 'e' };
    assert.deepEqual(parseReviewStatus(answer(full)), full);
  });

  const bad: readonly string[] = [
    '',
    'allowed',
    'null',
    '[]',
    '{}',
    answer(undefined),
    answer(null),
    answer([]),
    answer({}),
    answer({ allowed: 'true' }),
    answer({ allowed: 1 }),
    answer({ allowed: true, denied: 'no' }),
    answer({ allowed: true, reason: {} }),
    answer({ allowed: true, evaluationError: 7 }),
    JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: { allowed: true } }),
    JSON.stringify({ kind: 'SubjectAccessReview', apiVersion: 'v1', status: { allowed: true } }),
  ];
  for (const body of bad) {
    it(`is not ${body === '' ? 'nothing' : body}`, () => {
      assert.throws(() => parseReviewStatus(body), /status|answer|JSON/);
    });
  }
});
