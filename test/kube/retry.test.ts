import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outcome } from '../../src/kube/call.ts';
import { toRetryDelayMs } from '../../src/kube/retry.ts';

const answered = (code: number, retryAfter?: string): Outcome => ({
  kind: 'answer',
  code,
  body: '',
  ...(retryAfter === undefined ? {} : { retryAfter }),
});
const failed = (code: string): Outcome => ({
  kind: 'failed',
  error: Object.assign(new Error(code), { code }),
});

describe('another attempt', () => {
  const rows: readonly [string, Outcome, number, number | undefined][] = [
    ['after a reset', failed('ECONNRESET'), 1, 100],
    ['after a broken pipe', failed('EPIPE'), 1, 100],
    ['later the second time', failed('ECONNRESET'), 2, 150],
    ['not after a refused connection', failed('ECONNREFUSED'), 1, undefined],
    ['not after a bad certificate', failed('DEPTH_ZERO_SELF_SIGNED_CERT'), 1, undefined],
    ['not after an abort', failed('ABORT_ERR'), 1, undefined],
    ['not after an error without a code', { kind: 'failed', error: new Error('?') }, 1, undefined],
    ['after 429', answered(429), 1, 100],
    ['after 500', answered(500), 1, 100],
    ['after 504', answered(504), 1, 100],
    ['not after 401', answered(401), 1, undefined],
    ['not after 403', answered(403), 1, undefined],
    ['not after 422', answered(422), 1, undefined],
    ['not after 503', answered(503), 1, undefined],
    ['not after an answer', answered(201), 1, undefined],
    ['not after a redirect, even with Retry-After', answered(302, '1'), 1, undefined],
    ['as late as the server asks', answered(429, '2'), 1, 2000],
    ['after any error with Retry-After', answered(503, '1'), 1, 1000],
    ['not sooner than its own pause', answered(429, '0'), 1, 100],
    ['not when the server asks for long', answered(429, '60'), 1, undefined],
    ['by its own pause when Retry-After is a date', answered(429, 'Wed, 21 Oct 2026 07:28:00 GMT'), 1, 100],
  ];
  for (const [what, outcome, attempt, want] of rows) {
    it(what, () => assert.equal(toRetryDelayMs(outcome, attempt, 100, 0), want));
  }

  it('is spread', () => {
    assert.equal(toRetryDelayMs(failed('ECONNRESET'), 1, 100, 0.5), 110);
  });
});
