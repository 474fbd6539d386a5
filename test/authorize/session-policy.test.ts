// Rules about sessions: which commands, in a terminal or without, with or without a reason.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import { Fault } from '../../src/core/fault.ts';
import type { SessionPolicyRule } from '../../src/core/session-policy.ts';
import { createCommandMatcher } from '../../src/authorize/command-pattern.ts';
import { createSessionPolicy } from '../../src/authorize/session-policy.ts';
import { containerName, createResolved, createUser, namespaceName, podName } from '../support/resolved.ts';

describe('command patterns', () => {
  const rows: readonly (readonly [readonly string[], readonly string[], boolean])[] = [
    [['cat', '*'], ['cat', '/etc/hosts'], true],
    [['cat', '*'], ['cat'], false],
    [['cat', '*'], ['cat', 'a', 'b'], false],
    [['cat', '*'], ['cat', ''], true],
    [['cat', '*'], ['cat', 'a b; rm -rf /'], true],
    [['cat', '*'], ['cat /etc/hosts'], false],
    [['tar', 'cf', '-', '**'], ['tar', 'cf', '-'], true],
    [['tar', 'cf', '-', '**'], ['tar', 'cf', '-', 'a', 'b', 'c'], true],
    [['tar', 'cf', '-', '**'], ['tar', 'cf'], false],
    [['tar', 'cf', '-', '**'], ['/bin/tar', 'cf', '-'], false],
    [['**'], ['anything', 'at', 'all'], true],
    [['cat', '*'], ['cat', '-n'], false],
    [['cat', '*'], ['cat', '-'], true],
    [['cat', '*'], ['cat', '--'], false],
    [['less', '*'], ['less', '+!sh'], false],
    [['*'], ['-x'], false],
    [['cat', '-n', '*'], ['cat', '-n', 'a'], true],
    [['cat', '--', '*'], ['cat', '--', '-n'], true],
    [['cat', '--', '*'], ['cat', '-n', 'a'], false],
    [['cat', '*', '--'], ['cat', '-n', '--'], false],
    [['grep', '--', '**'], ['grep', '--', '-e', 'a'], true],
    [['tar', 'cf', '-', '**'], ['tar', 'cf', '-', 'a', '--checkpoint-action=exec=sh'], false],
    [['tar', '-xmf', '-', '-C', '*'], ['tar', '-xmf', '-', '-C', '/tmp'], true],
    [['ls', '-**'], ['ls', '-la', 'a', '--', '-b'], true],
    [['ls', '-**'], ['ls'], true],
    [['ls', '-**'], ['cat', '-la'], false],
    [['ls'], ['ls'], true],
    [['ls'], ['LS'], false],
    [['ls'], ['ls', ''], false],
    [['ls'], ['ls\n'], false],
    [['a', 'b'], ['a b'], false],
    [['*', 'x'], ['x'], false],
  ];
  for (const [pattern, command, expected] of rows) {
    it(`${JSON.stringify(pattern)} ${expected ? 'fits' : 'does not fit'} ${JSON.stringify(command)}`, () => {
      assert.equal(createCommandMatcher([pattern])(command), expected);
    });
  }

  it('no pattern fits nothing', () => {
    assert.equal(createCommandMatcher([])(['ls']), false);
  });
});

const pod = (namespace: string) => ({ namespace: namespaceName(namespace), name: podName('shell') });
const container = containerName('shell');
const streams = (tty: boolean) => ({ stdin: true, stdout: true, stderr: !tty, tty });
const exec = (command: readonly string[], tty = false, namespace = 'prod'): Action => ({
  kind: 'exec',
  pod: pod(namespace),
  container,
  command,
  streams: streams(tty),
});
const attach = (tty: boolean): Action => ({ kind: 'attach', pod: pod('prod'), streams: streams(tty) });
const run = (command: string): Action => ({ kind: 'run', pod: pod('prod'), container, command });
const portForward: Action = { kind: 'portForward', pod: pod('prod'), ports: [80] };
const debug: Action = {
  kind: 'exec',
  pod: pod('prod'),
  container: containerName('debugger-x7k2p'),
  command: ['sh'],
  streams: streams(false),
};

const rule = (more: Partial<SessionPolicyRule>): SessionPolicyRule => ({
  namespaces: ['prod'],
  terminal: 'any',
  reason: 'optional',
  refuse: false,
  ...more,
});
const LISTED = [['cat', '*'], ['date']];

describe('a session policy', () => {
  const rows: readonly {
    readonly what: string;
    readonly rules: readonly SessionPolicyRule[];
    readonly action: Action;
    readonly reason?: string;
    readonly refused?: RegExp;
  }[] = [
    { what: 'no rule', rules: [], action: exec(['rm']) },
    { what: 'another namespace', rules: [rule({ commands: [] })], action: exec(['rm'], false, 'dev') },
    { what: 'what is listed', rules: [rule({ commands: LISTED })], action: exec(['date']) },
    {
      what: 'what is not listed',
      rules: [rule({ commands: LISTED })],
      action: exec(['rm', '-rf', '/']),
      refused: /^sessionPolicy\.rules\[0\]: this command is not among .* without a terminal: run it in one/,
    },
    { what: 'the same in a terminal', rules: [rule({ commands: LISTED })], action: exec(['rm'], true) },
    {
      what: 'the same in a terminal where those are held to the list',
      rules: [rule({ commands: LISTED, terminal: 'listed' })],
      action: exec(['rm'], true),
      refused: /not among those that may be run here/,
    },
    {
      what: 'what is listed in a terminal',
      rules: [rule({ commands: LISTED, terminal: 'listed' })],
      action: exec(['date'], true),
    },
    {
      what: 'no command at all without a terminal',
      rules: [rule({ commands: [] })],
      action: exec(['date']),
      refused: /without a terminal/,
    },
    {
      what: 'no terminal',
      rules: [rule({ terminal: 'none' })],
      action: exec(['date'], true),
      refused: /no terminal may be opened/,
    },
    {
      what: 'no terminal to attach to either',
      rules: [rule({ terminal: 'none' })],
      action: attach(true),
      refused: /no terminal may be opened/,
    },
    {
      what: 'nor by leaving the terminal out: a kubelet takes it from the container',
      rules: [rule({ terminal: 'none' })],
      action: attach(false),
      refused: /no terminal may be opened here, .*: attach without input/,
    },
    ...[exec(['date'], true), attach(false), run('date'), portForward, debug].map((action) => ({
      what: `${action.kind} where none is to be`,
      rules: [rule({ refuse: true, actions: [action.kind as 'exec'], commands: [['**']] })],
      action,
      reason: 'INC-7',
      refused: new RegExp(`no ${action.kind} is let through here`),
    })),
    {
      what: 'another action',
      rules: [rule({ refuse: true, actions: ['portForward'] })],
      action: exec(['date']),
    },
    {
      what: 'what is only looked at',
      rules: [rule({ terminal: 'none' })],
      action: {
        kind: 'attach',
        pod: pod('prod'),
        streams: { stdin: false, stdout: true, stderr: true, tty: false },
      },
    },
    { what: 'attach runs no command', rules: [rule({ commands: [] })], action: attach(false) },
    {
      what: 'run has no terminal',
      rules: [rule({ commands: LISTED })],
      action: run('rm -rf /'),
      refused: /without a terminal/,
    },
    { what: 'run of what is listed', rules: [rule({ commands: LISTED })], action: run('cat /etc/hosts') },
    {
      what: 'run with two spaces, which a kubelet makes three arguments of',
      rules: [rule({ commands: LISTED })],
      action: run('cat  /etc/hosts'),
      refused: /without a terminal/,
    },
    {
      what: 'a debug container of the pod',
      rules: [rule({ commands: LISTED })],
      action: debug,
      refused: /without a terminal/,
    },
    ...[exec(['date']), attach(false), run('date'), portForward, debug].map((action) => ({
      what: `${action.kind} without a reason`,
      rules: [rule({ reason: 'required' })],
      action,
      refused: /a reason must be given .* Kubelet-Gateway-Reason/,
    })),
    {
      what: 'a reason',
      rules: [rule({ reason: 'required' })],
      action: portForward,
      reason: 'INC-7',
    },
    {
      what: 'the first rule that matches, though a later one would refuse',
      rules: [rule({ users: ['bob'] }), rule({ commands: [] })],
      action: exec(['date']),
    },
    {
      what: 'a later rule, where the first is for others',
      rules: [rule({ groups: ['sre'], commands: LISTED }), rule({ commands: [] })],
      action: exec(['date']),
      refused: /^sessionPolicy\.rules\[1\]/,
    },
    {
      what: 'logs, which are no session',
      rules: [rule({ reason: 'required', commands: [] })],
      action: { kind: 'containerLogs', pod: pod('prod'), container, options: {} },
    },
  ];
  for (const { what, rules, action, reason, refused } of rows) {
    it(`${what}: ${refused === undefined ? 'let through' : 'refused'}`, () => {
      const resolved = createResolved({ user: createUser('bob'), action });
      const check = (): void =>
        createSessionPolicy(rules)(reason === undefined ? resolved : { ...resolved, reason });
      if (refused === undefined) {
        check();
        return;
      }
      assert.throws(check, (error) => {
        assert.ok(error instanceof Fault);
        assert.equal(error.code, 403);
        assert.match(error.message, refused);
        assert.equal(error.annotations['session-policy'], error.message.split(':')[0]);
        return true;
      });
    });
  }
});
