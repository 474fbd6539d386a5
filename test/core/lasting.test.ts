// What many exchanges share cannot be changed by one of them, and what is made of it is made once.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rememberLasting, toLasting } from '../../src/core/lasting.ts';

describe('what lasts', () => {
  it('is frozen down to its ground', () => {
    const action = toLasting({ kind: 'stats', path: ['a', 'b'], pod: { name: 'shell' } });
    assert.throws(() => Object.assign(action, { kind: 'exec' }), TypeError);
    assert.throws(() => action.path.push('c'), TypeError);
    assert.throws(() => Object.assign(action.pod, { name: 'other' }), TypeError);
    assert.deepEqual(action, { kind: 'stats', path: ['a', 'b'], pod: { name: 'shell' } });
  });

  it('is made something of once; what does not last, each time', () => {
    let made = 0;
    const toText = rememberLasting((of: { readonly name: string }) => `${of.name} ${(made += 1)}`);
    const lasting = toLasting({ name: 'kept' });
    assert.deepEqual([toText(lasting), toText(lasting)], ['kept 1', 'kept 1']);
    const passing = { name: 'passing' };
    assert.deepEqual([toText(passing), toText(passing)], ['passing 2', 'passing 3']);
  });

  it('is told apart by what it is and not by what it looks like', () => {
    const toName = rememberLasting((of: { readonly name: string }) => of.name);
    const lasting = toLasting({ name: 'first' });
    assert.equal(toName(lasting), 'first');
    // A copy that differs in what was made of it: a stage that changes an action makes a new one.
    assert.equal(toName({ ...lasting, name: 'second' }), 'second');
  });
});
