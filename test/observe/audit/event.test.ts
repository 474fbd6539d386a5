// What an audit event says, stage by stage.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action } from '../../../src/core/action.ts';
import { ACTION_KINDS } from '../../../src/core/action.ts';
import { Fault } from '../../../src/core/fault.ts';
import { HeaderLines } from '../../../src/core/headers.ts';
import type { EarlyEvidence, Observation } from '../../../src/core/observation.ts';
import type { AnyAttributes } from '../../../src/core/attributes.ts';
import type { OwnResolved, Received } from '../../../src/core/exchange.ts';
import { isSessionId } from '../../../src/core/operation.ts';
import type { Operation } from '../../../src/core/operation.ts';
import { createAudit } from '../../../src/observe/audit/audit.ts';
import { createMetrics } from '../../../src/observe/metrics/metrics.ts';
import { toRequirement } from '../../../src/resolve/attributes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createKeptLog } from '../../support/kept-log.ts';
import { containerName, createUser, namespaceName, nodeName, podName } from '../../support/resolved.ts';
import {
  alice,
  answered,
  authorized,
  AUDIT_ID,
  credentialed,
  execAction,
  execByWebSocket,
  pod,
  received,
  RECEIVED_AT,
  resolved,
} from '../evidence.ts';
import type { EventRecord } from './events.ts';
import { annotationsOf, KeptStream, parseEvents } from './events.ts';

/** The events of one exchange, `steps` being what happens to it; the clock stands 10 ms after the request. */
async function record(
  evidence: EarlyEvidence,
  steps: (observation: Observation) => void | Promise<void>,
): Promise<EventRecord[]> {
  const stream = new KeptStream();
  const clock = createFakeClock(RECEIVED_AT + 10);
  const audit = await createAudit(
    { clock, log: createKeptLog(), metrics: createMetrics({ version: 'test' }) },
    { mode: 'blocking-strict', fsync: false, stdout: stream },
  );
  const observation = audit.observer(evidence);
  await observation.received(evidence);
  await steps(observation);
  await audit.close();
  return parseEvents(stream.text);
}

const nothing = (): void => undefined;

describe('the events of an operation of the gateway’s own', () => {
  const own = (operation: Operation, by: AnyAttributes): OwnResolved => ({
    ...received(),
    authentication: { user: alice, method: 'jwt', expiresAt: Number.MAX_SAFE_INTEGER },
    operation,
    requirement: [by],
  });

  it('name the object in its own API group', async () => {
    assert.ok(isSessionId(AUDIT_ID));
    const [event] = await record(
      own(
        { kind: 'endSession', id: AUDIT_ID },
        {
          verb: 'delete',
          apiGroup: 'kubelet-gateway.io',
          version: 'v1alpha1',
          resource: 'sessions',
          subresource: '',
          namespace: '',
          name: AUDIT_ID,
        },
      ),
      nothing,
    );
    assert.equal(event?.['verb'], 'delete');
    assert.deepEqual(event['objectRef'], {
      resource: 'sessions',
      name: AUDIT_ID,
      apiGroup: 'kubelet-gateway.io',
      apiVersion: 'v1alpha1',
    });
    assert.equal(annotationsOf(event)['kubelet-gateway.io/action'], 'endSession');
  });

  it('of a path have none', async () => {
    const [event] = await record(own({ kind: 'readMetrics' }, { verb: 'get', path: '/metrics' }), nothing);
    assert.equal(event?.['verb'], 'get');
    assert.equal(event['objectRef'], undefined);
  });

  it('are three for one that is followed', async () => {
    assert.ok(isSessionId(AUDIT_ID));
    const following = own({ kind: 'followSession', id: AUDIT_ID }, { verb: 'watch', path: '/' });
    const events = await record(following, (observation) => {
      observation.started(200);
      observation.complete({ code: 200, reason: 'nodeClosed' });
    });
    const stages = events.map(({ stage }) => stage);
    assert.deepEqual(stages, ['RequestReceived', 'ResponseStarted', 'ResponseComplete']);
  });
});

describe('the events of an exec by WebSocket', async () => {
  const exec = execByWebSocket();
  const events = await record(exec, async (observation) => {
    const grant = await authorized(exec);
    observation.found(grant);
    observation.found(credentialed(grant));
    observation.started(101);
    observation.complete({ code: 101, reason: 'clientClosed', bytesSent: 12, bytesReceived: 3400 });
  });
  const request = {
    'kubelet-gateway.io/http-method': 'GET',
    'kubelet-gateway.io/authenticated-by': 'jwt',
    'kubelet-gateway.io/node': 'node-1',
    'kubelet-gateway.io/action': 'exec',
    'kubelet-gateway.io/protocol': 'websocket',
    'kubelet-gateway.io/container': 'app',
    'kubelet-gateway.io/command': '["sh","-c","echo \\"a b\\""]',
    'kubelet-gateway.io/stdin': 'true',
    'kubelet-gateway.io/tty': 'true',
  };
  const decision = {
    'authorization.k8s.io/decision': 'allow',
    'authorization.k8s.io/reason': 'RBAC: allowed',
    'kubelet-gateway.io/authorized-by': 'create nodes/proxy',
    'kubelet-gateway.io/credential': 'operator',
  };
  const common = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: AUDIT_ID,
    requestURI: exec.target,
    verb: 'create',
    user: {
      username: 'alice',
      uid: 'u-1',
      groups: ['sre', 'system:authenticated'],
      extra: { 'example.org/team': ['blue'] },
    },
    sourceIPs: ['203.0.113.7', '10.0.0.9'],
    userAgent: 'kubectl/v1.36.2',
    objectRef: { resource: 'pods', namespace: 'shop', name: 'web-0', apiVersion: 'v1', subresource: 'exec' },
    requestReceivedTimestamp: '2026-11-23T18:00:00.123000Z',
  };
  const later = { stageTimestamp: '2026-11-23T18:00:00.133000Z' };

  it('has one event a stage, in their order', () => {
    assert.deepEqual(
      events.map(({ stage }) => stage),
      ['RequestReceived', 'ResponseStarted', 'ResponseComplete'],
    );
  });
  it('knows the command before a node is asked', () => {
    assert.deepEqual(events[0], {
      ...common,
      stage: 'RequestReceived',
      stageTimestamp: '2026-11-23T18:00:00.123000Z',
      annotations: request,
    });
  });
  it('says when the stream began, and by which right and credential', () => {
    assert.deepEqual(events[1], {
      ...common,
      ...later,
      stage: 'ResponseStarted',
      responseStatus: { metadata: {}, code: 101 },
      annotations: { ...request, ...decision },
    });
  });
  it('says how it ended', () => {
    assert.deepEqual(events[2], {
      ...common,
      ...later,
      stage: 'ResponseComplete',
      responseStatus: { metadata: {}, code: 101 },
      annotations: {
        ...request,
        ...decision,
        'kubelet-gateway.io/end-reason': 'clientClosed',
        'kubelet-gateway.io/bytes-sent': '12',
        'kubelet-gateway.io/bytes-received': '3400',
      },
    });
  });
  it('has no word of the tokens', () => {
    assert.doesNotMatch(JSON.stringify(events), /s3cr3t|kubelet-bearer/);
  });
});

const node = nodeName('node-1');
const app = containerName('app');
const view = { labelSelector: [], fieldSelector: [], as: 'Table', includeObject: 'None' } as const;
const shop = namespaceName('shop');

/** Action, and what it is called in an event. `nodes/…` has the node's name and no namespace. */
const OBJECTS: readonly (readonly [Action, verb: string, object: string])[] = [
  [{ kind: 'healthz', verbose: false, exclude: [] }, 'get', 'nodes/healthz'],
  [{ kind: 'metrics', endpoint: 'cadvisor' }, 'get', 'nodes/metrics'],
  [{ kind: 'stats', path: ['summary'], onlyCpuAndMemory: false }, 'get', 'nodes/stats'],
  [{ kind: 'spec' }, 'get', 'nodes/spec'],
  [{ kind: 'pods' }, 'get', 'nodes/pods'],
  [{ kind: 'pods', view }, 'list', 'pods'],
  [{ kind: 'pods', view: { ...view, namespace: shop } }, 'list', 'shop: pods'],
  [{ kind: 'pods', view: { ...view, namespace: shop, name: podName('web-0') } }, 'get', 'shop: pods web-0'],
  [{ kind: 'runningPods' }, 'get', 'nodes/pods'],
  [{ kind: 'configz' }, 'get', 'nodes/configz'],
  [{ kind: 'flagz' }, 'get', 'nodes/configz'],
  [{ kind: 'statusz' }, 'get', 'nodes/statusz'],
  [{ kind: 'nodeLogs', path: ['syslog'], directory: false }, 'get', 'nodes/log'],
  [{ kind: 'containerLogs', pod, options: {} }, 'get', 'shop: pods/log web-0'],
  [execAction, 'create', 'shop: pods/exec web-0'],
  [{ kind: 'attach', pod, streams: execAction.streams }, 'create', 'shop: pods/attach web-0'],
  [{ kind: 'portForward', pod, ports: [] }, 'create', 'shop: pods/portforward web-0'],
  [{ kind: 'run', pod, container: app, command: 'id' }, 'create', 'shop: pods/run web-0'],
  [{ kind: 'checkpoint', pod, container: app }, 'create', 'nodes/checkpoint'],
  [{ kind: 'pprof', profile: 'heap' }, 'get', 'nodes/proxy'],
];

describe('verb and object of an event', () => {
  it('are tested for every action', () => {
    assert.deepEqual(new Set(OBJECTS.map(([{ kind }]) => kind)), new Set(ACTION_KINDS));
  });
  for (const [action, verb, object] of OBJECTS) {
    for (const podSubresources of [true, false]) {
      it(`${action.kind} is ${verb} ${object}, podSubresources ${podSubresources ? 'on' : 'off'}`, async () => {
        const requirement = toRequirement(action, node, { podSubresources });
        const [event] = await record(resolved({ action, requirement }), nothing);
        assert.equal(event?.['verb'], verb);
        assert.equal(toObject(event), object.startsWith('nodes/') ? `${object} node-1` : object);
      });
    }
  }
});

function toObject(event: EventRecord | undefined): string {
  const object = event?.['objectRef'];
  assert.ok(typeof object === 'object' && object !== null);
  const { resource, namespace, name, subresource, apiVersion } = Object.fromEntries(Object.entries(object));
  assert.equal(apiVersion, 'v1');
  const full = `${String(resource)}${subresource === undefined ? '' : `/${String(subresource)}`}`;
  const inNamespace = namespace === undefined ? full : `${String(namespace)}: ${full}`;
  return name === undefined ? inNamespace : `${inNamespace} ${String(name)}`;
}

/** What annotations an action leaves, beside those that every exchange has. */
const DETAILS: readonly (readonly [Action, Readonly<Record<string, string>>])[] = [
  [
    { kind: 'run', pod, container: app, command: 'ls -l /tmp' },
    { command: 'ls -l /tmp', container: 'app' },
  ],
  [
    { kind: 'attach', pod, streams: { ...execAction.streams, stdin: false } },
    { stdin: 'false', tty: 'true' },
  ],
  [{ kind: 'portForward', pod, ports: [80, 8080] }, { ports: '80,8080' }],
  [
    { kind: 'checkpoint', pod, container: app },
    { pod: 'shop/web-0', container: 'app' },
  ],
];

describe('annotations of an action', () => {
  for (const [action, expected] of DETAILS) {
    it(action.kind, async () => {
      const [event] = await record(resolved({ action }), nothing);
      const annotations = annotationsOf(event);
      for (const [name, value] of Object.entries(expected)) {
        assert.equal(annotations[`kubelet-gateway.io/${name}`], value, name);
      }
    });
  }
  it('show the container that was found later', async () => {
    const exec = resolved({ action: { kind: 'exec', pod, command: ['id'], streams: execAction.streams } });
    const events = await record(exec, async (observation) => {
      const grant = await authorized(exec);
      observation.found({ ...credentialed(grant), action: execAction });
      observation.complete({ code: 101 });
    });
    assert.equal(annotationsOf(events[0])['kubelet-gateway.io/container'], undefined);
    assert.equal(annotationsOf(events.at(-1))['kubelet-gateway.io/container'], 'app');
  });
});

describe('refusals', () => {
  it('name the decision and its reason, without a grant', async () => {
    const exchange = resolved({ user: createUser('bob') });
    const fault = new Fault('Forbidden', 'nodes "node-1" is forbidden: User "bob" cannot get nodes/configz');
    const [, event] = await record(exchange, (observation) => observation.complete({ code: 403, fault }));
    assert.deepEqual(event?.['responseStatus'], {
      metadata: {},
      status: 'Failure',
      message: fault.message,
      reason: 'Forbidden',
      code: 403,
    });
    const annotations = annotationsOf(event);
    assert.equal(annotations['authorization.k8s.io/decision'], 'forbid');
    assert.equal(annotations['authorization.k8s.io/reason'], fault.message);
  });
  it('after a grant still say that the request was allowed', async () => {
    const exchange = resolved({});
    const fault = new Fault('Forbidden', 'no credential is mapped');
    const events = await record(exchange, async (observation) => {
      observation.found(await authorized(exchange));
      observation.complete({ code: 403, fault });
    });
    assert.equal(annotationsOf(events[1])['authorization.k8s.io/decision'], 'allow');
  });
  it('of an authorizer that cannot decide have no decision', async () => {
    const fault = new Fault('InternalError', 'authorization could not be decided', {
      cause: new Error('10.0.0.1'),
    });
    const [, event] = await record(resolved({}), (observation) => observation.complete({ code: 500, fault }));
    const annotations = annotationsOf(event);
    assert.equal(annotations['authorization.k8s.io/decision'], undefined);
    assert.equal(annotations['authorization.k8s.io/reason'], 'internal error');
    assert.doesNotMatch(JSON.stringify(event), /10\.0\.0\.1/);
  });
});

const bearer = 'abcdefgh.0123456789';
const certificate = { leaf: new Uint8Array(), intermediates: [] };
const FAILED_AUTHENTICATIONS: readonly (readonly [string, Partial<Received>, string])[] = [
  ['nothing', {}, 'Authentication failed, no credentials provided'],
  [
    'a bearer token',
    { headers: new HeaderLines(['Authorization', `Bearer ${bearer}`]) },
    'Authentication failed, attempted: bearer',
  ],
  [
    'a password',
    { headers: new HeaderLines(['authorization', 'Basic dXNlcjpwYXNzd29yZA==']) },
    'Authentication failed, attempted: basic',
  ],
  [
    'a token in a subprotocol',
    {
      headers: new HeaderLines(['Sec-WebSocket-Protocol', `base64url.bearer.authorization.k8s.io.${bearer}`]),
    },
    'Authentication failed, attempted: bearer',
  ],
  [
    'a token in the URL',
    { target: `/nodes/n/metrics?access_token=${bearer}` },
    'Authentication failed, attempted: access_token',
  ],
  [
    'a certificate and a token',
    {
      headers: new HeaderLines(['authorization', `bearer ${bearer}`]),
      peer: { sourceIPs: ['10.0.0.9'], certificate },
    },
    'Authentication failed, attempted: bearer, x509',
  ],
];

describe('failed authentication', () => {
  for (const [name, parts, message] of FAILED_AUTHENTICATIONS) {
    it(`with ${name} is recorded without it`, async () => {
      const fault = new Fault('Unauthorized', 'the token is not valid');
      const events = await record(received({ target: '/nodes/node-1/pods?x=1', ...parts }), (observation) =>
        observation.complete({ code: 401, fault }),
      );
      assert.deepEqual(
        events.map(({ stage }) => stage),
        ['RequestReceived', 'ResponseComplete'],
      );
      const [, event] = events;
      assert.deepEqual(event?.['user'], {});
      assert.equal(event['verb'], 'get');
      assert.equal(event['objectRef'], undefined);
      assert.deepEqual(event['responseStatus'], {
        metadata: {},
        status: 'Failure',
        message,
        reason: 'Unauthorized',
        code: 401,
      });
      assert.doesNotMatch(JSON.stringify(events), /0123456789|dXNlcjpw/);
    });
  }
});

describe('other events', () => {
  it("of the gateway's own answers are about their path", async () => {
    const events = await record(answered('/version?timeout=32s'), (observation) => {
      observation.started(200);
      observation.complete({ code: 200 });
    });
    assert.equal(events.length, 2);
    const [, event] = events;
    assert.equal(event?.['verb'], 'get');
    assert.equal(event['requestURI'], '/version?timeout=32s');
    assert.equal(event['objectRef'], undefined);
    assert.deepEqual(event['responseStatus'], { metadata: {}, code: 200 });
  });
  it('of a short exchange do not say that it started', async () => {
    const events = await record(resolved({}), (observation) => {
      observation.started(200);
      observation.complete({ code: 200 });
    });
    assert.deepEqual(
      events.map(({ stage }) => stage),
      ['RequestReceived', 'ResponseComplete'],
    );
  });
  const LONG: readonly (readonly [string, Action, boolean])[] = [
    ['followed logs', { kind: 'containerLogs', pod, options: { follow: true } }, true],
    ['logs', { kind: 'containerLogs', pod, options: { tailLines: 3 } }, false],
    ['a CPU profile', { kind: 'pprof', profile: 'profile', seconds: 30 }, true],
    ['a heap profile', { kind: 'pprof', profile: 'heap' }, false],
    ['a port-forward', { kind: 'portForward', pod, ports: [] }, true],
  ];
  for (const [name, action, isLong] of LONG) {
    it(`of ${name} ${isLong ? 'say' : 'do not say'} that it started`, async () => {
      const events = await record(resolved({ action }), (observation) => observation.started(200));
      assert.equal(events.length, isLong ? 2 : 1);
    });
  }
  it('of an unforeseen error are a Panic without its text', async () => {
    const fault = new Fault('InternalError', 'internal error');
    const events = await record(resolved({}), (observation) =>
      observation.panic(new TypeError('password=hunter2'), { code: 500, fault }),
    );
    assert.equal(events[1]?.['stage'], 'Panic');
    assert.deepEqual(events[1]['responseStatus'], {
      metadata: {},
      status: 'Failure',
      message: 'internal error',
      reason: 'InternalError',
      code: 500,
    });
    assert.doesNotMatch(JSON.stringify(events), /hunter2/);
  });
  it('of a client that left before any answer say so', async () => {
    const [, event] = await record(resolved({}), (observation) =>
      observation.complete({ code: 0, reason: 'clientClosed' }),
    );
    assert.deepEqual(event?.['responseStatus'], {
      metadata: {},
      message: 'Connection closed early',
      code: 0,
    });
  });
  it('cut a long user agent and keep control characters apart', async () => {
    const headers = new HeaderLines(['user-agent', `x\u001b]0;"\\${'y'.repeat(2000)}`]);
    const [event] = await record(received({ headers }), nothing);
    const userAgent = event?.['userAgent'];
    assert.ok(typeof userAgent === 'string');
    assert.equal(userAgent.length, 1024 + '...TRUNCATED'.length);
    assert.ok(userAgent.startsWith('x\u001b]0;"\\yyy') && userAgent.endsWith('y...TRUNCATED'));
  });
  it('redact a token in a target that is refused', async () => {
    const [event] = await record(
      received({ target: `/nodes/n/metrics?a=1&access_token=${bearer}&b=2` }),
      nothing,
    );
    assert.equal(event?.['requestURI'], '/nodes/n/metrics?a=1&access_token=[redacted]&b=2');
  });
  it('of one user are the same whichever exchange made the cached part', async () => {
    const first = await record(resolved({ user: alice }), nothing);
    const second = await record(resolved({ user: createUser('bob') }), nothing);
    assert.deepEqual(Object.keys(first[0] ?? {}), Object.keys(second[0] ?? {}));
    assert.deepEqual(second[0]?.['user'], { username: 'bob', groups: ['system:authenticated'] });
  });
});
