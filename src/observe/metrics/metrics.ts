// The gateway's metrics as plain calls, one for each thing that other parts count, and an observer that counts
// exchanges. Whoever counts does not know the names or the library.

import type { Decision } from '../../core/decision.ts';
import type { Evidence, Observation, Observer } from '../../core/observation.ts';
import { ADDRESS_PROBLEMS } from '../../inventory/addresses.ts';
import { TLS_PROBLEMS } from '../../outbound/dial-faults.ts';
import type { TlsProblem } from '../../outbound/dial-faults.ts';
import { isLong, toActionName } from '../long-running.ts';
import type { RecordingMetrics } from './recording-metrics.ts';
import { createRecordingMetrics } from './recording-metrics.ts';
import { createRegistry } from './registry.ts';
import type { Exposition, Registry } from './registry.ts';

type Sink = 'file' | 'stdout';

export interface Metrics extends RecordingMetrics {
  /** Counts exchanges. */
  readonly observer: Observer;
  /** Counts authorization questions. */
  readonly sar: {
    hit(decision: Decision['kind']): void;
    /** Waits for the review of an equal question. */
    joined(): void;
    miss(): void;
    reviewed(result: Decision['kind'] | 'error', durationMs: number): void;
    stale(): void;
    forgotten(count: number): void;
    entries(authorized: number, unauthorized: number, inFlight: number): void;
  };
  /** Whether changes of roles and bindings are followed. */
  rightsWatched(isCurrent: boolean): void;
  streamRecheck(result: 'allowed' | 'revoked' | 'unanswered'): void;
  /** Counts questions about tokens. */
  readonly tokenReview: {
    told(result: 'hit' | 'joined' | 'authenticated' | 'refused' | 'error'): void;
    entries(authenticated: number, refused: number, inFlight: number): void;
  };
  /** A request refused before it was an exchange: malformed, oversized, too slow, or while draining. */
  refused(code: number): void;
  upstreamTlsError(reason: TlsProblem): void;
  /** `reason`: what is wrong with the node's address. */
  dialRefused(reason: string): void;
  /** Which nodes are known, and whether that is kept up to date. */
  readonly inventory: {
    nodes(count: number, leftOut: number): void;
    current(isCurrent: boolean): void;
  };
  /** Where it was learnt on which node a pod is. */
  podLookup(result: 'cache' | 'apiServer' | 'stale' | 'kubelets'): void;
  /** Pods that a node has told of and that are not its own. */
  foreignPods(count: number): void;
  /** `code`: what the node answered, 401 or 403. */
  upstreamCredentialRejected(code: number): void;
  auditEvents(sink: Sink, count: number): void;
  auditErrors(sink: Sink, count: number): void;
  auditDropped(sink: Sink, count: number): void;
  /** A checkpoint of the audit chain was signed, or could not be. */
  auditCheckpoint(isSuccess: boolean): void;
  auditCheckpointSinkError(): void;
  /** Events in the file behind the last checkpoint. */
  auditUnsigned(events: number): void;
  configReload(isSuccess: boolean): void;
  /** `credential`: its name in the configuration. */
  credentialStale(credential: string, isStale: boolean): void;
  jwksRefresh(isSuccess: boolean): void;
  render(): Promise<Exposition>;
}

export function createMetrics({ version }: { readonly version: string }): Metrics {
  const registry = createRegistry();
  begin(registry, version);
  return {
    observer: () => new ExchangeCount(registry),
    sar: toSarMetrics(registry),
    rightsWatched: (isCurrent) => registry.set('rightsWatched', {}, isCurrent ? 1 : 0),
    streamRecheck: (result) => registry.add('streamRechecks', { result }, 1),
    tokenReview: toTokenReviewMetrics(registry),
    refused: (code) => registry.add('requests', { code, action: 'unresolved' }, 1),
    upstreamTlsError: (reason) => registry.add('upstreamTlsErrors', { reason }, 1),
    dialRefused: (reason) => registry.add('dialsRefused', { reason }, 1),
    inventory: {
      nodes: (count, leftOut) => {
        registry.set('nodes', { state: 'usable' }, count);
        registry.set('nodes', { state: 'leftOut' }, leftOut);
      },
      current: (isCurrent) => registry.set('nodesCurrent', {}, isCurrent ? 1 : 0),
    },
    podLookup: (result) => registry.add('podLookups', { result }, 1),
    foreignPods: (count) => registry.add('foreignPods', {}, count),
    upstreamCredentialRejected: (code) => registry.add('upstreamCredentialRejected', { code }, 1),
    auditEvents: (sink, count) => registry.add('auditEvents', { sink }, count),
    auditErrors: (sink, count) => registry.add('auditErrors', { sink }, count),
    auditDropped: (sink, count) => registry.add('auditDropped', { sink }, count),
    auditCheckpoint: (isSuccess) => registry.add('auditCheckpoints', { result: toResult(isSuccess) }, 1),
    auditCheckpointSinkError: () => registry.add('auditCheckpointSinkErrors', {}, 1),
    auditUnsigned: (events) => registry.set('auditUnsigned', {}, events),
    ...createRecordingMetrics(registry),
    configReload: (isSuccess) => {
      registry.add('configReloads', { result: toResult(isSuccess) }, 1);
      registry.set('configLastReloadSuccessful', {}, isSuccess ? 1 : 0);
    },
    credentialStale: (credential, isStale) =>
      registry.set('credentialStale', { credential }, isStale ? 1 : 0),
    jwksRefresh: (isSuccess) => registry.add('jwksRefreshes', { result: toResult(isSuccess) }, 1),
    render: () => registry.render(),
  };
}

/** A series that begins to exist with its first error is one whose increase no alert sees. */
function begin(registry: Registry, version: string): void {
  registry.set('buildInfo', { version }, 1);
  registry.set('configLastReloadSuccessful', {}, 1);
  for (const reason of TLS_PROBLEMS) registry.add('upstreamTlsErrors', { reason }, 0);
  for (const reason of ADDRESS_PROBLEMS) registry.add('dialsRefused', { reason }, 0);
  for (const key of ['auditEvents', 'auditErrors', 'auditDropped'] as const) {
    for (const sink of ['file', 'stdout'] as const) registry.add(key, { sink }, 0);
  }
  for (const result of ['success', 'failure'] as const) registry.add('auditCheckpoints', { result }, 0);
  registry.add('auditCheckpointSinkErrors', {}, 0);
  registry.set('auditUnsigned', {}, 0);
}

const toSarMetrics = (registry: Registry): Metrics['sar'] => ({
  hit: (decision) => registry.add('cacheHits', { decision }, 1),
  joined: () => registry.add('cacheMisses', {}, 1),
  miss: () => registry.add('cacheMisses', {}, 1),
  reviewed: (result, durationMs) => {
    registry.add('subjectAccessReviews', { result }, 1);
    registry.observe('subjectAccessReviewDuration', { result }, durationMs / 1000);
  },
  stale: () => registry.add('staleDecisions', {}, 1),
  forgotten: (count) => registry.add('cacheForgotten', {}, count),
  entries: (authorized, unauthorized, inFlight) => {
    registry.set('cacheEntries', { kind: 'authorized' }, authorized);
    registry.set('cacheEntries', { kind: 'unauthorized' }, unauthorized);
    registry.set('subjectAccessReviewsInFlight', {}, inFlight);
  },
});

const toTokenReviewMetrics = (registry: Registry): Metrics['tokenReview'] => ({
  told: (result) => registry.add('tokenReviews', { result }, 1),
  entries: (authenticated, refused, inFlight) => {
    registry.set('tokenReviewEntries', { kind: 'authenticated' }, authenticated);
    registry.set('tokenReviewEntries', { kind: 'refused' }, refused);
    registry.set('tokenReviewsInFlight', {}, inFlight);
  },
});

const toResult = (isSuccess: boolean): 'success' | 'failure' => (isSuccess ? 'success' : 'failure');

class ExchangeCount implements Observation {
  readonly #registry: Registry;
  /** Of the monotonic clock: a step of the wall clock is no duration. */
  readonly #startedAt = performance.now();
  #action: ReturnType<typeof toActionName> = 'unresolved';
  #isLong = false;
  #isActive = false;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  received(evidence: Evidence): undefined {
    this.#action = toActionName(evidence);
    this.#isLong = isLong(evidence);
  }

  found(): void {
    // Nothing that the later stages find is a label.
  }

  started(code: number): void {
    if (!this.#isLong || this.#isActive || code >= 300) return;
    this.#isActive = true;
    this.#registry.add('activeStreams', { action: this.#action }, 1);
  }

  complete({ code, bytesSent = 0, bytesReceived = 0 }: Parameters<Observation['complete']>[0]): void {
    const action = this.#action;
    this.#registry.add('requests', { code, action }, 1);
    if (!this.#isLong) {
      this.#registry.observe('requestDuration', { action }, (performance.now() - this.#startedAt) / 1000);
      return;
    }
    this.#registry.add('streamBytes', { action, direction: 'toNode' }, bytesSent);
    this.#registry.add('streamBytes', { action, direction: 'fromNode' }, bytesReceived);
    if (this.#isActive) this.#registry.add('activeStreams', { action }, -1);
  }

  panic(_error: unknown, ending: Parameters<Observation['panic']>[1]): void {
    this.complete(ending);
  }
}
