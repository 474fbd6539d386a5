// The limits of an exchange under a clock that stands still until it is moved.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndReason } from '../../src/core/lifetime.ts';
import { toLimits } from '../../src/forward/limits.ts';
import type { LimitOptions } from '../../src/forward/limits.ts';
import { Watch } from '../../src/forward/watch.ts';
import type { Limits } from '../../src/forward/watch.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { containerName, namespaceName, podName } from '../support/resolved.ts';

const NONE: Limits = { answerMs: Infinity, idleMs: Infinity, absoluteMs: Infinity, expiresAt: Infinity };

function watching(limits: (now: number) => Partial<Limits>) {
  const clock = createFakeClock();
  const reached: EndReason[] = [];
  const watch = new Watch(clock, { ...NONE, ...limits(clock.now()) }, (reason) => reached.push(reason));
  return { clock, reached, watch };
}

describe('a watch', () => {
  it('reports an answer that does not come', () => {
    const { clock, reached } = watching(() => ({ answerMs: 100, idleMs: 1000 }));
    clock.advance(99);
    assert.deepEqual(reached, []);
    clock.advance(1);
    assert.deepEqual(reached, ['requestTimeout']);
    assert.equal(clock.pending, 0);
  });

  it('forgets that limit when the answer has come', () => {
    const { clock, reached, watch } = watching(() => ({ answerMs: 100, idleMs: 1000 }));
    clock.advance(50);
    watch.answered();
    clock.advance(999);
    assert.deepEqual(reached, []);
    clock.advance(1);
    assert.deepEqual(reached, ['idleTimeout']);
  });

  it('counts idleness from the last byte, with one timer', () => {
    const { clock, reached, watch } = watching(() => ({ idleMs: 100 }));
    for (let i = 0; i < 10; i++) {
      clock.advance(60);
      watch.touch();
      assert.equal(clock.pending, 1);
    }
    clock.advance(99);
    assert.deepEqual(reached, []);
    clock.advance(1);
    assert.deepEqual(reached, ['idleTimeout']);
  });

  it('ends a busy session at its absolute limit', () => {
    const { clock, reached, watch } = watching(() => ({ idleMs: 100, absoluteMs: 250 }));
    for (let i = 0; i < 5; i++) {
      clock.advance(50);
      watch.touch();
    }
    assert.deepEqual(reached, ['sessionTimeout']);
  });

  it('ends a session whose credential has expired', () => {
    const { clock, reached } = watching((now) => ({ idleMs: 1000, expiresAt: now + 300 }));
    clock.advance(300);
    assert.deepEqual(reached, ['credentialExpired']);
  });

  it('asks, when a credential has expired, whether it was prolonged', () => {
    let until = 0;
    const { clock, reached } = watching((now) => {
      until = now + 300;
      return { expiresAt: until, prolonged: () => until };
    });
    clock.advance(200);
    until += 500;
    clock.advance(599);
    assert.deepEqual(reached, []);
    assert.equal(clock.pending, 1);
    clock.advance(1);
    assert.deepEqual(reached, ['credentialExpired']);
  });

  it('is silent and without a timer when it was stopped', () => {
    const { clock, reached, watch } = watching(() => ({ idleMs: 100 }));
    watch.stop();
    clock.advance(1000);
    assert.deepEqual(reached, []);
    assert.equal(clock.pending, 0);
  });
});

describe('the limits of an action', () => {
  const session = (idleMs: number) => ({ idleMs, absoluteMs: idleMs * 10 });
  const options: LimitOptions = {
    answerTimeoutMs: 1,
    runTimeoutMs: 2,
    checkpointTimeoutMs: 3,
    profileTimeoutMs: 4,
    sessions: {
      default: session(10),
      exec: session(11),
      attach: session(12),
      portForward: session(13),
      containerLogs: session(14),
      credentialExpiryGraceMs: 5,
    },
  };
  const pod = { namespace: namespaceName('d'), name: podName('p') };
  const container = containerName('c');
  const streams = { stdin: false, stdout: true, stderr: false, tty: false };
  const expiresAt = 1005;
  const rows: readonly [Parameters<typeof toLimits>[1], Omit<Limits, 'expiresAt'>][] = [
    // Not 10: a client that stops reading must not keep a connection that others wait for.
    [{ kind: 'configz' }, { answerMs: 1, idleMs: 1, absoluteMs: 100 }],
    [
      { kind: 'nodeLogs', path: ['syslog'], directory: false },
      { answerMs: 1, idleMs: 10, absoluteMs: 100 },
    ],
    [
      { kind: 'exec', pod, container, command: [], streams },
      { answerMs: 1, idleMs: 11, absoluteMs: 110 },
    ],
    [
      { kind: 'attach', pod, container, streams },
      { answerMs: 1, idleMs: 12, absoluteMs: 120 },
    ],
    [
      { kind: 'portForward', pod, ports: [] },
      { answerMs: 1, idleMs: 13, absoluteMs: 130 },
    ],
    [
      { kind: 'containerLogs', pod, options: {} },
      { answerMs: 1, idleMs: 14, absoluteMs: 140 },
    ],
    [
      { kind: 'containerLogs', pod, options: { follow: true } },
      { answerMs: Infinity, idleMs: 14, absoluteMs: 140 },
    ],
    [
      { kind: 'run', pod, container, command: 'x' },
      { answerMs: 2, idleMs: 2, absoluteMs: 2 },
    ],
    [
      { kind: 'checkpoint', pod, container },
      { answerMs: 3, idleMs: 3, absoluteMs: 3 },
    ],
    [
      { kind: 'pprof', profile: 'profile' },
      { answerMs: 4, idleMs: 4, absoluteMs: 4 },
    ],
  ];
  for (const [action, limits] of rows) {
    it(JSON.stringify(action), () => {
      assert.deepEqual(toLimits(options, action, { expiresAt: 1000 }), { ...limits, expiresAt });
    });
  }

  it('of a credential that may be renewed are asked for anew: a grace after its end, none after that of its session', () => {
    let validity = { expiresAt: 1000, endsAt: 1003 };
    const limits = toLimits(options, { kind: 'configz' }, { expiresAt: 1, validity: () => validity });
    assert.equal(limits.expiresAt, 1003);
    validity = { expiresAt: 2000, endsAt: 3000 };
    assert.equal(limits.prolonged?.(), 2005);
  });
});
