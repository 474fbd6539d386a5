import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import type { Action } from '../../src/core/action.ts';
import type { Authorized, Located, Resolved } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { createStaticInventory } from '../../src/inventory/static.ts';
import { createLocate } from '../../src/locate/locate.ts';
import {
  containerName,
  createResolved,
  namespaceName,
  nodeName,
  podName,
  podUid,
} from '../support/resolved.ts';

const UID = '4a62a1e9-4dea-427b-9f93-5422082de900';
const OTHER_UID = '00000000-4dea-427b-9f93-5422082de900';

const podList = (spec: object, name = 'web-0', namespace = 'shop', uid: unknown = UID): unknown => ({
  kind: 'PodList',
  apiVersion: 'v1',
  metadata: {},
  items: [
    {
      metadata: { name: 'web-0', namespace: 'bank', uid: OTHER_UID },
      spec: { containers: [{ name: 'bank' }] },
    },
    { metadata: { name, namespace, uid }, spec },
  ],
});
const one = podList({
  containers: [{ name: 'app' }],
  initContainers: [{ name: 'setup' }],
  ephemeralContainers: [{ name: 'debugger' }],
});
const two = podList({ containers: [{ name: 'app' }, { name: 'proxy' }] });

const inventory = createStaticInventory([
  {
    name: nodeName('node-1'),
    address: '127.0.0.1',
    port: 10250,
    serverName: 'node-1',
    certificateAuthority: 'PEM',
  },
]);

/** `locate`, and how often it has asked the node. */
function start(answer: unknown) {
  const asked: { located: Located; signal: AbortSignal }[] = [];
  const locate = createLocate({
    inventory: () => inventory,
    pods: (located, signal) => {
      asked.push({ located, signal });
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  return { asked, locate };
}

async function authorized(
  action: Action,
  surface: Resolved['surface'] = 'kubelet',
  node = 'node-1',
): Promise<Authorized> {
  const authorize = createAuthorize({ authorizer: () => ({ kind: 'allow', reason: 'test' }) });
  return authorize(createResolved({ action, surface, node }));
}

const pod = (uid?: string) => ({
  namespace: namespaceName('shop'),
  name: podName('web-0'),
  ...(uid === undefined ? {} : { uid: podUid(uid) }),
});
const streams = { stdin: false, stdout: true, stderr: true, tty: false };
const named = (container?: string) =>
  container === undefined ? {} : { container: containerName(container) };

const exec = (container?: string, uid?: string): Action => ({
  kind: 'exec',
  pod: pod(uid),
  ...named(container),
  command: ['ls'],
  streams,
});
const attach = (container?: string, uid?: string): Action => ({
  kind: 'attach',
  pod: pod(uid),
  ...named(container),
  streams,
});
const logs = (container?: string): Action => ({
  kind: 'containerLogs',
  pod: pod(),
  ...named(container),
  options: {},
});
const portForward = (uid?: string): Action => ({ kind: 'portForward', pod: pod(uid), ports: [] });
const run = (uid?: string): Action => ({
  kind: 'run',
  pod: pod(uid),
  container: containerName('app'),
  command: 'ls',
});
const checkpoint = (uid?: string): Action => ({
  kind: 'checkpoint',
  pod: pod(uid),
  container: containerName('app'),
});

const isFault = (reason: Fault['reason'], message: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault);
  assert.equal(error.reason, reason);
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

describe('a node', () => {
  it('that is known is found at once, without asking it', async () => {
    const { asked, locate } = start(one);
    for (const action of [
      { kind: 'configz' } as const,
      exec('app'),
      attach('app'),
      logs('app'),
      portForward(),
      run(),
      checkpoint(),
    ]) {
      const located = locate(await authorized(action));
      assert.ok(!(located instanceof Promise));
      assert.equal(located.entry.address, '127.0.0.1');
      assert.equal(located.action, action);
    }
    assert.equal(asked.length, 0);
  });

  it('that is not known is 404, and nobody is asked', async () => {
    const { asked, locate } = start(one);
    const unknown = await authorized(exec('app', UID), 'kubectl', 'node-9');
    assert.throws(
      () => locate(unknown),
      (error) => {
        assert.ok(isFault('NotFound', 'nodes "node-9" not found')(error) && error instanceof Fault);
        assert.deepEqual(error.details, { kind: 'nodes', name: 'node-9' });
        return true;
      },
    );
    assert.equal(asked.length, 0);
  });
});

describe('the uid that a client gives', () => {
  const actions = [exec('app', UID), attach('app', UID), portForward(UID), run(UID), checkpoint(UID)];
  for (const action of actions) {
    it(`is compared for ${action.kind}`, async () => {
      const right = start(one);
      const located = await right.locate(await authorized(action));
      assert.equal(located.action, action);
      assert.equal(right.asked.length, 1);
      assert.equal(right.asked[0]?.signal, located.lifetime.signal);
      assert.equal(right.asked[0].located.entry.name, 'node-1');

      const wrong = start(podList({ containers: [{ name: 'app' }] }, 'web-0', 'shop', OTHER_UID));
      await assert.rejects(
        async () => wrong.locate(await authorized(action)),
        isFault('Conflict', 'the UID in the request does not match that of pod "web-0"'),
      );
    });
  }

  it('is compared with that of the pod of the same namespace', async () => {
    const { locate } = start(podList({ containers: [] }, 'web-0', 'another'));
    await assert.rejects(
      async () => locate(await authorized(exec('app', OTHER_UID))),
      isFault('NotFound', 'pods "web-0" not found'),
    );
  });

  it('matches no pod without a well-formed uid', async () => {
    for (const uid of [undefined, null, '', 7, 'x', { toString: () => UID }]) {
      const { locate } = start(podList({ containers: [] }, 'web-0', 'shop', uid ?? null));
      await assert.rejects(async () => locate(await authorized(run(UID))), isFault('Conflict', /UID/));
    }
  });
});

describe('the container on kubectl’s paths', () => {
  for (const make of [exec, attach, logs]) {
    const { kind } = make();

    it(`of ${kind} is the only one there is`, async () => {
      const { asked, locate } = start(one);
      const located = await locate(await authorized(make(), 'kubectl'));
      assert.deepEqual(located.action, make('app'));
      assert.equal(asked.length, 1);
    });

    it(`of ${kind} may be of any sort when it is named`, async () => {
      for (const name of ['app', 'setup', 'debugger']) {
        const { locate } = start(one);
        assert.deepEqual((await locate(await authorized(make(name), 'kubectl'))).action, make(name));
      }
    });

    it(`of ${kind} must exist`, async () => {
      const { locate } = start(one);
      await assert.rejects(
        async () => locate(await authorized(make('bank'), 'kubectl')),
        isFault('BadRequest', 'container bank is not valid for pod web-0'),
      );
    });

    it(`of ${kind} must be named where there are several`, async () => {
      const { locate } = start(two);
      await assert.rejects(
        async () => locate(await authorized(make(), 'kubectl')),
        isFault('BadRequest', 'a container name must be specified for pod web-0, choose one of: [app proxy]'),
      );
    });

    it(`of ${kind} needs a pod`, async () => {
      const { locate } = start({ kind: 'PodList', items: null });
      await assert.rejects(
        async () => locate(await authorized(make('app'), 'kubectl')),
        isFault('NotFound', 'pods "web-0" not found'),
      );
    });
  }

  it('may be an init or ephemeral one, which the message says', async () => {
    const { locate } = start(
      podList({
        containers: [{ name: 'a' }, { name: 'b' }],
        initContainers: [{ name: 'i' }],
        ephemeralContainers: [{ name: 'e' }, { name: 'f' }],
      }),
    );
    await assert.rejects(
      async () => locate(await authorized(exec(), 'kubectl')),
      isFault(
        'BadRequest',
        'a container name must be specified for pod web-0, choose one of: [a b]' +
          ' or one of the init containers: [i] or one of the ephemeral containers: [e f]',
      ),
    );
  });

  it('is not guessed where the pod has none', async () => {
    const { locate } = start(podList({}));
    await assert.rejects(
      async () => locate(await authorized(exec(), 'kubectl')),
      isFault('BadRequest', 'a container name must be specified for pod web-0'),
    );
  });

  it('is found together with the uid, by one question', async () => {
    const { asked, locate } = start(one);
    const located = await locate(await authorized(exec(undefined, UID), 'kubectl'));
    assert.deepEqual(located.action, exec('app', UID));
    assert.equal(asked.length, 1);
  });

  it('is of no concern to portForward', async () => {
    const { asked, locate } = start(one);
    await locate(await authorized(portForward(), 'kubectl'));
    assert.equal(asked.length, 0);
  });

  it('is found in what a real kubelet answers', async () => {
    const fixture = new URL('../fixtures/http/pods.json', import.meta.url);
    const { locate } = start(JSON.parse(await readFile(fixture, 'utf8')));
    const debian = { namespace: namespaceName('default'), name: podName('debian'), uid: podUid(UID) };
    const action: Action = { kind: 'containerLogs', pod: debian, options: {} };
    const located = await locate(await authorized(action, 'kubectl'));
    assert.ok(located.action.kind === 'containerLogs' && located.action.container !== undefined);
  });
});

describe('a node that answers badly', () => {
  const answers: readonly unknown[] = [
    undefined,
    null,
    'PodList',
    [],
    {},
    { kind: 'PodList' },
    { kind: 'PodList', items: {} },
    { kind: 'Status', items: [] },
  ];
  for (const answer of answers) {
    it(inspect(answer), async () => {
      const { locate } = start(answer);
      await assert.rejects(
        async () => locate(await authorized(run(UID))),
        isFault('BadGateway', /cannot be read/),
      );
    });
  }

  it('with a fault, which is passed on', async () => {
    const fault = new Fault('Timeout', 'the node did not answer in time');
    const { locate } = start(fault);
    await assert.rejects(
      async () => locate(await authorized(run(UID))),
      (error) => error === fault,
    );
  });
});
