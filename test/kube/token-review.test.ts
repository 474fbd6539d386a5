import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { parseTokenReviewStatus, toTokenReviewBody } from '../../src/kube/token-review.ts';

const answer = (status: unknown): string =>
  JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status });

const USER = { username: 'system:serviceaccount:ns:a', uid: 'u', groups: ['g'], extra: { k: ['v'] } };

describe('a TokenReview', () => {
  it('is sent with the token and the audiences', () => {
    assert.deepEqual(JSON.parse(toTokenReviewBody({ token: new Secret('t'), audiences: ['a', 'b'] })), {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: 't', audiences: ['a', 'b'] },
    });
  });

  for (const [what, status, expected] of [
    [
      'a user',
      { authenticated: true, user: USER, audiences: ['a'] },
      { authenticated: true, user: USER, audiences: ['a'] },
    ],
    [
      'a user of few words',
      { authenticated: true, user: { username: 'a', groups: null }, error: '' },
      { authenticated: true, user: { username: 'a', uid: '', groups: [], extra: {} }, audiences: [] },
    ],
    ['nobody', {}, { authenticated: false, error: '' }],
    ['nobody, with a reason', { error: 'expired' }, { authenticated: false, error: 'expired' }],
  ] as const) {
    it(`is answered with ${what}`, () => assert.deepEqual(parseTokenReviewStatus(answer(status)), expected));
  }

  for (const [what, body] of [
    ['no JSON', 'secret-token'],
    ['a list', '[]'],
    ['no status', '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview"}'],
    ['another kind', '{"apiVersion":"v1","kind":"Status","status":{"authenticated":true}}'],
    ['a truth value in quotes', answer({ authenticated: 'true', user: USER })],
    ['no user', answer({ authenticated: true })],
    ['an empty name', answer({ authenticated: true, user: { username: '' } })],
    ['groups in a string', answer({ authenticated: true, user: { ...USER, groups: 'system:masters' } })],
    ['a group that is a number', answer({ authenticated: true, user: { ...USER, groups: [1] } })],
    ['extra that is no list', answer({ authenticated: true, user: { ...USER, extra: { k: 'v' } } })],
    ['audiences in a string', answer({ authenticated: true, user: USER, audiences: 'a' })],
    ['a user and an error', answer({ authenticated: true, user: USER, error: 'x' })],
  ] as const) {
    it(`has no answer in ${what}`, () => {
      assert.throws(
        () => parseTokenReviewStatus(body),
        (error: Error) => !error.message.includes('secret-token'),
      );
    });
  }
});
