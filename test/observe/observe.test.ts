// Several observers as one.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Observer } from '../../src/core/observation.ts';
import { createObserver } from '../../src/observe/observe.ts';
import { authorized, resolved } from './evidence.ts';

function create(name: string, told: string[], wait?: Promise<void>): Observer {
  return () => ({
    received: () => {
      told.push(`${name} received`);
      return wait;
    },
    found: () => told.push(`${name} found`),
    started: (code) => told.push(`${name} started ${code}`),
    complete: ({ code }) => told.push(`${name} complete ${code}`),
    panic: (_error, { code }) => told.push(`${name} panic ${code}`),
  });
}

describe('createObserver', () => {
  it('tells all, in their order', async () => {
    const told: string[] = [];
    const exchange = resolved({});
    const observation = createObserver([create('a', told), create('b', told)])(exchange);
    assert.equal(observation.received(exchange), undefined);
    observation.found(await authorized(exchange));
    observation.started(200);
    observation.complete({ code: 200 });
    observation.panic(new Error('x'), { code: 500 });
    const steps = ['received', 'found', 'started 200', 'complete 200', 'panic 500'];
    assert.deepEqual(
      told,
      steps.flatMap((step) => [`a ${step}`, `b ${step}`]),
    );
  });
  it('waits for all that have something to wait for', async () => {
    const exchange = resolved({});
    const first: PromiseWithResolvers<void> = Promise.withResolvers();
    const second: PromiseWithResolvers<void> = Promise.withResolvers();
    const parts = [create('a', [], first.promise), create('b', []), create('c', [], second.promise)];
    let isSettled = false;
    const waiting = createObserver(parts)(exchange).received(exchange);
    assert.ok(waiting);
    const settled = waiting.then(() => (isSettled = true));
    first.resolve();
    await first.promise;
    assert.equal(isSettled, false);
    second.resolve();
    await settled;
  });
  it('rejects when one of them does', async () => {
    const exchange = resolved({});
    const parts = [create('a', [], Promise.resolve()), create('b', [], Promise.reject(new Error('disk')))];
    const waiting = createObserver(parts)(exchange).received(exchange);
    assert.ok(waiting);
    await assert.rejects(waiting, /disk/);
  });
});
