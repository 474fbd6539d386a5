// What a request to the gateway itself means, for requests that need a right but go to no node. Like an action, it is
// what everything after `resolve` switches on. Their resources are virtual: they exist in no API server, and ordinary
// RBAC rules and SubjectAccessReviews grant them.

import type { NodeName, Namespace, PodName } from './names.ts';

/** The API group of the gateway's own resources. */
export const OWN_API_GROUP = 'kubelet-gateway.io';
export const OWN_API_VERSION = 'v1alpha1';

/** How kubectl wants objects shown: a server-side table (meta.k8s.io/v1 Table), or the objects themselves. */
export type View = 'Table' | 'Object';

/** Which sessions or recordings: all that is given must fit. */
export interface SessionFilter {
  readonly user?: string;
  readonly node?: NodeName;
  readonly namespace?: Namespace;
  readonly pod?: PodName;
  /** Begun at or after, in milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** Begun before, in milliseconds since the epoch. */
  readonly untilMs?: number;
}

declare const brand: unique symbol;
/** Audit id of the exchange that a session is, and the name of its recording: a UUID in lower case. */
export type SessionId = string & { readonly [brand]: 'SessionId' };

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const isSessionId = (text: string): text is SessionId => SESSION_ID.test(text);

export const FLUSHABLE_CACHES = ['sar', 'tokens'] as const;
export type FlushableCache = (typeof FLUSHABLE_CACHES)[number];

export type Operation =
  | { readonly kind: 'listSessions'; readonly filter: SessionFilter; readonly view: View }
  | { readonly kind: 'getSession'; readonly id: SessionId; readonly view: View }
  /** Read-only, as it happens. */
  | { readonly kind: 'followSession'; readonly id: SessionId }
  /** `reason` is the operator's own words. */
  | { readonly kind: 'endSession'; readonly id: SessionId; readonly reason?: string }
  | { readonly kind: 'listRecordings'; readonly filter: SessionFilter; readonly view: View }
  /** The manifest. */
  | { readonly kind: 'getRecording'; readonly id: SessionId; readonly view: View }
  /** The recording itself, its segments joined. */
  | { readonly kind: 'readRecording'; readonly id: SessionId }
  | { readonly kind: 'deleteRecording'; readonly id: SessionId }
  | { readonly kind: 'readAudit'; readonly sinceMs?: number; readonly untilMs?: number }
  | { readonly kind: 'flushCache'; readonly cache: FlushableCache }
  /** The gateway's own metrics. */
  | { readonly kind: 'readMetrics' };

export type OperationKind = Operation['kind'];

/** All kinds, for tables that must be complete. */
export const OPERATION_KINDS = [
  'listSessions',
  'getSession',
  'followSession',
  'endSession',
  'listRecordings',
  'getRecording',
  'readRecording',
  'deleteRecording',
  'readAudit',
  'flushCache',
  'readMetrics',
] as const satisfies readonly OperationKind[];
