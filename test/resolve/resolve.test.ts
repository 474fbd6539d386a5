// What requests mean on both surfaces, and the words in which the others are refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toResourceText } from '../../src/core/attributes.ts';
import { createResolve } from '../../src/resolve/resolve.ts';
import { answered, headersFor, refusal, resolved, WEBSOCKET } from './request.ts';

const NODE = '/nodes/node-1';
const POD = `${NODE}/api/v1/namespaces/default/pods/shell`;
const SHELL = { namespace: 'default', name: 'shell' };
const UID = '234184de-af6f-48ab-bb3b-276dea014719';
const TABLE =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

describe('the kubelet surface', () => {
  const rows: readonly [method: string, path: string, action: object][] = [
    ['GET', '/healthz', { kind: 'healthz', verbose: false, exclude: [] }],
    ['GET', '/healthz?verbose', { kind: 'healthz', verbose: true, exclude: [] }],
    ['GET', '/healthz?exclude=a&exclude=b', { kind: 'healthz', verbose: false, exclude: ['a', 'b'] }],
    ['GET', '/healthz/syncloop', { kind: 'healthz', check: 'syncloop', verbose: false, exclude: [] }],
    ['GET', '/pods', { kind: 'pods' }],
    ['GET', '/pods/', { kind: 'pods' }],
    ['GET', '/runningpods/', { kind: 'runningPods' }],
    ['GET', '/metrics', { kind: 'metrics', endpoint: 'kubelet' }],
    ['GET', '/metrics/cadvisor', { kind: 'metrics', endpoint: 'cadvisor' }],
    ['GET', '/stats/summary', { kind: 'stats', path: ['summary'], onlyCpuAndMemory: false }],
    [
      'GET',
      '/stats/summary?only_cpu_and_memory=true',
      { kind: 'stats', path: ['summary'], onlyCpuAndMemory: true },
    ],
    ['GET', '/stats/', { kind: 'stats', path: [], onlyCpuAndMemory: false }],
    ['GET', '/stats/container', { kind: 'stats', path: ['container'], onlyCpuAndMemory: false }],
    ['GET', '/stats/shell/main', { kind: 'stats', path: ['shell', 'main'], onlyCpuAndMemory: false }],
    [
      'GET',
      `/stats/default/shell/${UID}/main`,
      { kind: 'stats', path: ['default', 'shell', UID, 'main'], onlyCpuAndMemory: false },
    ],
    ['GET', '/spec', { kind: 'spec' }],
    ['GET', '/configz', { kind: 'configz' }],
    ['GET', '/logs/', { kind: 'nodeLogs', path: [], directory: true }],
    ['GET', '/logs/syslog', { kind: 'nodeLogs', path: ['syslog'], directory: false }],
    ['GET', '/logs/pods/a_b:c/', { kind: 'nodeLogs', path: ['pods', 'a_b:c'], directory: true }],
    [
      'GET',
      '/logs/?query=kubelet&query=kubelet@a.service&tailLines=10&pattern=error.*x&boot=-1&sinceTime=2026-01-01T00:00:00Z',
      {
        kind: 'nodeLogs',
        path: [],
        directory: true,
        query: {
          query: ['kubelet', 'kubelet@a.service'],
          tailLines: 10,
          pattern: 'error.*x',
          boot: -1,
          sinceTime: '2026-01-01T00:00:00Z',
        },
      },
    ],
    [
      'GET',
      '/logs/?query=/pods/x.log',
      { kind: 'nodeLogs', path: [], directory: true, query: { query: ['/pods/x.log'] } },
    ],
    [
      'GET',
      '/containerLogs/default/shell/main?follow=true&previous=0&timestamps&sinceSeconds=5&tailLines=0&limitBytes=1&stream=All',
      {
        kind: 'containerLogs',
        pod: SHELL,
        container: 'main',
        options: {
          follow: true,
          timestamps: true,
          sinceSeconds: 5,
          tailLines: 0,
          limitBytes: 1,
          stream: 'All',
        },
      },
    ],
    [
      'GET',
      '/containerLogs/default/shell/main?tail=all',
      { kind: 'containerLogs', pod: SHELL, container: 'main', options: {} },
    ],
    [
      'GET',
      '/containerLogs/default/shell/main?insecureSkipTLSVerifyBackend=false',
      { kind: 'containerLogs', pod: SHELL, container: 'main', options: {} },
    ],
    [
      'GET',
      '/exec/default/shell/main?command=ls&command=&command=-l&output=1&error=1',
      {
        kind: 'exec',
        pod: SHELL,
        container: 'main',
        command: ['ls', '', '-l'],
        streams: { stdin: false, stdout: true, stderr: true, tty: false },
      },
    ],
    [
      'POST',
      `/exec/default/shell/${UID}/main?command=sh&input=1&output=1&error=1&tty=1`,
      {
        kind: 'exec',
        pod: { ...SHELL, uid: UID },
        container: 'main',
        command: ['sh'],
        streams: { stdin: true, stdout: true, stderr: false, tty: true },
      },
    ],
    [
      'GET',
      '/attach/default/shell/main?input=1',
      {
        kind: 'attach',
        pod: SHELL,
        container: 'main',
        streams: { stdin: true, stdout: false, stderr: false, tty: false },
      },
    ],
    ['POST', '/portForward/default/shell', { kind: 'portForward', pod: SHELL, ports: [] }],
    [
      'GET',
      `/portForward/default/shell/${UID}?port=80,443&port=1`,
      { kind: 'portForward', pod: { ...SHELL, uid: UID }, ports: [80, 443, 1] },
    ],
    [
      'POST',
      '/run/default/shell/main?cmd=ls+-l',
      { kind: 'run', pod: SHELL, container: 'main', command: 'ls -l' },
    ],
    [
      'POST',
      '/checkpoint/default/shell/main?timeout=5',
      { kind: 'checkpoint', pod: SHELL, container: 'main', timeoutSeconds: 5 },
    ],
    [
      'GET',
      '/debug/pprof/profile?seconds=5&debug=1',
      { kind: 'pprof', profile: 'profile', seconds: 5, debug: 1 },
    ],
    ['GET', '/flagz', { kind: 'flagz' }],
    ['GET', '/statusz', { kind: 'statusz' }],
  ];
  for (const [method, path, action] of rows) {
    it(`${method} ${path}`, () => {
      const { action: found, node, surface } = resolved(method, NODE + path);
      assert.deepEqual(found, action);
      assert.equal(node, 'node-1');
      assert.equal(surface, 'kubelet');
      for (const prefix of ['/api/v1/nodes/node-1/proxy', `${NODE}/api/v1/nodes/node-1/proxy`]) {
        assert.deepEqual(resolved(method, prefix + path).action, action, prefix);
      }
    });
  }
});

describe('the kubectl surface', () => {
  const rows: readonly [method: string, target: string, action: object][] = [
    [
      'GET',
      `${POD}/log?container=main&follow=true&previous=true&tailLines=5&sinceTime=2026-01-01T00:00:00Z&limitBytes=10`,
      {
        kind: 'containerLogs',
        pod: SHELL,
        container: 'main',
        options: {
          follow: true,
          previous: true,
          sinceTime: '2026-01-01T00:00:00Z',
          tailLines: 5,
          limitBytes: 10,
        },
      },
    ],
    ['GET', `${POD}/log?container=`, { kind: 'containerLogs', pod: SHELL, options: {} }],
    [
      'GET',
      `${POD}/exec?command=ls&container=main&stderr=true&stdout=true`,
      {
        kind: 'exec',
        pod: SHELL,
        container: 'main',
        command: ['ls'],
        streams: { stdin: false, stdout: true, stderr: true, tty: false },
      },
    ],
    [
      'POST',
      `${POD}/exec?command=sh&stdin&stdout=no&stderr=FALSE&tty=0`,
      {
        kind: 'exec',
        pod: SHELL,
        command: ['sh'],
        streams: { stdin: true, stdout: true, stderr: false, tty: false },
      },
    ],
    [
      'GET',
      `${POD}/attach?container=main&stdin=true&stdout=true&stderr=true&tty=true`,
      {
        kind: 'attach',
        pod: SHELL,
        container: 'main',
        streams: { stdin: true, stdout: true, stderr: false, tty: true },
      },
    ],
    ['GET', `${POD}/portforward`, { kind: 'portForward', pod: SHELL, ports: [] }],
    ['POST', `${POD}/portforward?ports=80,81`, { kind: 'portForward', pod: SHELL, ports: [80, 81] }],
    [
      'GET',
      `${NODE}/api/v1/pods?limit=500&resourceVersion=0&resourceVersionMatch=NotOlderThan&timeoutSeconds=5&continue=`,
      {
        kind: 'pods',
        view: {
          ...{ labelSelector: [], fieldSelector: [], as: 'Object', includeObject: 'Metadata' },
          page: { limit: 500 },
        },
      },
    ],
    [
      'GET',
      `${NODE}/api/v1/pods?watch&resourceVersion=7&timeoutSeconds=5&allowWatchBookmarks=true&sendInitialEvents=false`,
      {
        kind: 'pods',
        view: {
          ...{ labelSelector: [], fieldSelector: [], as: 'Object', includeObject: 'Metadata' },
          watch: { resourceVersion: '7', timeoutMs: 5000, bookmarks: true, initialEvents: false },
        },
      },
    ],
    [
      'GET',
      `${NODE}/api/v1/namespaces/default/pods?labelSelector=app%3Dweb&fieldSelector=status.phase%21%3DRunning&includeObject=Object&watch=false`,
      {
        kind: 'pods',
        view: {
          namespace: 'default',
          labelSelector: [{ key: 'app', operator: 'in', values: ['web'] }],
          fieldSelector: [{ field: 'status.phase', operator: '!=', value: 'Running' }],
          as: 'Object',
          includeObject: 'Object',
        },
      },
    ],
    [
      'GET',
      `${POD}?pretty=true&timeout=32s`,
      {
        kind: 'pods',
        view: {
          ...{ namespace: 'default', name: 'shell', labelSelector: [], fieldSelector: [] },
          as: 'Object',
          includeObject: 'Metadata',
        },
      },
    ],
  ];
  for (const [method, target, action] of rows) {
    it(`${method} ${target}`, () => {
      const exchange = resolved(method, target);
      assert.deepEqual(exchange.action, action);
      assert.equal(exchange.surface, 'kubectl');
    });
  }

  for (const [accept, as] of [
    [TABLE, 'Table'],
    ['application/json', 'Object'],
    ['application/json, */*', 'Object'],
    ['application/vnd.kubernetes.protobuf,application/json', 'Object'],
    ['application/vnd.kubernetes.protobuf, */*', 'Object'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io;q=0.5,application/json;q=0.9', 'Object'],
    ['application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json', 'Metadata'],
    ['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json', 'Object'],
  ] as const) {
    it(`answers Accept: ${accept} as ${as}`, () => {
      const { action } = resolved('GET', `${NODE}/api/v1/pods`, ['Accept', accept]);
      assert.equal(action.kind === 'pods' && action.view?.as, as);
    });
  }

  it('cannot answer in protobuf alone', () => {
    assert.equal(
      refusal('GET', `${NODE}/api/v1/pods`, ['Accept', 'application/vnd.kubernetes.protobuf']).code,
      406,
    );
  });

  it('asks for exactly the namespace', () => {
    const ask = (path: string): unknown => {
      const last = resolved('GET', NODE + path).requirement.at(-1);
      return last && [last.verb, toResourceText(last), last.namespace, last.name];
    };
    assert.deepEqual(ask('/api/v1/pods'), ['list', 'pods', '', '']);
    assert.deepEqual(ask('/api/v1/pods?fieldSelector=metadata.namespace%3Ddefault'), [
      'list',
      'pods',
      '',
      '',
    ]);
    assert.deepEqual(ask('/api/v1/namespaces/default/pods'), ['list', 'pods', 'default', '']);
    assert.deepEqual(ask('/api/v1/namespaces/default/pods/shell'), ['get', 'pods', 'default', 'shell']);
  });
});

describe('what runs in a container needs create', () => {
  for (const path of [
    `${NODE}/exec/default/shell/main?command=id&output=1`,
    `${NODE}/attach/default/shell/main?output=1`,
    `${NODE}/portForward/default/shell`,
    `${POD}/exec?command=id&stdout=true`,
    `${POD}/attach?stdout=true`,
    `${POD}/portforward`,
    '/api/v1/nodes/node-1/proxy/exec/default/shell/main?command=id&output=1',
  ]) {
    for (const [how, method, headers] of [
      ['SPDY by GET', 'GET', headersFor(path)],
      ['SPDY by POST', 'POST', headersFor(path)],
      ['WebSocket', 'GET', WEBSOCKET],
    ] as const) {
      it(`${path} by ${how}`, () => {
        const { requirement } = resolved(method, path, headers);
        assert.deepEqual(
          requirement.map(({ verb }) => verb),
          requirement.map(() => 'create'),
        );
      });
    }
  }
  it('run, too', () => {
    const { requirement } = resolved('POST', `${NODE}/run/default/shell/main?cmd=id`);
    assert.deepEqual(
      requirement.map(({ verb }) => verb),
      ['create'],
    );
  });
});

describe('the gateway answers by itself', () => {
  it('discovery', () => {
    for (const path of ['/version', '/api', '/apis', '/api/v1', '/version/', '/api/', '/apis/', '/api/v1/']) {
      const answer = answered('GET', `${NODE}${path}?timeout=32s`);
      assert.equal(answer.kind, 'json');
    }
    assert.match(JSON.stringify(answered('GET', `${NODE}/version`)), /v1\.36\.2/);
  });

  it('scrape targets', () => {
    assert.deepEqual(answered('GET', '/sd/prometheus'), { kind: 'scrapeTargets' });
  });

  for (const [target, location] of [
    [`${NODE}/logs`, `${NODE}/logs/`],
    [`${NODE}/logs?query=a%20b&x=%26`, `${NODE}/logs/?query=a%20b&x=%26`],
    [`${NODE}/runningpods`, `${NODE}/runningpods/`],
    [`${NODE}/stats`, `${NODE}/stats/`],
    ['/api/v1/nodes/node-1/proxy/logs', '/api/v1/nodes/node-1/proxy/logs/'],
    [`${NODE}/api/v1/nodes/node-1/proxy/logs`, `${NODE}/api/v1/nodes/node-1/proxy/logs/`],
  ] as const) {
    it(`the redirect of ${target}`, () => {
      assert.deepEqual(answered('GET', target), { kind: 'redirect', location });
    });
  }
});

describe('refused with 400', () => {
  const exec = `${NODE}/exec/default/shell/main`;
  const logs = `${NODE}/containerLogs/default/shell/main`;
  const rows: readonly [target: string, message: RegExp, method?: string][] = [
    ['/nodes/https:node-1:10250/pods', /node is malformed: a scheme or a port/],
    ['/nodes/node-1:10250/pods', /a scheme or a port/],
    ['/api/v1/nodes/https:node-1:10250/proxy/pods', /a scheme or a port/],
    ['/nodes/NODE/pods', /node is malformed/],
    ['/nodes/..node/pods', /node is malformed/],
    [`/nodes/${'a'.repeat(254)}/pods`, /node is malformed/],
    [`${NODE}/api/v1/nodes/node-2/proxy/pods`, /two different nodes/],
    [`${NODE}/exec/Default/shell/main?command=id&output=1`, /namespace is malformed/],
    [`${NODE}/exec/default/she_ll/main?command=id&output=1`, /pod is malformed/],
    [`${NODE}/exec/default/shell/ma.in?command=id&output=1`, /container is malformed/],
    [`${NODE}/exec/default/shell/nope/main?command=id&output=1`, /uid of the pod is malformed/],
    [`${POD}/exec?command=id&stdout=1&container=a%0Ab`, /container is malformed/],
    [`${exec}?command=id`, /at least 1 of stdin/],
    [`${exec}?command=id&error=1&tty=1`, /at least 1 of stdin/],
    [`${exec}?command=id&output=true`, /"output" must be 1/],
    [`${exec}?command=id&output=0`, /"output" must be 1/],
    [`${exec}?command=id&output=1&output=1`, /"output" is given more than once/],
    [`${exec}?command=id&stdout=1`, /at least 1 of stdin/],
    [`${exec}?command=id&output=1&stdin=1`, /"stdin" is not known/],
    [`${exec}?output=1`, /specify a command/],
    [`${exec}?command=&output=1`, /specify a command/],
    [`${POD}/exec?stdout=true`, /specify a command/],
    [`${POD}/exec?command=id&stdout=false`, /at least 1 of stdin/],
    [`${POD}/exec?command=id&stdout=true&container=a&container=b`, /"container" is given more than once/],
    [`${POD}/exec?command=id&input=1&stdout=true`, /"input" is not known/],
    [`${NODE}/portForward/default/shell?port=0`, /port from 1 to 65535/],
    [`${NODE}/portForward/default/shell?port=65536`, /port from 1 to 65535/],
    [`${NODE}/portForward/default/shell?port=`, /port from 1 to 65535/],
    [`${NODE}/portForward/default/shell?port=${Array(129).fill('1').join()}`, /more than 128/],
    [`${logs}?tailLines=abc`, /"tailLines" must be an integer of at least 0/],
    [`${logs}?tailLines=-1`, /"tailLines"/],
    [`${logs}?tailLines=007`, /"tailLines"/],
    [`${logs}?tailLines=1e3`, /"tailLines"/],
    [`${logs}?limitBytes=0`, /"limitBytes"/],
    [`${logs}?sinceSeconds=0`, /"sinceSeconds"/],
    [`${logs}?sinceSeconds=99999999999999999`, /"sinceSeconds"/],
    [`${logs}?sinceTime=yesterday`, /RFC 3339/],
    [`${logs}?sinceTime=2026-13-01T00:00:00Z`, /RFC 3339/],
    [`${logs}?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z`, /excludes sinceSeconds/],
    [`${logs}?stream=both`, /All, Stdout or Stderr/],
    [`${logs}?stream=Stdout&tailLines=1`, /excludes tailLines/],
    [`${logs}?tail=1&tailLines=1`, /excludes tailLines/],
    [`${logs}?tail=some`, /"tail"/],
    [`${logs}?container=other`, /"container" is not known/],
    [`${logs}?insecureSkipTLSVerifyBackend=true`, /is not offered/],
    [`${POD}/log?tail=1`, /"tail" is not known/],
    [`${NODE}/pods?x=1`, /"x" is not known/],
    [`${NODE}/metrics?access_token=abc`, /"access_token" is not known/],
    [`${NODE}/stats/summary?only_cpu_and_memory=1`, /true or false/],
    [`${NODE}/healthz?exclude=a%20b`, /"exclude"/],
    [`${NODE}/healthz/a@b`, /health check is malformed/],
    [`${NODE}/logs/${'a'.repeat(256)}`, /file name is too long/],
    [`${NODE}/logs/syslog?query=kubelet`, /is for \/logs\/ itself/],
    [`${NODE}/logs/?tailLines=5`, /needs the parameter query/],
    [`${NODE}/logs/?query=a&query=b&query=c&query=d&query=e`, /more than 4/],
    [`${NODE}/logs/?query=kubelet&tailLines=100001`, /from 0 to 100000/],
    [`${NODE}/logs/?query=kubelet&boot=1`, /"boot"/],
    [`${NODE}/logs/?query=kubelet&sinceTime=%24(id)`, /RFC 3339/],
    [`${NODE}/logs/?query=../x`, /must name a service/],
    [`${NODE}/logs/?query=a/../x`, /must name a service/],
    [`${NODE}/logs/?query=a//x`, /must name a service/],
    [`${NODE}/logs/?query=`, /must name a service/],
    [`${NODE}/logs/?query=-x`, /must name a service/],
    ...['$(id)', '`id`', 'a;b', 'a&b', 'a|b', "a'b", 'a"b', 'a>b', 'a{b}', 'a\\b', 'a\nb', 'a(b)'].flatMap(
      (hostile): [string, RegExp][] => [
        [`${NODE}/logs/?query=${encodeURIComponent(hostile)}`, /must name a service/],
        [`${NODE}/logs/?query=kubelet&pattern=${encodeURIComponent(hostile)}`, /"pattern" may hold/],
      ],
    ),
    [`${NODE}/run/default/shell/main`, /"cmd" must name a command/, 'POST'],
    [`${NODE}/run/default/shell/main?cmd=+`, /"cmd" must name a command/, 'POST'],
    [`${NODE}/run/default/shell/main?cmd=a&cmd=b`, /more than once/, 'POST'],
    [`${NODE}/checkpoint/default/shell/main?timeout=-1`, /"timeout"/, 'POST'],
    [`${NODE}/checkpoint/default/shell/main?timeout=1&timeout=2`, /more than once/, 'POST'],
    [`${NODE}/debug/pprof/Heap`, /profile is malformed/],
    [`${NODE}/debug/pprof/profile?seconds=0`, /"seconds"/],
    [`${NODE}/debug/pprof/heap?gc=1`, /"gc" is not known/],
    [`${NODE}/api/v1/pods?labelSelector=a+b`, /label selector/],
    [`${NODE}/api/v1/pods?fieldSelector=spec.x%3D1`, /field label not supported: spec.x/],
    [`${NODE}/api/v1/pods?limit=-1`, /"limit" must be a whole number/],
    [`${NODE}/api/v1/pods?continue=${'a'.repeat(3000)}`, /"continue" is too long/],
    [`${NODE}/api/v1/pods?watch=true&resourceVersion=x`, /"resourceVersion" is none of a list here/],
    [`${NODE}/api/v1/pods?watch=true&timeoutSeconds=x`, /"timeoutSeconds" must be a whole number/],
    [`${NODE}/api/v1/nodes/node-1?watch=true`, /use fieldSelector=metadata.name/],
    [`${NODE}/api/v1/pods?includeObject=All`, /None, Metadata or Object/],
    [`${POD}?labelSelector=a`, /"labelSelector" is not known/],
    ['/sd/prometheus?x=1', /"x" is not known/],
  ];
  for (const [target, message, method = 'GET'] of rows) {
    it(target.slice(0, 120), () => {
      const fault = refusal(method, target);
      assert.match(fault.message, message);
      assert.equal(fault.code, 400);
    });
  }
});

describe('refused with 404, in words', () => {
  for (const [target, message] of [
    ['/', /no such path/],
    ['/metrics', /under \/nodes\/\{node\}\//],
    ['/pods/', /under \/nodes\/\{node\}\//],
    ['/exec/default/shell/main', /under \/nodes\/\{node\}\//],
    ['/debug/pprof/heap', /under \/nodes\/\{node\}\//],
    ['/apis/apps/v1', /could not find the requested resource/],
    ['/nodes', /\/nodes\/\{node\}/],
    ['/nodes/node-1', /\/nodes\/\{node\}/],
    [`${NODE}/`, /no such path for a node/],
    ['/api/v1/nodes/node-1/proxy', /no such path for a node/],
    ['/api/v1/nodes/node-1/proxy/api/v1/pods', /pods, the node itself/],
    [`${NODE}/openapi/v2`, /OpenAPI/],
    [`${NODE}/openapi/v3`, /OpenAPI/],
    [`${NODE}/api/v1/nodes/node-1/status`, /pods, the node itself/],
    [`${POD}/ephemeralcontainers`, /pods, the node itself/],
    [`${NODE}/debug/flags/v`, /flags/],
    [`${NODE}/RunningPods`, /no such path for a node/],
    [`${NODE}/portforward/default/shell`, /no such path for a node/],
    [`${NODE}/cri/exec/x`, /no such path for a node/],
    [`${NODE}/metrics/`, /no such path for a node/],
    [`${NODE}/exec/default/shell/main/`, /no such path for a node/],
    [`${NODE}/constructor`, /no such path for a node/],
    [`${NODE}/__proto__/x`, /no such path for a node/],
  ] as const) {
    it(target, () => {
      const fault = refusal('GET', target, []);
      assert.equal(fault.code, 404);
      assert.match(fault.message, message);
    });
  }

  const closed = createResolve({ endpoints: new Set(), podSubresources: true, version: 'v1.36.2' });
  for (const [method, path, endpoint] of [
    ['POST', '/run/default/shell/main?cmd=id', 'run'],
    ['GET', '/run/default/shell/main?cmd=id', 'run'],
    ['POST', '/checkpoint/default/shell/main', 'checkpoint'],
    ['GET', '/debug/pprof/heap', 'debug'],
    ['GET', '/flagz', 'flagz'],
    ['GET', '/statusz', 'statusz'],
  ] as const) {
    it(`${method} ${path} while ${endpoint} is off`, () => {
      const fault = refusal(method, NODE + path, [], closed);
      assert.equal(fault.code, 404);
      assert.match(fault.message, new RegExp(`endpoints\\.enabled does not list ${endpoint}$`));
    });
  }
});

describe('refused with 405', () => {
  for (const [method, path, allow] of [
    ...['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'FOO', 'get'].map(
      (other) => [other, '/pods', 'GET'] as const,
    ),
    ['DELETE', '/metrics/slis', 'GET'],
    ['HEAD', '/healthz', 'GET'],
    ['GET', '/run/default/shell/main?cmd=id', 'POST'],
    ['GET', '/checkpoint/default/shell/main', 'POST'],
    ['PUT', '/exec/default/shell/main?command=id&output=1', 'GET, POST'],
    ['HEAD', '/exec/default/shell/main?command=id&output=1', 'GET, POST'],
    ['POST', '/api/v1/namespaces/default/pods', 'GET'],
    ['DELETE', '/api/v1/namespaces/default/pods/shell', 'GET'],
    ['POST', '/version', 'GET'],
    ['POST', '/logs', 'GET'],
  ] as const) {
    it(`${method} ${path}`, () => {
      const fault = refusal(method, NODE + path);
      assert.equal(fault.code, 405);
      assert.equal(fault.headers['allow'], allow);
    });
  }

  for (const [method, path] of [
    ['DELETE', '/api/v1/namespaces/default/pods/shell'],
    ['PATCH', '/api/v1/namespaces/default/pods/shell/ephemeralcontainers'],
    ['PATCH', '/api/v1/nodes/node-1'],
  ] as const) {
    it(`${method} ${path}, and says where it is done`, () => {
      assert.match(refusal(method, NODE + path).message, /this gateway changes no object/);
    });
  }

  for (const prefix of ['', NODE]) {
    it(`${prefix}/api/v1/namespaces/shop: a 404 would hide which pod was not found`, () => {
      const fault = refusal('GET', `${prefix}/api/v1/namespaces/shop`);
      assert.equal(fault.code, 405);
      assert.equal(fault.headers['allow'], '');
      assert.match(fault.message, /^namespaces are not offered here/);
    });
  }

  it('a watch of metrics', () => {
    const fault = refusal('GET', `${NODE}/apis/metrics.k8s.io/v1beta1/pods?watch=true`);
    assert.equal(fault.code, 405);
    assert.match(fault.message, /^watch is not offered/);
  });
});

describe('a watch of pods', () => {
  for (const query of ['watch=true', 'watch=1', 'watch', 'watch=&resourceVersion=0']) {
    it(`asks for the right to watch (${query})`, () => {
      const last = resolved('GET', `${NODE}/api/v1/namespaces/default/pods?${query}`).requirement.at(-1);
      assert.deepEqual([last?.verb, last?.namespace], ['watch', 'default']);
    });
  }

  it('has the form of one object', () => {
    const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
    const { action } = resolved('GET', `${NODE}/api/v1/pods?watch=1`, ['Accept', accept]);
    assert.equal(action.kind === 'pods' && action.view?.as, 'Metadata');
  });
});

it('a list as it once was is Expired', () => {
  const fault = refusal('GET', `${NODE}/api/v1/pods?resourceVersion=5&resourceVersionMatch=Exact`);
  assert.equal(fault.code, 410);
});

it('no refusal repeats the value of a parameter', () => {
  const fault = refusal('GET', `${NODE}/pods?access_token=s3cr3t`);
  assert.doesNotMatch(fault.message, /s3cr3t/);
});
