// The line itself: its order, its one place of refusal, and that no node is asked before the audit event is stored.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Line } from '../../src/gateway/handle.ts';
import type { Answered, OwnResolved, Received, Resolved } from '../../src/core/exchange.ts';
import type { Ending } from '../../src/core/observation.ts';
import { Fault } from '../../src/core/fault.ts';
import { handle } from '../../src/gateway/handle.ts';

type Step = keyof Omit<Line, 'observe' | 'refuse' | 'answer' | 'serve'>;

interface Options {
  readonly failing?: Partial<Record<Step | 'answer' | 'serve', Error>>;
  readonly received?: () => Promise<undefined> | undefined;
  readonly answered?: boolean;
  readonly own?: boolean;
}

/** A line whose stages add nothing and write down that they were called. */
function recordingLine(options: Options = {}): { line: Line; calls: string[]; endings: Ending[] } {
  const calls: string[] = [];
  const endings: Ending[] = [];
  const fail = (step: Step | 'answer' | 'serve'): void => {
    calls.push(step);
    const error = options.failing?.[step];
    if (error !== undefined) throw error;
  };
  const pass =
    (step: Step) =>
    (exchange: unknown): never => {
      fail(step);
      return exchange as never;
    };
  const line: Line = {
    observe: () => ({
      received: () => {
        calls.push('received');
        return options.received?.();
      },
      found: () => undefined,
      started: () => undefined,
      complete: (ending) => {
        calls.push('complete');
        endings.push(ending);
      },
      panic: (_error, ending) => {
        calls.push('panic');
        endings.push(ending);
      },
    }),
    identify: pass('identify'),
    resolve: (exchange) => {
      fail('resolve');
      if (options.answered === true) return { ...exchange, answer: {} } as unknown as Answered;
      const found = options.own === true ? { operation: {} } : { action: {} };
      return { ...exchange, ...found, requirement: [] } as unknown as Resolved | OwnResolved;
    },
    authorize: pass('authorize'),
    permit: () => {
      throw new Error('nothing is sought here');
    },
    find: () => {
      throw new Error('nothing is sought here');
    },
    locate: pass('locate'),
    credential: pass('credential'),
    forward: () => {
      fail('forward');
      return Promise.resolve({ code: 200 });
    },
    serve: () => {
      fail('serve');
      return { code: 200 };
    },
    answer: () => {
      fail('answer');
      return { code: 200 };
    },
    refuse: (_received, fault) => {
      calls.push(`refuse ${fault.code}`);
    },
  };
  return { line, calls, endings };
}

const RECEIVED = {} as Received;
const WALK = ['identify', 'resolve', 'received', 'authorize', 'locate', 'credential', 'forward'];

describe('handle', () => {
  it('walks the stages in order and ends once', async () => {
    const { line, calls } = recordingLine();
    await handle(line, RECEIVED);
    assert.deepEqual(calls, [...WALK, 'complete']);
  });

  it('answers by itself without asking for more than an identity', async () => {
    const { line, calls } = recordingLine({ answered: true });
    await handle(line, RECEIVED);
    assert.deepEqual(calls, ['identify', 'resolve', 'received', 'answer', 'complete']);
  });

  it('serves what is its own to whoever is authorized, and asks no node', async () => {
    const { line, calls } = recordingLine({ own: true });
    await handle(line, RECEIVED);
    assert.deepEqual(calls, ['identify', 'resolve', 'received', 'authorize', 'serve', 'complete']);
  });

  it('serves nothing to whoever is not authorized', async () => {
    const fault = new Fault('Forbidden', 'no');
    const { line, calls } = recordingLine({ own: true, failing: { authorize: fault } });
    await handle(line, RECEIVED);
    assert.deepEqual(calls, ['identify', 'resolve', 'received', 'authorize', 'refuse 403', 'complete']);
  });

  it('serves nothing whose audit event could not be stored', async () => {
    const failure = new Fault('InternalError', 'failed to store audit event');
    const { line, calls } = recordingLine({ own: true, received: () => Promise.reject(failure) });
    await handle(line, RECEIVED);
    assert.deepEqual(calls, ['identify', 'resolve', 'received', 'authorize', 'refuse 500', 'complete']);
  });

  it('refuses when serving fails before an answer', async () => {
    const fault = new Fault('NotFound', 'no such session');
    const { line, calls } = recordingLine({ own: true, failing: { serve: fault } });
    await handle(line, RECEIVED);
    assert.deepEqual(calls.slice(-3), ['serve', 'refuse 404', 'complete']);
  });

  for (const step of ['identify', 'resolve', 'authorize', 'locate', 'credential', 'forward'] as const) {
    it(`refuses once, and goes no further, when ${step} says no`, async () => {
      const fault = new Fault('Forbidden', 'no');
      const { line, calls, endings } = recordingLine({ failing: { [step]: fault } });
      await handle(line, RECEIVED);
      const walked = WALK.slice(0, WALK.indexOf(step) + 1);
      const told = walked.includes('received') ? walked : [...walked, 'received'];
      assert.deepEqual(calls, [...told, 'refuse 403', 'complete']);
      assert.deepEqual(endings, [{ code: 403, fault }]);
    });

    it(`panics in words that tell the client nothing when ${step} throws what no stage foresaw`, async () => {
      const { line, calls, endings } = recordingLine({ failing: { [step]: new TypeError('secret detail') } });
      await handle(line, RECEIVED);
      assert.deepEqual(calls.slice(-2), ['refuse 500', 'panic']);
      assert.equal(endings[0]?.fault?.message, 'internal error');
    });
  }

  it('asks no node when the audit event could not be stored', async () => {
    const failure = new Fault('InternalError', 'failed to store audit event');
    const { line, calls, endings } = recordingLine({ received: () => Promise.reject(failure) });
    await handle(line, RECEIVED);
    assert.deepEqual(calls, ['identify', 'resolve', 'received', 'authorize', 'refuse 500', 'complete']);
    assert.equal(endings[0]?.fault, failure);
  });

  it('asks no node before the audit event is stored', async () => {
    const stored = Promise.withResolvers<undefined>();
    const { line, calls } = recordingLine({ received: () => stored.promise });
    const done = handle(line, RECEIVED);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(calls, ['identify', 'resolve', 'received', 'authorize']);
    stored.resolve(undefined);
    await done;
    assert.deepEqual(calls, [...WALK, 'complete']);
  });

  it('lets nobody hear of a refusal whose audit event could not be stored', async () => {
    const { line, calls } = recordingLine({
      failing: { identify: new Fault('Unauthorized', 'no') },
      received: () => Promise.reject(new Fault('InternalError', 'failed to store audit event')),
    });
    await handle(line, RECEIVED);
    assert.deepEqual(calls, ['identify', 'received', 'refuse 500', 'complete']);
  });
});
