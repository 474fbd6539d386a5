// The objects of the tests' API server: Nodes and RBAC, with what the real one does to those who list and watch them
// (apimachinery pkg/apis/meta/v1 ListOptions): pages, versions, bookmarks, a history that is forgotten, 410 Gone.

import type { IncomingMessage, ServerResponse } from 'node:http';

export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
  };
  readonly [key: string]: unknown;
}

export type ResourceName =
  'nodes' | 'pods' | 'clusterroles' | 'clusterrolebindings' | 'roles' | 'rolebindings';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const GROUPS: Readonly<Record<ResourceName, string>> = {
  nodes: '/api/v1',
  pods: '/api/v1',
  clusterroles: RBAC,
  clusterrolebindings: RBAC,
  roles: RBAC,
  rolebindings: RBAC,
};

export interface Resources {
  /** Creates or replaces. */
  put(resource: ResourceName, object: KubeObject): void;
  remove(resource: ResourceName, name: string, namespace?: string): void;
  list(resource: ResourceName): readonly KubeObject[];
  /** Forgets the history: whoever watches from before now is told 410. */
  compact(): void;
  /** Ends running watches with an ERROR event of code 410. */
  expire(): void;
  /** Sends a bookmark to the watches that allow them. */
  bookmark(): void;
  /** Cuts the connections of running watches. */
  cut(): void;
  /** Running watches. */
  readonly watches: number;
  /** Resolves when so many watches run. */
  watching(count: number): Promise<void>;
  /** Lists and watches that were asked for, as `GET path?query`, in order. */
  readonly asked: readonly string[];
  /** Resources that may not be listed and watched: 403. */
  readonly forbidden: Set<ResourceName>;
  /** False: not one of these resources. */
  answer(request: IncomingMessage, response: ServerResponse, body: string): boolean;
}

interface Change {
  readonly version: number;
  readonly resource: ResourceName;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

interface Watch {
  readonly resource: ResourceName;
  readonly selector: string;
  readonly bookmarks: boolean;
  readonly response: ServerResponse;
}

interface Target {
  readonly resource: ResourceName;
  readonly namespace?: string;
  readonly name?: string;
}

const keyOf = ({ metadata: { namespace = '', name } }: KubeObject): string => `${namespace}/${name}`;

const matches = (selector: string, { metadata }: KubeObject): boolean =>
  selector
    .split(',')
    .filter((part) => part !== '')
    .every((part) => {
      const [key = '', value] = part.split(/==?/);
      return value === undefined ? metadata.labels?.[key] !== undefined : metadata.labels?.[key] === value;
    });

function toTarget(path: string): Target | undefined {
  for (const [resource, group] of Object.entries(GROUPS) as [ResourceName, string][]) {
    if (!path.startsWith(`${group}/`)) continue;
    const [, namespace, plural, name] =
      /^(?:namespaces\/([^/]+)\/)?([a-z]+)(?:\/([^/]+))?$/.exec(path.slice(group.length + 1)) ?? [];
    if (plural !== resource) continue;
    return {
      resource,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name: decodeURIComponent(name) }),
    };
  }
  return undefined;
}

export function createResources(): Resources {
  const objects = new Map<ResourceName, Map<string, KubeObject>>();
  const watches = new Set<Watch>();
  const asked: string[] = [];
  const forbidden = new Set<ResourceName>();
  let waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let history: Change[] = [];
  let version = 1000;
  /** Changes up to here are forgotten. */
  let forgotten = 0;
  const of = (resource: ResourceName): Map<string, KubeObject> => {
    const known = objects.get(resource) ?? new Map<string, KubeObject>();
    objects.set(resource, known);
    return known;
  };
  const send = ({ response }: Watch, type: string, object: unknown): void => {
    response.write(`${JSON.stringify({ type, object })}\n`);
  };
  const record = (resource: ResourceName, type: Change['type'], given: KubeObject): KubeObject => {
    version += 1;
    const object = { ...given, metadata: { ...given.metadata, resourceVersion: String(version) } };
    history.push({ version, resource, type, object });
    for (const watch of watches) {
      if (watch.resource === resource && matches(watch.selector, object)) send(watch, type, object);
    }
    return object;
  };
  const put = (resource: ResourceName, object: KubeObject): KubeObject => {
    const known = of(resource);
    const stored = record(resource, known.has(keyOf(object)) ? 'MODIFIED' : 'ADDED', object);
    known.set(keyOf(object), stored);
    return stored;
  };
  const remove = (resource: ResourceName, key: string): KubeObject | undefined => {
    const object = of(resource).get(key);
    if (object === undefined) return undefined;
    of(resource).delete(key);
    return record(resource, 'DELETED', object);
  };

  const watch = (target: Target, query: URLSearchParams, response: ServerResponse): void => {
    const from = Number(query.get('resourceVersion') ?? '0');
    if (from < forgotten) {
      sendStatus(response, 410, 'Expired', `too old resource version: ${from} (${forgotten})`);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const one: Watch = {
      resource: target.resource,
      selector: query.get('labelSelector') ?? '',
      bookmarks: query.get('allowWatchBookmarks') === 'true',
      response,
    };
    for (const change of history) {
      if (change.version <= from || change.resource !== one.resource) continue;
      if (matches(one.selector, change.object)) send(one, change.type, change.object);
    }
    watches.add(one);
    const timer = setTimeout(() => response.end(), Number(query.get('timeoutSeconds') ?? '300') * 1000);
    response.on('close', () => {
      clearTimeout(timer);
      watches.delete(one);
    });
    for (const { count, resolve } of waiting) if (watches.size >= count) resolve();
    waiting = waiting.filter(({ count }) => watches.size < count);
  };

  const list = (target: Target, query: URLSearchParams, response: ServerResponse): void => {
    const limit = Number(query.get('limit') ?? '0');
    const token = query.get('continue') ?? '';
    const place =
      token === '' ? undefined : (JSON.parse(Buffer.from(token, 'base64url').toString()) as Place);
    if (place !== undefined && place.version < forgotten) {
      sendStatus(response, 410, 'Expired', 'The provided continue parameter is too old');
      return;
    }
    const all = [...of(target.resource).values()]
      .filter((object) => target.namespace === undefined || object.metadata.namespace === target.namespace)
      .filter((object) => matches(query.get('labelSelector') ?? '', object))
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const start = place === undefined ? 0 : all.findIndex((object) => keyOf(object) >= place.next);
    const rest = start < 0 ? [] : all.slice(start);
    const items = limit > 0 ? rest.slice(0, limit) : rest;
    const next = rest[items.length];
    const at = place?.version ?? version;
    sendJson(response, 200, {
      kind: 'List',
      metadata: {
        resourceVersion: String(at),
        ...(next === undefined ? {} : { continue: toToken({ version: at, next: keyOf(next) }) }),
      },
      items,
    });
  };

  const change = (request: IncomingMessage, target: Target, response: ServerResponse, body: string): void => {
    const key = `${target.namespace ?? ''}/${target.name ?? ''}`;
    if (request.method === 'DELETE') {
      const removed = remove(target.resource, key);
      if (removed === undefined) sendStatus(response, 404, 'NotFound', 'not found');
      else sendJson(response, 200, removed);
      return;
    }
    const object = JSON.parse(body) as KubeObject;
    sendJson(response, request.method === 'POST' ? 201 : 200, put(target.resource, object));
  };

  return {
    put: (resource, object) => void put(resource, object),
    remove: (resource, name, namespace = '') => void remove(resource, `${namespace}/${name}`),
    list: (resource) => [...of(resource).values()],
    compact: () => {
      history = [];
      // Between any two versions that somebody could stand at and now.
      version += 1;
      forgotten = version;
    },
    expire: () => {
      for (const one of watches) {
        send(one, 'ERROR', {
          kind: 'Status',
          status: 'Failure',
          reason: 'Expired',
          code: 410,
          message: 'too old',
        });
        one.response.end();
      }
    },
    bookmark: () => {
      version += 1;
      for (const one of watches) {
        if (one.bookmarks) send(one, 'BOOKMARK', { metadata: { resourceVersion: String(version) } });
      }
    },
    cut: () => {
      for (const { response } of watches) response.destroy();
    },
    get watches() {
      return watches.size;
    },
    watching: (count) =>
      watches.size >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve });
          }),
    asked,
    forbidden,
    answer: (request, response, body) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'https://api');
      const target = toTarget(pathname);
      if (target === undefined) return false;
      if (request.method === 'GET') asked.push(`${request.method} ${request.url ?? ''}`);
      if (forbidden.has(target.resource)) {
        const message = `${target.resource} is forbidden: User "kubelet-gateway" cannot list resource "${target.resource}" at the cluster scope`;
        sendStatus(response, 403, 'Forbidden', message);
      } else if (request.method !== 'GET') change(request, target, response, body);
      else if (target.name !== undefined) {
        const object = of(target.resource).get(`${target.namespace ?? ''}/${target.name}`);
        if (object === undefined) sendStatus(response, 404, 'NotFound', 'not found');
        else sendJson(response, 200, object);
      } else if (searchParams.has('watch')) watch(target, searchParams, response);
      else list(target, searchParams, response);
      return true;
    },
  };
}

interface Place {
  readonly version: number;
  readonly next: string;
}

const toToken = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url');

const sendJson = (response: ServerResponse, code: number, value: unknown): void => {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
};

const sendStatus = (response: ServerResponse, code: number, reason: string, message: string): void =>
  sendJson(response, code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  });
