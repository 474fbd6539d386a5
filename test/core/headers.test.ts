// Header lines as a request brought them, and that they can be let go of.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderLines } from '../../src/core/headers.ts';

describe('header lines', () => {
  it('keep repeated lines apart, under lower-case names', () => {
    const headers = new HeaderLines(['X-A', '1', 'Host', 'b', 'x-a', '2']);
    assert.deepEqual(headers.all('x-a'), ['1', '2']);
    assert.equal(headers.first('host'), 'b');
    assert.deepEqual([...headers.names()], ['x-a', 'host', 'x-a']);
  });

  it('are gone when they are forgotten', () => {
    const headers = new HeaderLines(['Authorization', 'Bearer x']);
    headers.forget();
    assert.equal(headers.count, 0);
    assert.equal(headers.first('authorization'), undefined);
    assert.deepEqual([...headers.names()], []);
  });
});
