// Exchanges as the stages leave them, for tests of those who watch.

import type { Action } from '../../src/core/action.ts';
import type { Answered, Authorized, Credentialed, Received, Resolved } from '../../src/core/exchange.ts';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ResolvedParts } from '../support/resolved.ts';
import {
  containerName,
  createAttributes,
  createResolved,
  createUser,
  namespaceName,
  podName,
} from '../support/resolved.ts';
import { HeaderLines } from '../../src/core/headers.ts';

export const RECEIVED_AT = Date.UTC(2026, 10, 23, 18, 0, 0, 123);
export const AUDIT_ID = '5d5b9a3e-0c4e-4f77-9a11-0d5c6f0f7a01';

export const alice = createUser('alice', {
  uid: 'u-1',
  groups: ['sre', 'system:authenticated'],
  extra: { 'example.org/team': ['blue'] },
});

export const pod = { namespace: namespaceName('shop'), name: podName('web-0') };

export const execAction = {
  kind: 'exec',
  pod,
  container: containerName('app'),
  command: ['sh', '-c', 'echo "a b"'],
  streams: { stdin: true, stdout: true, stderr: false, tty: true },
} as const satisfies Action;

/** alice's exec of a terminal by WebSocket. */
export const execByWebSocket = (): Resolved => ({
  ...resolved({
    user: alice,
    action: execAction,
    requirement: [
      createAttributes({ verb: 'create' }),
      createAttributes({
        verb: 'create',
        resource: 'pods',
        subresource: 'exec',
        namespace: 'shop',
        name: 'web-0',
      }),
    ],
  }),
  target:
    '/nodes/node-1/exec/shop/web-0/app?command=sh&command=-c&command=echo+%22a+b%22&input=1&output=1&tty=1',
  headers: new HeaderLines([
    'User-Agent',
    'kubectl/v1.36.2',
    'Authorization',
    'Bearer s3cr3t-t0k3n-material-0123456789',
  ]),
  peer: { sourceIPs: ['203.0.113.7', '10.0.0.9'], certificate: undefined },
  transport: { kind: 'websocket', protocols: ['v5.channel.k8s.io'], key: 'dGhlIHNhbXBsZSBub25jZQ==' },
});

export const resolved = (parts: ResolvedParts): Resolved => ({
  ...createResolved(parts),
  auditId: AUDIT_ID,
  receivedAt: RECEIVED_AT,
});

/** Before anybody was identified. */
export function received(more: Partial<Received> = {}): Received {
  const { auditId, receivedAt, method, target, headers, peer, body, reply, lifetime } = resolved({});
  return { auditId, receivedAt, method, target, headers, peer, body, reply, lifetime, ...more };
}

export const answered = (target: string): Answered => ({
  ...received({ target }),
  authentication: { user: alice, method: 'jwt', expiresAt: Number.MAX_SAFE_INTEGER },
  answer: { kind: 'json', contentType: 'application/json', body: '{}' },
});

/** With a real grant: the first alternative is allowed. */
export async function authorized(exchange: Resolved): Promise<Authorized> {
  const authorize = createAuthorize({ authorizer: () => ({ kind: 'allow', reason: 'RBAC: allowed' }) });
  return authorize(exchange);
}

export const credentialed = (exchange: Authorized): Credentialed => ({
  ...exchange,
  entry: {
    name: exchange.node,
    address: '10.0.0.11',
    port: 10250,
    serverName: exchange.node,
    certificateAuthority: '',
    fingerprint: 'f',
  },
  credential: {
    name: 'operator',
    fingerprint: 'f',
    material: { kind: 'bearerToken', token: new Secret('kubelet-bearer-0123456789abcdef') },
  },
});
