// The request line for a kubelet: canonical, from validated parts, and POST whenever the kubelet should ask for create.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action, PodRef } from '../../src/core/action.ts';
import type { Transport } from '../../src/core/exchange.ts';
import { toKubeletTarget } from '../../src/forward/kubelet-target.ts';
import { containerName, namespaceName, podName, podUid } from '../support/resolved.ts';

const HTTP: Transport = { kind: 'http' };
const SPDY: Transport = { kind: 'spdy', protocols: ['v4.channel.k8s.io'] };
const WEBSOCKET: Transport = { kind: 'websocket', protocols: [], key: 'dGhlIHNhbXBsZSBub25jZQ==' };

const pod: PodRef = { namespace: namespaceName('default'), name: podName('shell') };
const uid = podUid('234184de-af6f-48ab-bb3b-276dea014719');
const container = containerName('main');
const streams = { stdin: true, stdout: true, stderr: true, tty: false };
const exec: Action = { kind: 'exec', pod, container, command: ['sh', '-c', 'a=1; b & c\n#é'], streams };

const ROWS: readonly [action: Action, transport: Transport, line: string][] = [
  [{ kind: 'healthz', verbose: false, exclude: [] }, HTTP, 'GET /healthz'],
  [
    { kind: 'healthz', check: 'ping', verbose: true, exclude: ['log'] },
    HTTP,
    'GET /healthz/ping?verbose=true&exclude=log',
  ],
  [{ kind: 'metrics', endpoint: 'kubelet' }, HTTP, 'GET /metrics'],
  [{ kind: 'metrics', endpoint: 'slis' }, HTTP, 'GET /metrics/slis'],
  [
    { kind: 'stats', path: ['summary'], onlyCpuAndMemory: true },
    HTTP,
    'GET /stats/summary?only_cpu_and_memory=true',
  ],
  [{ kind: 'stats', path: [], onlyCpuAndMemory: false }, HTTP, 'GET /stats/'],
  [{ kind: 'stats', path: ['shell', 'main'], onlyCpuAndMemory: false }, HTTP, 'GET /stats/shell/main'],
  [{ kind: 'spec' }, HTTP, 'GET /spec/'],
  [{ kind: 'pods' }, HTTP, 'GET /pods'],
  [
    { kind: 'pods', view: { labelSelector: [], fieldSelector: [], as: 'Table', includeObject: 'None' } },
    HTTP,
    'GET /pods',
  ],
  [{ kind: 'runningPods' }, HTTP, 'GET /runningpods/'],
  [{ kind: 'configz' }, HTTP, 'GET /configz'],
  [{ kind: 'flagz' }, HTTP, 'GET /flagz'],
  [{ kind: 'statusz' }, HTTP, 'GET /statusz'],
  [{ kind: 'nodeLogs', path: [], directory: true }, HTTP, 'GET /logs/'],
  [
    { kind: 'nodeLogs', path: ['pods', 'é ;?#'], directory: true },
    HTTP,
    'GET /logs/pods/%C3%A9%20%3B%3F%23/',
  ],
  [{ kind: 'nodeLogs', path: ['syslog'], directory: false }, HTTP, 'GET /logs/syslog'],
  [
    {
      kind: 'nodeLogs',
      path: [],
      directory: true,
      query: { query: ['kubelet', '/a.log'], tailLines: 0, pattern: 'a +b', boot: -1 },
    },
    HTTP,
    'GET /logs/?query=kubelet&query=%2Fa.log&tailLines=0&pattern=a%20%2Bb&boot=-1',
  ],
  [
    {
      kind: 'containerLogs',
      pod: { ...pod, uid },
      container,
      options: {
        follow: true,
        previous: false,
        sinceTime: '2026-01-01T00:00:00+01:00',
        tailLines: 0,
        stream: 'All',
      },
    },
    HTTP,
    'GET /containerLogs/default/shell/main?follow=true&sinceTime=2026-01-01T00%3A00%3A00%2B01%3A00&tailLines=0&stream=All',
  ],
  [
    exec,
    SPDY,
    'POST /exec/default/shell/main?command=sh&command=-c&command=a%3D1%3B%20b%20%26%20c%0A%23%C3%A9&input=1&output=1&error=1',
  ],
  [
    { ...exec, command: ['id'] },
    WEBSOCKET,
    'GET /exec/default/shell/main?command=id&input=1&output=1&error=1',
  ],
  [
    { ...exec, pod: { ...pod, uid }, command: ['id'], streams: { ...streams, tty: true } },
    WEBSOCKET,
    `GET /exec/default/shell/${uid}/main?command=id&input=1&output=1&tty=1`,
  ],
  [
    { kind: 'attach', pod, container, streams },
    SPDY,
    'POST /attach/default/shell/main?input=1&output=1&error=1',
  ],
  [{ kind: 'portForward', pod, ports: [] }, WEBSOCKET, 'GET /portForward/default/shell'],
  [
    { kind: 'portForward', pod: { ...pod, uid }, ports: [80, 443] },
    SPDY,
    `POST /portForward/default/shell/${uid}?port=80&port=443`,
  ],
  [{ kind: 'run', pod, container, command: 'ls  -l' }, HTTP, 'POST /run/default/shell/main?cmd=ls%20%20-l'],
  [
    { kind: 'checkpoint', pod, container, timeoutSeconds: 0 },
    HTTP,
    'POST /checkpoint/default/shell/main?timeout=0',
  ],
  [{ kind: 'checkpoint', pod, container }, HTTP, 'POST /checkpoint/default/shell/main'],
  [
    { kind: 'pprof', profile: 'trace', seconds: 5, debug: 0 },
    HTTP,
    'GET /debug/pprof/trace?seconds=5&debug=0',
  ],
];

describe('the request line for a kubelet', () => {
  for (const [action, transport, line] of ROWS) {
    it(line, () => {
      const { method, target } = toKubeletTarget(action, transport);
      assert.equal(`${method} ${target}`, line);
    });
  }

  for (const kind of ['exec', 'attach', 'containerLogs'] as const) {
    it(`${kind} needs a container`, () => {
      const action: Action =
        kind === 'containerLogs' ? { kind, pod, options: {} } : { kind, pod, command: ['id'], streams };
      assert.throws(() => toKubeletTarget(action, SPDY), /the container is not known yet/);
    });
  }

  for (const action of [exec, { kind: 'portForward', pod, ports: [] } satisfies Action]) {
    it(`${action.kind} needs an upgraded connection`, () => {
      assert.throws(() => toKubeletTarget(action, HTTP), /needs an upgraded connection/);
    });
  }
});
