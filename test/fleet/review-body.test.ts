// The body of a review, where there is none: all requests for an upgrade share one empty stream.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import type { Identified } from '../../src/core/exchange.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { readBody } from '../../src/fleet/reviews.ts';

it('a body that all requests without one share is read without a trace', async () => {
  // As in listen/accept.ts.
  const body: Readable = Readable.from([]).resume();
  await new Promise(setImmediate);
  const asked = { body, lifetime: new Lifetime() } as unknown as Identified;
  for (let i = 0; i < 5; i += 1) assert.equal((await readBody(asked)).length, 0);
  for (const event of ['readable', 'error', 'end', 'close'])
    assert.equal(body.listenerCount(event), 0, event);
});
