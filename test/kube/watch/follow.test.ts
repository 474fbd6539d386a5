import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../../src/core/ports.ts';
import type { FollowOptions } from '../../../src/kube/watch/follow.ts';
import { Secret } from '../../../src/core/secret.ts';
import { follow } from '../../../src/kube/watch/follow.ts';
import { ApiError } from '../../../src/kube/watch/get.ts';
import type { ApiServer } from '../../support/api-server.ts';
import { startApiServer } from '../../support/api-server.ts';
import { eventually } from '../../support/eventually.ts';
import { createAuthority } from '../../support/pki.ts';

interface Named {
  readonly name: string;
  readonly size: number;
}

const decode = (object: unknown): Named => {
  const { metadata, size } = object as { metadata: { name: string }; size: unknown };
  if (typeof size !== 'number') throw new TypeError('no size');
  return { name: metadata.name, size };
};

const node = (name: string, size = 1, labels: Record<string, string> = {}) => ({
  metadata: { name, labels },
  size,
});

async function start(t: TestContext): Promise<ApiServer> {
  const api = await startApiServer({ decide: () => ({ allowed: false }) });
  t.after(() => api.close());
  return api;
}

/** Follows the nodes and keeps what it is told. */
function begin(t: TestContext, api: ApiServer, options: Partial<FollowOptions<Named>> = {}) {
  const items = new Map<string, number>();
  const told: string[] = [];
  const errors: Error[] = [];
  const following = follow(
    { clock: systemClock },
    api.connection,
    {
      listed: (all) => {
        told.push(`listed ${all.length}`);
        items.clear();
        for (const { name, size } of all) items.set(name, size);
      },
      changed: ({ name, size }) => {
        told.push(`changed ${name}`);
        items.set(name, size);
      },
      removed: ({ name }) => {
        told.push(`removed ${name}`);
        items.delete(name);
      },
      connected: () => told.push('connected'),
      disconnected: (error) => {
        told.push('disconnected');
        errors.push(error);
      },
      unreadable: () => told.push('unreadable'),
    },
    { path: '/api/v1/nodes', decode, backoff: { firstMs: 5, capMs: 50 }, ...options },
  );
  t.after(() => following.stop());
  const has = (text: string): Promise<unknown> =>
    eventually(`${text} in ${told.join(', ')}`, () => (told.includes(text) ? true : undefined));
  return { items, told, errors, has, following };
}

describe('following a collection', () => {
  it('lists, and then hears of every change', async (t) => {
    const api = await start(t);
    api.resources.put('nodes', node('a'));
    const { items, told, has } = begin(t, api);
    await api.resources.watching(1);
    api.resources.put('nodes', node('b'));
    api.resources.put('nodes', node('a', 2));
    api.resources.remove('nodes', 'b');
    await has('removed b');
    assert.deepEqual(told, ['listed 1', 'connected', 'changed b', 'changed a', 'removed b']);
    assert.deepEqual([...items], [['a', 2]]);
  });

  it('misses nothing between the list and the watch', async (t) => {
    const api = await start(t);
    api.resources.put('nodes', node('a'));
    const { told, has } = begin(t, api, {
      decode: (object) => {
        const item = decode(object);
        // After the list was made and before the watch is asked for.
        if (item.name === 'a') api.resources.put('nodes', node('late'));
        return item;
      },
    });
    await has('changed late');
    assert.equal(told[0], 'listed 1');
  });

  it('reads a list of many pages as one', async (t) => {
    const api = await start(t);
    for (let i = 0; i < 23; i += 1) api.resources.put('nodes', node(`node-${i}`, i));
    const { items, has } = begin(t, api, { pageSize: 5 });
    await has('connected');
    assert.equal(items.size, 23);
    assert.equal(items.get('node-22'), 22);
    assert.equal(api.resources.asked.filter((url) => url.includes('limit=5')).length, 5);
  });

  it('asks for the whole list at once when it grows old between two pages', async (t) => {
    const api = await start(t);
    for (let i = 0; i < 9; i += 1) api.resources.put('nodes', node(`node-${i}`));
    let compacted = false;
    const { items, has } = begin(t, api, {
      pageSize: 5,
      decode: (object) => {
        if (!compacted) api.resources.compact();
        compacted = true;
        return decode(object);
      },
    });
    await has('connected');
    assert.equal(items.size, 9);
    assert.deepEqual(
      api.resources.asked.slice(0, 3).map((url) => /limit|continue/.test(url)),
      [true, true, false],
    );
  });

  it('asks with the label selector, in lists and watches', async (t) => {
    const api = await start(t);
    api.resources.put('nodes', node('a', 1, { pool: 'gpu' }));
    api.resources.put('nodes', node('b'));
    const { items, has } = begin(t, api, { labelSelector: 'pool=gpu' });
    await has('connected');
    api.resources.put('nodes', node('c', 1, { pool: 'cpu' }));
    api.resources.put('nodes', node('d', 1, { pool: 'gpu' }));
    await has('changed d');
    assert.deepEqual([...items.keys()], ['a', 'd']);
  });

  it('goes on where it stood after a cut connection, without a list', async (t) => {
    const api = await start(t);
    const { told, has } = begin(t, api);
    await api.resources.watching(1);
    api.resources.put('nodes', node('a'));
    await has('changed a');
    api.resources.cut();
    api.resources.put('nodes', node('b'));
    await has('changed b');
    assert.equal(told.filter((text) => text.startsWith('listed')).length, 1);
  });

  it('keeps its place by bookmarks, so that a quiet collection is not listed again', async (t) => {
    const api = await start(t);
    const { told, has } = begin(t, api);
    await api.resources.watching(1);
    // The history before the bookmark is forgotten; without it the next watch would be too old.
    api.resources.compact();
    api.resources.bookmark();
    api.resources.put('nodes', node('a'));
    await has('changed a');
    api.resources.cut();
    api.resources.put('nodes', node('b'));
    await has('changed b');
    assert.equal(told.filter((text) => text.startsWith('listed')).length, 1);
  });

  for (const how of ['a refusal', 'an event'] as const) {
    it(`lists again after 410 Gone as ${how}`, async (t) => {
      const api = await start(t);
      api.resources.put('nodes', node('a'));
      api.resources.put('nodes', node('b'));
      const { items, has, errors } = begin(t, api);
      await api.resources.watching(1);
      if (how === 'an event') api.resources.expire();
      else {
        await api.stop();
        api.resources.remove('nodes', 'a');
        api.resources.compact();
        await api.start();
        await has('listed 1');
        assert.deepEqual([...items.keys()], ['b']);
      }
      await api.resources.watching(1);
      await eventually('410 was told', () =>
        errors.some((error) => error instanceof ApiError && error.code === 410) ? true : undefined,
      );
    });
  }

  it('survives a restart of the server, and says so', async (t) => {
    const api = await start(t);
    api.resources.put('nodes', node('a'));
    const { items, has, told } = begin(t, api);
    await api.resources.watching(1);
    await api.stop();
    await has('disconnected');
    assert.deepEqual([...items.keys()], ['a']);
    api.resources.put('nodes', node('b'));
    await api.start();
    await has('changed b');
    assert.equal(told.filter((text) => text.startsWith('listed')).length, 1);
  });

  it('watches again when the time of a watch is over', async (t) => {
    const api = await start(t);
    const { told, errors } = begin(t, api, { watchMs: 1000 });
    await eventually('a second watch', () =>
      told.filter((text) => text === 'connected').length >= 2 ? true : undefined,
    );
    assert.deepEqual(errors, []);
  });

  it('asks anew for a watch that is quiet, and takes it for no failure', async (t) => {
    const api = await start(t);
    const { told, errors, has } = begin(t, api, { idleMs: 100 });
    await eventually('a third watch', () =>
      told.filter((text) => text === 'connected').length >= 3 ? true : undefined,
    );
    api.resources.put('nodes', node('late'));
    await has('changed late');
    assert.deepEqual(errors, []);
    assert.equal(told.filter((text) => text.startsWith('listed')).length, 1);
  });

  /** An API server that answers lists, and begins a watch as `onWatch` says. */
  async function startScripted(t: TestContext, onWatch: (response: ServerResponse) => void) {
    const authority = await createAuthority('silent CA');
    const { certificate, key } = await authority.issue({ dnsNames: ['localhost'], usages: ['server'] });
    const server = createServer({ cert: certificate, key }, ({ url = '' }, response) => {
      if (url.includes('watch=1')) onWatch(response);
      else response.end('{"kind":"NodeList","metadata":{"resourceVersion":"1"},"items":[]}');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => server.close().closeAllConnections());
    const { port } = server.address() as AddressInfo;
    const api = await start(t);
    const connection = {
      ...api.connection,
      server: `https://localhost:${port}`,
      certificateAuthority: authority.certificate,
    };
    return { ...api, connection };
  }

  it('takes a server that does not answer for away', async (t) => {
    const api = await startScripted(t, () => undefined);
    const { has, errors } = begin(t, api, { idleMs: 200 });
    await has('disconnected');
    assert.match(errors[0]?.message ?? '', /nothing was heard for 200 ms/);
  });

  it('takes one that falls silent for away as soon as it does not answer, and does not wait as long again', async (t) => {
    let isAway = false;
    const api = await startScripted(t, (response) => {
      if (!isAway) response.flushHeaders();
    });
    const { has, errors } = begin(t, api, { idleMs: 400, answerMs: 300 });
    await has('connected');
    isAway = true;
    const before = errors.length;
    const told = await eventually('that it is away', () => errors[before]);
    assert.match(told.message, /nothing was heard for 300 ms/);
  });

  it('tells a refusal in the words of the server, and tries again', async (t) => {
    const api = await start(t);
    api.resources.forbidden.add('nodes');
    const { has, errors } = begin(t, api);
    await has('disconnected');
    const [error] = errors;
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, 403);
    assert.match(error.message, /HTTP 403: nodes is forbidden: User "kubelet-gateway" cannot list/);
    api.resources.forbidden.clear();
    await has('connected');
  });

  it('leaves out what it cannot read, and keeps the rest', async (t) => {
    const api = await start(t);
    api.resources.put('nodes', { metadata: { name: 'odd' } });
    api.resources.put('nodes', node('a'));
    const { items, has, told } = begin(t, api);
    await has('connected');
    api.resources.put('nodes', { metadata: { name: 'odd' } });
    api.resources.put('nodes', node('b'));
    await has('changed b');
    assert.deepEqual([...items.keys()], ['a', 'b']);
    assert.equal(told.filter((text) => text === 'unreadable').length, 2);
  });

  it('stops, and leaves no connection behind', async (t) => {
    const api = await start(t);
    const { following, told, has } = begin(t, api);
    await has('connected');
    following.stop();
    await eventually('no watch', () => (api.resources.watches === 0 ? true : undefined));
    assert.deepEqual(told, ['listed 0', 'connected']);
  });
});

describe('a server that is not one', () => {
  const answers: readonly (readonly [string, string, RegExp])[] = [
    ['a page that is no list', '[]', /the answer is not an object/],
    ['a page without a version', '{"metadata":{},"items":[]}', /no resourceVersion/],
    ['a page that is not JSON', '<html>', /JSON/],
    [
      'a page without an end',
      `{"metadata":{"resourceVersion":"1"},"items":["${'x'.repeat(5000)}"]}`,
      /longer than 2000/,
    ],
  ];
  for (const [what, body, words] of answers) {
    it(`is told of: ${what}`, async (t) => {
      const { errors } = await followRaw(t, () => body);
      assert.match(errors[0]?.message ?? '', words);
    });
  }

  const events: readonly (readonly [string, string, RegExp])[] = [
    ['an event of an unknown type', '{"type":"MOVED","object":{}}\n', /unknown type/],
    ['an event without a version', '{"type":"ADDED","object":{"metadata":{}}}\n', /no resourceVersion/],
    ['a line without an end', 'x'.repeat(5000), /longer than 1000/],
    ['a watch that ends at once', '', /ended at once/],
    ['half an event', '{"type":"ADDED","obj', /JSON/],
  ];
  for (const [what, body, words] of events) {
    it(`is told of: ${what}`, async (t) => {
      const { errors } = await followRaw(t, (url) =>
        url.includes('watch=1') ? body : '{"metadata":{"resourceVersion":"1"},"items":null}',
      );
      assert.match(errors[0]?.message ?? '', words);
    });
  }

  it('is not followed anywhere else', async (t) => {
    let asked = 0;
    const { errors } = await followRaw(
      t,
      () => {
        asked += 1;
        return '';
      },
      { code: 302, headers: { location: 'https://127.0.0.1:1/' } },
    );
    assert.match(errors[0]?.message ?? '', /HTTP 302/);
    assert.ok(asked > 0);
  });

  it('must be reached over https', () => {
    const nobody = {
      listed() {},
      changed() {},
      removed() {},
      connected() {},
      disconnected() {},
      unreadable() {},
    };
    const connection = {
      server: 'http://127.0.0.1:1',
      credential: { kind: 'tokenFile', path: '/' },
    } as const;
    assert.throws(
      () => follow({ clock: systemClock }, connection, nobody, { path: '/api/v1/nodes', decode }),
      /over https/,
    );
  });
});

/** A TLS server that answers every request with this body. Resolves at the first error that is told. */
async function followRaw(
  t: TestContext,
  body: (url: string) => string,
  { code = 200, headers = {} }: { readonly code?: number; readonly headers?: Record<string, string> } = {},
) {
  const authority = await createAuthority('raw-ca');
  const pair = await authority.issue({ commonName: 'raw', usages: ['server'], ipAddresses: ['127.0.0.1'] });
  const server = createServer({ cert: pair.certificate, key: pair.key }, (request, response) => {
    response.writeHead(code, headers).end(body(request.url ?? ''));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const errors: Error[] = [];
  await new Promise<void>((resolve) => {
    const following = follow(
      { clock: systemClock },
      {
        server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
        certificateAuthority: authority.certificate,
        credential: { kind: 'token', token: new Secret('t') },
      },
      {
        listed: () => undefined,
        changed: () => undefined,
        removed: () => undefined,
        connected: () => undefined,
        disconnected: (error) => {
          errors.push(error);
          resolve();
        },
        unreadable: () => undefined,
      },
      {
        path: '/api/v1/nodes',
        decode,
        maxLineBytes: 1000,
        maxPageBytes: 2000,
        backoff: { firstMs: 5, capMs: 50 },
      },
    );
    t.after(() => following.stop());
  });
  return { errors };
}
