// An exchange as `resolve` leaves it, for tests of the stages behind it.

import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Action } from '../../src/core/action.ts';
import type { Attributes, Requirement } from '../../src/core/attributes.ts';
import type { Resolved } from '../../src/core/exchange.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import type { ContainerName, Namespace, NodeName, PodName, PodUid } from '../../src/core/names.ts';
import { isContainerName, isNamespace, isNodeName, isPodName, isPodUid } from '../../src/core/names.ts';
import type { User } from '../../src/core/user.ts';

const checked = <T extends string>(is: (text: string) => text is T, text: string): T => {
  if (!is(text)) throw new TypeError(`not a name: ${text}`);
  return text;
};

export const nodeName = (text: string): NodeName => checked(isNodeName, text);
export const namespaceName = (text: string): Namespace => checked(isNamespace, text);
export const podName = (text: string): PodName => checked(isPodName, text);
export const containerName = (text: string): ContainerName => checked(isContainerName, text);
export const podUid = (text: string): PodUid => checked(isPodUid, text);

export const createUser = (name: string, more: Partial<User> = {}): User => ({
  name,
  uid: '',
  groups: ['system:authenticated'],
  extra: {},
  ...more,
});

export const createAttributes = (more: Partial<Attributes> = {}): Attributes => ({
  verb: 'get',
  apiGroup: '',
  version: 'v1',
  resource: 'nodes',
  subresource: 'proxy',
  namespace: '',
  name: 'node-1',
  ...more,
});

export interface ResolvedParts {
  readonly user?: User;
  readonly node?: string;
  readonly action?: Action;
  readonly requirement?: Requirement;
  readonly surface?: Resolved['surface'];
}

export function createResolved(parts: ResolvedParts = {}): Resolved {
  const request = new IncomingMessage(new Socket());
  const { user = createUser('bob'), node = 'node-1', action = { kind: 'configz' } } = parts;
  return {
    auditId: '5d5b9a3e-0c4e-4f77-9a11-0d5c6f0f7a01',
    receivedAt: Date.UTC(2026, 0, 1),
    method: 'GET',
    target: '/',
    headers: new HeaderLines([]),
    peer: { sourceIPs: ['127.0.0.1'], certificate: undefined },
    body: Readable.from([]),
    reply: { kind: 'http', request, response: new ServerResponse(request) },
    lifetime: new Lifetime(),
    authentication: { user, method: 'jwt', expiresAt: Number.MAX_SAFE_INTEGER },
    node: nodeName(node),
    action,
    transport: { kind: 'http' },
    requirement: parts.requirement ?? [createAttributes({ name: node })],
    surface: parts.surface ?? 'kubelet',
  };
}
