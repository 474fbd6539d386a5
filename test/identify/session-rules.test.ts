// S28: what a request with nothing but a session's cookie may do; the same through the whole gateway is in test/login.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { Resolved } from '../../src/core/exchange.ts';
import { ACTION_KINDS } from '../../src/core/action.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import { findForeignUse, isNavigation, refuseDangerousRead } from '../../src/identify/session-rules.ts';
import { containerName, createResolved, namespaceName, podName } from '../support/resolved.ts';

const OWN = new Set(['https://gateway.example', 'https://localhost:8443']);

const request = (method: string, lines: Readonly<Record<string, string | readonly string[]>>) => ({
  method,
  headers: new HeaderLines(
    Object.entries({ host: 'gateway.example', ...lines }).flatMap(([name, values]) =>
      [values].flat().flatMap((value) => [name, value]),
    ),
  ),
});

const own = 'https://gateway.example';

describe('a request with a cookie', () => {
  const allowed: readonly (readonly [string, ReturnType<typeof request>])[] = [
    ['a read of an own page', request('GET', { 'sec-fetch-site': 'same-origin' })],
    ['an address that was typed', request('GET', { 'sec-fetch-site': 'none' })],
    ['a HEAD', request('HEAD', { 'sec-fetch-site': 'same-origin' })],
    ['a read with the own origin', request('GET', { 'sec-fetch-site': 'same-origin', origin: own })],
    ['a form', request('POST', { origin: own })],
    ['a deletion', request('DELETE', { origin: own })],
    ['a WebSocket', request('GET', { upgrade: 'websocket', origin: own })],
    ['another own address', request('POST', { host: 'LOCALHOST:8443', origin: 'https://localhost:8443' })],
  ];
  for (const [what, asked] of allowed)
    it(`may be ${what}`, () => assert.equal(findForeignUse(asked, OWN), undefined));

  const refused: readonly (readonly [string, ReturnType<typeof request>])[] = [
    ['a read that says nothing', request('GET', {})],
    ['a read of another site', request('GET', { 'sec-fetch-site': 'cross-site' })],
    ['a read of a sister host', request('GET', { 'sec-fetch-site': 'same-site' })],
    ['a read that says two things', request('GET', { 'sec-fetch-site': ['same-origin', 'none'] })],
    [
      'a read with a foreign origin',
      request('GET', { 'sec-fetch-site': 'same-origin', origin: 'https://evil' }),
    ],
    ['a form without an origin', request('POST', { 'sec-fetch-site': 'same-origin' })],
    ['a form with two', request('POST', { origin: [own, own] })],
    ['a form of nobody', request('POST', { origin: 'null' })],
    ['a form of another own address', request('POST', { origin: 'https://localhost:8443' })],
    ['a form of the port beside', request('POST', { origin: `${own}:444` })],
    ['an OPTIONS', request('OPTIONS', { 'sec-fetch-site': 'same-origin' })],
    [
      'a WebSocket without an origin',
      request('GET', { upgrade: 'websocket', 'sec-fetch-site': 'same-origin' }),
    ],
    ['SPDY with a foreign origin', request('POST', { upgrade: 'SPDY/3.1', origin: 'https://evil' })],
    ['to another host', request('GET', { host: 'other.example', 'sec-fetch-site': 'none' })],
    [
      'to another host, with its origin',
      request('POST', { host: 'evil.example', origin: 'https://evil.example' }),
    ],
    ['to no host', request('GET', { host: '', 'sec-fetch-site': 'none' })],
  ];
  for (const [what, asked] of refused) {
    it(`may not be ${what}`, () => {
      assert.equal(findForeignUse(asked, OWN)?.reason, 'Forbidden');
    });
  }

  it('of a person who has followed a link of another site is asked about', () => {
    const link = request('GET', {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      accept: 'text/html,*/*',
    });
    assert.equal(isNavigation(link), true);
    assert.equal(findForeignUse(link, OWN)?.reason, 'Unauthorized');
  });
});

const pod = { namespace: namespaceName('default'), name: podName('shell') };
const streams = { stdin: false, stdout: true, stderr: true, tty: false };
const container = containerName('shell');
const DANGEROUS: readonly Action[] = [
  { kind: 'exec', pod, command: ['id'], streams },
  { kind: 'attach', pod, streams },
  { kind: 'run', pod, container, command: 'id' },
  { kind: 'portForward', pod, ports: [] },
  { kind: 'checkpoint', pod, container },
  { kind: 'pprof', profile: 'heap' },
];

describe('a plain read with a cookie', () => {
  const by = (action: Action, method: 'session' | 'jwt', lines = {}): Resolved => {
    const resolved = createResolved({ action });
    const { headers } = request('GET', lines);
    return { ...resolved, headers, authentication: { ...resolved.authentication, method } };
  };

  for (const action of DANGEROUS) {
    it(`does not reach ${action.kind}`, () => {
      assert.throws(() => refuseDangerousRead(by(action, 'session')), { reason: 'Forbidden' });
      refuseDangerousRead(by(action, 'jwt'));
      refuseDangerousRead(by(action, 'session', { upgrade: 'websocket' }));
    });
  }

  it('reaches what reads', () => {
    for (const action of [
      { kind: 'configz' },
      { kind: 'metrics', endpoint: 'kubelet' },
      { kind: 'spec' },
    ] as const) {
      refuseDangerousRead(by(action, 'session'));
    }
    assert.equal(ACTION_KINDS.length, 17, 'a new action: may a plain read with a cookie reach it?');
  });
});
