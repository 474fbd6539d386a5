// Somebody who has the right to sessions and wants one that the rules of `sessionPolicy` do not give them, or that is not
// recorded: every spelling of a request that could be read in another way. What is let through is looked at as a kubelet reads
// what it is sent.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSessionPolicy } from '../../src/authorize/session-policy.ts';
import { isResolved } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { RECORDED_ACTIONS } from '../../src/core/session-match.ts';
import type { SessionPolicyRule } from '../../src/core/session-policy.ts';
import { toKubeletTarget } from '../../src/forward/kubelet-target.ts';
import { createRules } from '../../src/record/rules.ts';
import { RESOLVE, SPDY, WEBSOCKET, toIdentified } from '../resolve/request.ts';

const RULES: readonly SessionPolicyRule[] = [
  {
    namespaces: ['prod'],
    commands: [['cat', '*'], ['tar', 'cf', '-', '**'], ['date']],
    terminal: 'listed',
    reason: 'optional',
    refuse: false,
  },
  { namespaces: ['sealed'], terminal: 'none', reason: 'optional', refuse: false },
  { namespaces: ['shut'], actions: ['portForward'], terminal: 'listed', reason: 'optional', refuse: true },
];
const check = createSessionPolicy(RULES);
const choose = createRules([{ mode: 'required', stdin: 'off' }]);

interface Sent {
  readonly path: string;
  /** As `url.Values` of Go has them. */
  readonly values: URLSearchParams;
}

/** What a kubelet is sent, or the status with which it is refused. */
function ask(target: string, method = 'GET', headers: readonly string[] = WEBSOCKET): Sent | number {
  try {
    const exchange = RESOLVE(toIdentified(method, target, headers));
    if (!isResolved(exchange)) return 200;
    check(exchange);
    const isSession = RECORDED_ACTIONS.some((kind) => kind === exchange.action.kind);
    assert.equal(choose(exchange) !== undefined, isSession, 'what is let through is recorded');
    const container = 'container' in exchange.action ? exchange.action.container : undefined;
    const action = { ...exchange.action, container: container ?? 'main' } as typeof exchange.action;
    const [path = '', query = ''] = toKubeletTarget(action, exchange.transport).target.split('?');
    return { path, values: new URLSearchParams(query) };
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return error.code;
  }
}

const EXEC = '/nodes/node-1/exec/prod/shell/shell';
const KUBECTL = '/nodes/node-1/api/v1/namespaces/prod/pods/shell/exec';

describe('a command that is not listed', () => {
  for (const query of [
    'command=sh',
    'command=/bin/cat&command=x',
    'command=/bin/../bin/sh',
    'command=./cat&command=x',
    'command=env&command=cat&command=x',
    'command=busybox&command=cat&command=x',
    'command=sh&command=-c&command=cat%20x',
    'command=cat',
    'command=cat&command=x&command=',
    'command=cat&command=x&command=y',
    'command=cat%20x',
    'command=cat+x',
    'command=cat%0ax',
    'command=%20cat&command=x',
    'command=cat%09&command=x',
    'command=CAT&command=x',
    'command=Cat&command=x',
    // Cyrillic, fullwidth, with a mark that shows nothing, and of two code points.
    'command=%D1%81at&command=x',
    'command=%EF%BD%83at&command=x',
    'command=cat%E2%80%8B&command=x',
    'command=%EF%BB%BFcat&command=x',
    'command=c%CC%81at&command=x',
    'command=date&command=sh',
    'command=sh&command=date',
    'command=tar&command=cf',
    'command=tar&command=xf&command=-&command=a',
    'command=tar&command=cf&command=/dev/stdout&command=a',
    'command=toString&command=x',
    'command=__proto__&command=x',
    'command=*&command=x',
  ]) {
    it(query, () => {
      for (const tty of ['', '&tty=1']) {
        assert.equal(ask(`${EXEC}?${query}&output=1&input=1${tty}`), 403);
        assert.equal(ask(`${EXEC}?${query}&output=1&input=1${tty}`, 'POST', SPDY), 403);
        assert.equal(ask(`${KUBECTL}?${query}&stdout=1&stdin=1${tty}`), 403);
        assert.equal(ask(`/api/v1/nodes/node-1/proxy/exec/prod/shell/other?${query}&output=1${tty}`), 403);
      }
    });
  }
});

describe('an option in the place of an argument, by which the program runs another', () => {
  for (const query of [
    'command=tar&command=cf&command=-&command=--checkpoint%3D1&command=--checkpoint-action%3Dexec%3Dsh&command=/etc',
    'command=tar&command=cf&command=-&command=/etc&command=-Ish%20-c%20id',
    'command=tar&command=cf&command=-&command=/etc&command=--to-command%3Dsh',
    'command=tar&command=cf&command=-&command=/etc&command=--use-compress-program%3Dsh',
    'command=tar&command=cf&command=-&command=--&command=a',
    'command=cat&command=--help',
    'command=cat&command=-',
    'command=cat&command=%2Bx',
  ]) {
    it(query, () => {
      const isOperand = query.endsWith('command=-');
      const answer = ask(`${EXEC}?${query}&output=1`);
      assert.equal(typeof answer === 'number' ? answer : 101, isOperand ? 101 : 403);
    });
  }
});

describe('a terminal where there is to be none', () => {
  const SEALED = '/nodes/node-1/api/v1/namespaces/sealed/pods/p';
  for (const value of ['=1', '=true', '=True', '=t', '=yes', '=', '', '=no', '=2', '=%31', '=00', '=null']) {
    it(`tty${value}`, () => {
      assert.equal(ask(`${SEALED}/exec?command=sh&stdout=1&stdin=1&tty${value}`), 403);
      assert.equal(ask(`${SEALED}/attach?stdout=1&tty${value}`), 403);
      const own = ask(`/nodes/node-1/exec/sealed/p/c?command=sh&output=1&tty${value}`);
      // A kubelet counts 1 alone, and nothing else is let through to it.
      assert.equal(own, value === '=1' || value === '=%31' ? 403 : 400);
    });
  }
  for (const query of [
    'tty=0&tty=1',
    'tty=1&tty=0',
    'tty=false&tty=true',
    'TTY=1',
    'Tty=1',
    't%74y=0&tty=1',
    'tty%00=1',
    'tty[]=1',
  ]) {
    it(query, () => {
      for (const path of [
        `${SEALED}/exec?command=sh&stdout=1&`,
        '/nodes/node-1/exec/sealed/p/c?command=sh&output=1&',
      ]) {
        assert.equal(ask(path + query), 400);
      }
    });
  }
  it('attach with input, which reaches the terminal of the container', () => {
    for (const value of ['=1', '=true', '', '=x'])
      assert.equal(ask(`${SEALED}/attach?stdout=1&stdin${value}`), 403);
    assert.equal(ask('/nodes/node-1/attach/sealed/p/c?output=1&input=1'), 403);
    assert.equal(ask('/nodes/node-1/attach/sealed/p/debugger-x7k2p?output=1&input=1'), 403);
  });
});

describe('another name for what the rule is about', () => {
  for (const [target, code] of [
    ['/nodes/node-1/exec/PROD/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1/exec/prod%20/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1/exec/pr%6Fd/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1/exec/dev/../prod/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1/exec//prod/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1//exec/prod/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1/EXEC/prod/shell/shell?command=sh&output=1', 404],
    ['/nodes/node-1/exec/prod/shell/shell/?command=sh&output=1', 404],
    ['/nodes/NODE-1/exec/prod/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1./exec/prod/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1:10250/exec/prod/shell/shell?command=sh&output=1', 400],
    ['/api/v1/nodes/https:node-1:10250/proxy/exec/prod/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-2/api/v1/nodes/node-1/proxy/exec/prod/shell/shell?command=sh&output=1', 400],
    ['/nodes/node-1/cri/exec/abcdef?command=sh&output=1', 404],
    ['/nodes/node-1/exec/prod/shell/shell?command=date&cmd=sh&output=1', 400],
    ['/nodes/node-1/exec/prod/shell/shell?command=date&Command=sh&output=1', 400],
    ['/nodes/node-1/exec/prod/shell/shell?command=date;command=sh&output=1', 400],
    ['/nodes/node-1/exec/prod/shell/shell?command=date%00&output=1', 400],
    ['/nodes/node-1/exec/prod/shell/shell?command=date%ff&output=1', 400],
    ['/nodes/node-1/exec/prod/shell/shell?command=&command=sh&output=1', 400],
    [`${KUBECTL}?container=a&container=b&command=date&stdout=1`, 400],
    ['/nodes/node-1/portForward/shut/web?port=22', 403],
    ['/nodes/node-1/portForward/shut/web/5d5b9a3e-0c4e-4f77-9a11-0d5c6f0f7a01?port=22', 403],
    ['/nodes/node-1/api/v1/namespaces/shut/pods/web/portforward?ports=22', 403],
    ['/nodes/node-1/api/v1/namespaces/shut/pods/web/portforward', 403],
  ] as const) {
    it(target, () => {
      for (const [method, headers] of [
        ['GET', WEBSOCKET],
        ['POST', SPDY],
      ] as const) {
        const answer = ask(target, method, headers);
        assert.equal(answer, code);
      }
    });
  }

  for (const command of [
    'cat',
    'cat%20%20x',
    'cat%09x',
    'cat%20x%20y',
    '%20cat%20x',
    'cat%20x%0ay%20z',
    'cat%20-x',
    'sh',
  ]) {
    it(`run of ${command}`, () => {
      assert.equal(ask(`/nodes/node-1/run/prod/shell/shell?cmd=${command}`, 'POST', []), 403);
      assert.equal(ask(`/nodes/node-1/run/prod/shell/shell?cmd=${command}`, 'GET', []), 405);
      assert.equal(ask(`/nodes/node-1/run/prod/shell/shell?cmd=date&cmd=${command}`, 'POST', []), 400);
    });
  }
});

it('whatever is let through runs what is listed, as a kubelet reads it', () => {
  const isListed = (command: readonly string[]): boolean =>
    (command.length === 1 && command[0] === 'date') ||
    (command.length === 2 && command[0] === 'cat' && isOperand(command[1])) ||
    (command.slice(0, 3).join('\0') === 'tar\0cf\0-' && command.slice(3).every(isOperand));
  const isOperand = (text = ''): boolean => text === '-' || !/^[-+]/.test(text);
  const name = fc.constantFrom(
    'command',
    'command',
    'command',
    'Command',
    'cmd',
    'output',
    'input',
    'tty',
    'reason',
  );
  const value = fc.constantFrom(
    ...[
      'cat',
      'tar',
      'cf',
      '-',
      'date',
      'sh',
      '-c',
      '',
      '1',
      '0',
      'x%20y',
      'a+b',
      '%2Bx',
      '--x',
      '%D1%81at',
      'cat%0a',
      '*',
    ],
  );
  const verb = fc.constantFrom('exec', 'run');
  let passed = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value), { maxLength: 6 }),
      verb,
      fc.boolean(),
      (pairs, word, isSpdy) => {
        const query = [...pairs.map(([key, text]) => `${key}=${text}`), 'output=1'].join('&');
        const target = `/nodes/node-1/${word}/prod/shell/shell?${word === 'run' ? query.replace('&output=1', '') : query}`;
        const answer =
          word === 'run'
            ? ask(target, 'POST', [])
            : ask(target, isSpdy ? 'POST' : 'GET', isSpdy ? SPDY : WEBSOCKET);
        if (typeof answer === 'number') return;
        passed += 1;
        const run = answer.values.get('cmd')?.split(' ');
        assert.ok(
          isListed(run ?? answer.values.getAll('command')),
          `${target} -> ${answer.values.toString()}`,
        );
      },
    ),
    { numRuns: 20_000 },
  );
  // About 65, give or take 8.
  assert.ok(passed > 15, `${passed} were let through`);
});
