// The tables are complete: every row has an action and a requirement, every kind of action has a row, and every route
// that a real kubelet has is a row or is named here as left out. What a requirement lets through is compared with
// what a real kubelet let through for the same identities.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ActionKind } from '../../src/core/action.ts';
import { ACTION_KINDS } from '../../src/core/action.ts';
import type { Attributes } from '../../src/core/attributes.ts';
import { toResourceText } from '../../src/core/attributes.ts';
import { OPTIONAL_ENDPOINTS } from '../../src/core/configuration.ts';
import { isResolved } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { createResolve } from '../../src/resolve/resolve.ts';
import type { ActionRoute, Route } from '../../src/resolve/route.ts';
import { createMatcher } from '../../src/resolve/route.ts';
import { NODE_ROUTES, ROOT_ROUTES, SERVER_ROUTES } from '../../src/resolve/routes.ts';
import { headersFor, resolved, toIdentified } from './request.ts';

/** What each kind of action requires, written down a second time. `*`: with podSubresources only. */
const EXPECTED: Readonly<Record<ActionKind, readonly string[]>> = {
  healthz: ['get nodes/healthz', 'get nodes/proxy'],
  metrics: ['get nodes/metrics'],
  stats: ['get nodes/stats'],
  spec: ['get nodes/spec'],
  pods: ['get nodes/pods', 'get nodes/proxy'],
  runningPods: ['get nodes/pods', 'get nodes/proxy'],
  configz: ['get nodes/configz', 'get nodes/proxy'],
  flagz: ['get nodes/configz'],
  statusz: ['get nodes/statusz'],
  nodeLogs: ['get nodes/log'],
  containerLogs: ['get nodes/proxy', '* get pods/log'],
  exec: ['create nodes/proxy', '* create pods/exec'],
  attach: ['create nodes/proxy', '* create pods/attach'],
  portForward: ['create nodes/proxy', '* create pods/portforward'],
  run: ['create nodes/proxy'],
  checkpoint: ['create nodes/checkpoint'],
  pprof: ['get nodes/proxy'],
};

/** A request that a row accepts. */
const SAMPLES: Readonly<Record<string, string>> = {
  namespace: 'default',
  pod: 'shell',
  uid: '234184de-af6f-48ab-bb3b-276dea014719',
  container: 'main',
  node: 'node-1',
  check: 'ping',
  profile: 'heap',
  'files...': 'syslog',
};

const QUERIES: Readonly<Partial<Record<ActionKind, Readonly<Record<'kubelet' | 'kubectl', string>>>>> = {
  exec: { kubelet: '?command=id&output=1', kubectl: '?command=id&stdout=true' },
  attach: { kubelet: '?output=1', kubectl: '?stdout=true' },
  run: { kubelet: '?cmd=id', kubectl: '' },
};

const toSample = (path: string): string =>
  path.replace(/\{([^}]+)\}/g, (_, name: string) => SAMPLES[name] ?? assert.fail(`no sample for {${name}}`));

const write = (attributes: Attributes): string => `${attributes.verb} ${toResourceText(attributes)}`;

const actionRows = (routes: readonly Route[]): readonly ActionRoute[] =>
  routes.filter((row) => row.kind !== 'answer' && row.kind !== 'own');

const WITHOUT_PODS = createResolve({
  endpoints: new Set(OPTIONAL_ENDPOINTS),
  podSubresources: false,
  version: 'v1.36.2',
});

describe('every row of the route table', () => {
  for (const row of actionRows(SERVER_ROUTES)) {
    for (const path of row.paths) {
      for (const method of row.methods) {
        it(`${method} ${path} (${row.surface}) has an action and a requirement`, () => {
          const target = `/nodes/node-1${toSample(path)}${QUERIES[row.kind]?.[row.surface] ?? ''}`;
          const wanted = EXPECTED[row.kind];
          const exchange = resolved(method, target);
          assert.equal(exchange.action.kind, row.kind);
          assert.equal(exchange.surface, row.surface);
          const view = exchange.action.kind === 'pods' ? exchange.action.view : undefined;
          const viewRight = view === undefined ? [] : [view.name === undefined ? 'list pods' : 'get pods'];
          assert.deepEqual(exchange.requirement.map(write), [
            ...wanted.map((line) => line.replace('* ', '')),
            ...viewRight,
          ]);
          const without = resolved(method, target, headersFor(target), WITHOUT_PODS);
          assert.deepEqual(without.requirement.map(write), [
            ...wanted.filter((line) => !line.startsWith('* ')),
            ...viewRight,
          ]);
          for (const attributes of exchange.requirement) {
            const of =
              attributes.resource === 'nodes' ? 'node-1' : view === undefined ? 'shell' : (view.name ?? '');
            assert.equal(attributes.name, of);
            assert.equal(
              attributes.namespace,
              attributes.resource === 'nodes' ? '' : (view?.namespace ?? (view ? '' : 'default')),
            );
          }
        });
      }
    }
  }

  it('has a path of its own', () => {
    for (const routes of [SERVER_ROUTES, NODE_ROUTES, ROOT_ROUTES]) {
      const paths = routes.flatMap((row) => row.paths);
      assert.equal(new Set(paths).size, paths.length);
      for (const row of routes) {
        for (const path of row.paths) {
          const match = createMatcher(routes)(toSample(path).slice(1).split('/'));
          assert.equal(match?.route, row, path);
        }
      }
    }
  });

  it('has a method that is in the table of methods for its kind', () => {
    for (const row of actionRows(SERVER_ROUTES)) {
      const posts = row.kind === 'run' || row.kind === 'checkpoint';
      const expected = row.transport === 'upgrade' ? ['GET', 'POST'] : posts ? ['POST'] : ['GET'];
      assert.deepEqual(row.methods, expected, row.paths[0]);
    }
  });
});

it('every kind of action has a row', () => {
  const kinds = new Set(actionRows(NODE_ROUTES).map((row) => row.kind));
  assert.deepEqual(
    [...ACTION_KINDS].filter((kind) => !kinds.has(kind)),
    [],
  );
});

it('every endpoint that can be switched on has a row', () => {
  const endpoints = new Set(actionRows(NODE_ROUTES).map((row) => row.endpoint));
  assert.deepEqual(
    OPTIONAL_ENDPOINTS.filter((endpoint) => !endpoints.has(endpoint)),
    [],
  );
});

/** Requests of the capture that get no further than here, with the code of the refusal. */
const LEFT_OUT: Readonly<Record<string, number>> = {
  // A kubelet has no such path either.
  'GET /': 404,
  'GET /healthz/': 404,
  'GET /livez': 404,
  'GET /readyz': 404,
  'GET /pods/x': 404,
  'GET /metrics/': 404,
  'GET /debug/pprof/': 404,
  'GET /checkpoint/': 404,
  'GET /cri/exec/x': 404,
  'GET /nonexistent': 404,
  'POST /nonexistent': 404,
  'GET /openapi/v2': 404,
  // The redirect of a kubelet leads to a 404.
  'GET /debug/pprof': 404,
  // Changes a kubelet's log level, and is never offered.
  'GET /debug/flags/v': 404,
  'PUT /debug/flags/v': 404,
  // Could be read in two ways, or is not spelled as it is sent.
  'GET //pods': 400,
  'GET /%70ods': 400,
  'GET /logs/../../etc/hostname': 400,
  // Refused by a kubelet too, after it has asked its authorizer.
  'GET /containerLogs/default/multi/main?tailLines=abc': 400,
  'POST /exec/default/shell/shell': 400,
  'GET /run/default/shell/shell?cmd=id': 405,
  'GET /checkpoint/default/shell/shell': 405,
  'POST /pods': 405,
  'POST /containerLogs/default/shell/shell': 405,
  'POST /logs/': 405,
  'PUT /pods': 405,
  'DELETE /pods': 405,
  'PATCH /pods': 405,
  'HEAD /pods': 405,
  'OPTIONS /pods': 405,
  'TRACE /pods': 405,
  'FOO /pods': 405,
  // A kubelet answers; reading is GET here.
  'POST /metrics': 405,
  'POST /stats/summary': 405,
  'POST /configz': 405,
  'POST /healthz': 405,
  'HEAD /healthz': 405,
  'HEAD /metrics': 405,
  // An unknown parameter is refused by name.
  'GET /pods?x=1': 400,
};

interface Probe {
  readonly method: string;
  readonly path: string;
  readonly bob: string;
  readonly carol: string;
}

const PROBES: readonly Probe[] = readFileSync(
  new URL('../fixtures/http/probe-table.md', import.meta.url),
  'utf8',
)
  .split('\n')
  .slice(2)
  .filter((line) => line !== '')
  .map((line) => {
    const [, request = '', , , bob = '', carol = ''] = line.split('|').map((cell) => cell.trim());
    const [method = '', path = ''] = request.replaceAll('`', '').split(' ');
    return { method, path, bob, carol };
  });

/** The rights of the captured identities on nodes. */
const RIGHTS = {
  bob: ['get nodes/metrics', 'get nodes/stats', 'get nodes/pods', 'get nodes/healthz'],
  carol: ['get nodes/proxy'],
} as const;

describe('every request of a real capture', () => {
  assert.equal(PROBES.length, 89);
  const seen = new Set<string>();
  for (const { method, path, ...statuses } of PROBES) {
    const request = `${method} ${path}`;
    seen.add(request);
    const code = LEFT_OUT[request];
    if (code !== undefined) {
      it(`${request} is left out with ${code}`, () => {
        assert.throws(
          () => WITHOUT_PODS(toIdentified(method, `/nodes/node-1${path}`, headersFor(path))),
          (error) => error instanceof Fault && error.code === code,
        );
      });
      continue;
    }
    it(`${request} requires what a kubelet requires`, () => {
      const exchange = WITHOUT_PODS(toIdentified(method, `/nodes/node-1${path}`, headersFor(path)));
      if (!isResolved(exchange)) return;
      const asked: readonly string[] = exchange.requirement.map(write);
      const reaches = ['exec', 'attach', 'portForward'].includes(exchange.action.kind);
      for (const who of ['bob', 'carol'] as const) {
        const allowed = RIGHTS[who].some((right) => asked.includes(right));
        // A kubelet lets carol's GET into containers; here it is refused.
        const expected = !reaches && statuses[who] !== '403';
        // /spec is a 404 before authorization in this kubelet; it is here for older ones.
        if (exchange.action.kind !== 'spec') assert.equal(allowed, expected, who);
      }
    });
  }

  it('and nothing is called left out that is not in the capture', () => {
    assert.deepEqual(
      Object.keys(LEFT_OUT).filter((request) => !seen.has(request)),
      [],
    );
  });
});

/** The routes that a kubelet 1.36 registers, and the row that carries each; undefined is left out on purpose. */
const KUBELET_REGISTERS: Readonly<Record<string, string | undefined>> = {
  '/healthz': '/healthz',
  '/healthz/ping': '/healthz/{check}',
  '/healthz/log': '/healthz/{check}',
  '/healthz/syncloop': '/healthz/{check}',
  '/pods': '/pods',
  '/stats/summary': '/stats/summary',
  '/metrics': '/metrics',
  '/metrics/cadvisor': '/metrics/cadvisor',
  '/metrics/probes': '/metrics/probes',
  '/metrics/resource': '/metrics/resource',
  '/metrics/slis': '/metrics/slis',
  '/run/a/b/c': '/run/{namespace}/{pod}/{container}',
  '/run/a/b/u/c': '/run/{namespace}/{pod}/{uid}/{container}',
  '/exec/a/b/c': '/exec/{namespace}/{pod}/{container}',
  '/exec/a/b/u/c': '/exec/{namespace}/{pod}/{uid}/{container}',
  '/attach/a/b/c': '/attach/{namespace}/{pod}/{container}',
  '/attach/a/b/u/c': '/attach/{namespace}/{pod}/{uid}/{container}',
  '/portForward/a/b': '/portForward/{namespace}/{pod}',
  '/portForward/a/b/u': '/portForward/{namespace}/{pod}/{uid}',
  '/containerLogs/a/b/c': '/containerLogs/{namespace}/{pod}/{container}',
  '/configz': '/configz',
  '/runningpods/': '/runningpods/',
  '/logs/': '/logs/{files...}',
  '/logs/a/b': '/logs/{files...}',
  '/debug/pprof/heap': '/debug/pprof/{profile}',
  '/debug/flags/v': undefined,
  '/checkpoint/a/b/c': '/checkpoint/{namespace}/{pod}/{container}',
  '/statusz': '/statusz',
  '/flagz': '/flagz',
};

describe('every route that a kubelet registers', () => {
  for (const [path, row] of Object.entries(KUBELET_REGISTERS)) {
    it(`${path} is ${row ?? 'left out'}`, () => {
      const match = createMatcher(NODE_ROUTES)(path.slice(1).split('/'));
      if (row === undefined) assert.equal(match, undefined);
      else assert.ok(match?.route.paths.includes(row));
    });
  }
});
