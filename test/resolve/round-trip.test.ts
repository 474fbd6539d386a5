// What is authorized is what is sent: for any request target, resolve refuses it, or the target that is rebuilt for
// the kubelet is clean in the sense of Go's net/http and means the same action again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Action } from '../../src/core/action.ts';
import { isResolved } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { isContainerName } from '../../src/core/names.ts';
import { toKubeletTarget } from '../../src/forward/kubelet-target.ts';
import { headersFor, RESOLVE, resolved, SPDY, toIdentified, WEBSOCKET } from './request.ts';

/** As Go's ServeMux redirects: path.Clean, with the slash at the end kept. */
function toCleanPath(path: string): string {
  const out: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') out.pop();
    else out.push(segment);
  }
  const clean = `/${out.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

/** The action as it is once `locate` has found the container, and without the gateway's own view of the answer. */
function toSent(action: Action): Action {
  if (action.kind === 'pods') return { kind: 'pods' };
  if ('container' in action || !('pod' in action) || action.kind === 'portForward') return action;
  const container = 'main';
  assert(isContainerName(container));
  return { ...action, container };
}

/** Undefined when the request is refused or answered here. */
function check(method: string, raw: string, headers: readonly string[]): Action | undefined {
  let exchange;
  try {
    exchange = RESOLVE(toIdentified(method, raw, headers));
  } catch (error) {
    assert(error instanceof Fault, String(error));
    assert([400, 404, 405, 406].includes(error.code));
    return undefined;
  }
  if (!isResolved(exchange)) return undefined;
  const action = toSent(exchange.action);
  const { method: sent, target } = toKubeletTarget(action, exchange.transport);
  assert.match(target, /^\/[-A-Za-z0-9._~!$&'()*+,=:@%/?]*$/);
  const [path = '', query = ''] = target.split('?');
  assert.equal(toCleanPath(path), path);
  assert.doesNotMatch(path, /%(2e|2f|5c|00)/i);
  assert.doesNotMatch(query, /[;\s]/);
  const again = resolved(sent, `/nodes/node-1${target}`, headers);
  assert.deepEqual(toSent(again.action), action);
  assert.deepEqual(again.transport, exchange.transport);
  assert.equal(again.action.kind, exchange.action.kind);
  // The same question would be asked again, but for kubectl's view of pods, whose rights a kubelet does not know.
  if (action.kind !== 'pods')
    assert.deepEqual(
      again.requirement,
      exchange.requirement.map((a) => ({ ...a, name: a.resource === 'nodes' ? 'node-1' : a.name })),
    );
  // A kubelet's own query parser must read one value of each: Go takes the first, others the last.
  assert.deepEqual(toKubeletTarget(again.action, again.transport), { method: sent, target });
  return action;
}

const NAMES = ['default', 'shell', 'web.example', 'main', '234184de-af6f-48ab-bb3b-276dea014719', 'a'];
const WORDS = [
  ...[
    'nodes',
    'node-1',
    'api',
    'v1',
    'proxy',
    'namespaces',
    'pods',
    'exec',
    'attach',
    'portForward',
    'portforward',
  ],
  ...[
    'containerLogs',
    'log',
    'logs',
    'run',
    'checkpoint',
    'stats',
    'summary',
    'container',
    'metrics',
    'cadvisor',
  ],
  ...[
    'healthz',
    'ping',
    'configz',
    'runningpods',
    'debug',
    'pprof',
    'heap',
    'spec',
    'flagz',
    'statusz',
    'version',
  ],
];
const ODD = [
  ...[
    '',
    '.',
    '..',
    '...',
    '%2e%2e',
    '%2F',
    '%5C',
    '%00',
    '%',
    '%zz',
    '%25',
    '%C3%A9',
    '%EF%BB%BF',
    '%20',
    '\\',
    ';x=1',
  ],
  ...[
    '#',
    '~',
    'NODE',
    'https:node-1:10250',
    ':',
    '@',
    '+',
    '=',
    '*',
    'é',
    '\u0000',
    'a%3Bb',
    "a'b",
    '(x)',
    '%41',
  ],
];
const PARAMETERS = [
  ...[
    'command=id',
    'command=',
    'command=a%20b+c',
    'command=%0A%3B%26',
    'output=1',
    'input=1',
    'error=1',
    'tty=1',
  ],
  ...[
    'stdin=true',
    'stdout',
    'stderr=0',
    'tty=false',
    'container=main',
    'container=',
    'cmd=a b',
    'cmd=a+b%20',
  ],
  ...[
    'follow=true',
    'follow=false',
    'tailLines=5',
    'tail=all',
    'tail=3',
    'sinceSeconds=1',
    'limitBytes=9',
    'timeout=3',
  ],
  ...[
    'sinceTime=2026-01-01T00:00:00Z',
    'sinceTime=2026-01-01T00:00:00%2B01:00',
    'query=kubelet',
    'query=a/b',
    'boot=-1',
  ],
  ...[
    'pattern=a.%2Bb',
    'verbose',
    'exclude=ping',
    'only_cpu_and_memory=true',
    'seconds=2',
    'debug=1',
    'port=80,443',
  ],
  ...[
    'port=80',
    'ports=80',
    'labelSelector=a%3Db',
    'watch=1',
    'limit=500',
    'x=1',
    ';',
    '%',
    '%ff',
    '=',
    '',
    'stream=All',
  ],
];

const segment = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 4, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 2, arbitrary: fc.constantFrom(...ODD) },
  { weight: 1, arbitrary: fc.string() },
);
const query = fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...PARAMETERS) }, fc.string()), {
  maxLength: 4,
});

/** Often nothing: what is added at random is refused nearly always, and then no target is left to be rebuilt. */
const oftenNone = <T>(some: fc.Arbitrary<T[]>): fc.Arbitrary<T[]> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant<T[]>([]) }, { weight: 2, arbitrary: some });

const PREFIXES = [
  '/nodes/node-1',
  '/api/v1/nodes/node-1/proxy',
  '/nodes/node-1/api/v1/nodes/node-1/proxy',
  '',
];
/** Beginnings of targets, each with the parameters without which it is refused. */
const STEMS: readonly (readonly [path: string, ...pairs: string[]])[] = [
  [''],
  ['/exec/default/shell/main', 'command=sh', 'output=1'],
  ['/attach/default/shell/main', 'output=1'],
  ['/portForward/default/shell'],
  ['/run/default/shell/main', 'cmd=date'],
  ['/checkpoint/default/shell/main'],
  ['/containerLogs/default/shell/main'],
  ['/logs'],
  ['/logs/pods'],
  ['/stats'],
  ['/stats/summary'],
  ['/healthz'],
  ['/configz'],
  ['/debug/pprof'],
  ['/debug/pprof/heap'],
  ['/api/v1/namespaces/default/pods/shell'],
  ['/pods'],
  ['/metrics'],
];
const requests = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'HEAD', 'DELETE'),
  prefix: fc.constantFrom(...PREFIXES),
  stem: fc.constantFrom(...STEMS),
  segments: oftenNone(fc.array(segment, { maxLength: 4 })),
  query: oftenNone(query),
  headers: fc.constantFrom<readonly string[]>([], SPDY, WEBSOCKET),
});

describe('round trip', () => {
  it('holds for made-up targets', () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(requests, ({ method, prefix, stem, segments, query: pairs, headers }) => {
        const [start, ...needed] = stem;
        const path = prefix + start + segments.map((text) => `/${text}`).join('');
        const all = [...needed, ...pairs].join('&');
        const kind = check(method, path + (all === '' ? '' : `?${all}`), headers)?.kind ?? 'refused';
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }),
      { numRuns: 6000 },
    );
    // The property is not held by refusing everything.
    assert.ok(kinds.size > 8, JSON.stringify([...kinds]));
  });

  it('holds for any text at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        check('GET', text, []);
        check('GET', `/nodes/node-1/logs/${text}`, []);
        check('GET', `/nodes/node-1/exec/default/shell/main?output=1&command=${text}`, SPDY);
        check(
          'GET',
          `/nodes/node-1/exec/default/shell/main?output=1&command=${encodeURIComponent(text.toWellFormed())}`,
          SPDY,
        );
        check('GET', `/nodes/node-1/logs/${encodeURIComponent(text.toWellFormed())}`, []);
      }),
      { numRuns: 1500 },
    );
  });

  for (const [method, target, sent] of [
    [
      'GET',
      '/nodes/node-1/exec/default/shell/main?command=sh&command=-c&command=echo+a%3Bb%26c&output=1&error=1',
      'POST /exec/default/shell/main?command=sh&command=-c&command=echo%20a%3Bb%26c&output=1&error=1',
    ],
    [
      'POST',
      '/nodes/node-1/api/v1/namespaces/default/pods/shell/exec?container=main&stdin=true&stdout=true&tty=true&stderr=true&command=sh',
      'POST /exec/default/shell/main?command=sh&input=1&output=1&tty=1',
    ],
    ['GET', '/nodes/node-1/logs/%C3%A9%20x/a+b', 'GET /logs/%C3%A9%20x/a%2Bb'],
    ['GET', '/nodes/node-1/logs/', 'GET /logs/'],
    ['GET', '/nodes/node-1/logs/pods/', 'GET /logs/pods/'],
    [
      'GET',
      '/nodes/node-1/containerLogs/default/shell/main?follow=false&timestamps=&tail=3',
      'GET /containerLogs/default/shell/main?timestamps=true&tailLines=3',
    ],
    ['GET', '/nodes/node-1/api/v1/namespaces/default/pods?labelSelector=a', 'GET /pods'],
  ] as const) {
    it(`${target} becomes ${sent}`, () => {
      const { action, transport } = resolved(method, target, headersFor(target));
      const made = toKubeletTarget(action, transport);
      assert.equal(`${made.method} ${made.target}`, sent);
      check(method, target, headersFor(target));
    });
  }
});
