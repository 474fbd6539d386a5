// The last stage of the line: carries an exchange to its node and the answer back. Two roads behind one door, a plain
// request over a kept-alive pool and an upgrade over a connection of its own; which one is the reply's kind to say.

import type { Action } from '../core/action.ts';
import type { Credentialed } from '../core/exchange.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Termination } from '../core/lifetime.ts';
import type { Tap, TapFactory } from '../core/tap.ts';
import { createByteBudget } from '../core/byte-budget.ts';
import type { NodeAccess } from './collect.ts';
import type { LimitOptions } from './limits.ts';
import type { Pools } from '../upstream/pools.ts';
import { forwardHttp } from './http.ts';
import { isLasting, toLimits } from './limits.ts';
import type { RenderPods } from './pods.ts';
import { createPodReader, forwardPodsView } from './pods.ts';
import { readText } from './read-text.ts';
import { forwardUpgrade } from './upgrade.ts';

/** As long as an API server takes for the same (apimachinery pkg/util/proxy upgradeaware.go). */
const REFUSAL_TIMEOUT_MS = 10_000;

/** Of answers that the gateway reads whole, all together: four of the largest lists of pods. */
const MAX_READING_BYTES = 128 * 1024 * 1024;

export interface ForwardDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Outlives this stage: a reload makes a new Forward on the same pools. */
  readonly pools: Pools;
  /** Told the code when a node answers 401 or 403: it is the gateway's own credential that it refuses. */
  readonly credentialRejected?: ((code: 401 | 403) => void) | undefined;
  /** What kubectl is sent of a node's list of pods. Absent: the list, whole. */
  readonly renderPods?: RenderPods | undefined;
  /** Asked before a node is dialled for who looks at an exchange in passing. */
  readonly tap?: TapFactory | undefined;
}

export interface ForwardOptions extends LimitOptions {
  /** For the refusal of an upgrade; default 10 s. */
  readonly refusalTimeoutMs?: number;
}

export interface Forward {
  /**
   * Sends the node's answer. Resolves at the end of the exchange; rejects with a Fault only while nothing was sent to
   * the client: BadGateway (no connection, no trust, no valid answer, credential rejected, redirect), Timeout,
   * ServiceUnavailable, and on kubectl's surface the node's own errors.
   */
  forward(credentialed: Credentialed, observation: Observation): Promise<Ending>;
  /** The PodList of a node, as parsed JSON that nobody has checked. Rejects with a Fault. */
  fetchPods(access: NodeAccess, signal: AbortSignal): Promise<unknown>;
  /** What a node answers to a reading action, as text that nobody has checked. Rejects with a Fault. */
  fetchText(access: NodeAccess, action: Action, signal: AbortSignal): Promise<string>;
}

export function createForward(deps: ForwardDeps, options: ForwardOptions): Forward {
  const { clock, log, pools, tap, renderPods } = deps;
  const onRejected = ({ entry, credential }: NodeAccess, code: 401 | 403): void => {
    log.warn({ node: entry.name, credential: credential.name, code }, 'the node rejected the credential');
    // A certificate of the user's own is refused for what the user may not do, which is no fault of the gateway's.
    if (credential.user === undefined || code === 401) deps.credentialRejected?.(code);
  };
  const http = { clock, onRejected };
  const budget = createByteBudget(MAX_READING_BYTES);
  const reading = { clock, timeoutMs: options.answerTimeoutMs, onRejected, budget };
  const read = createPodReader(reading);
  const refusalTimeoutMs = options.refusalTimeoutMs ?? REFUSAL_TIMEOUT_MS;
  const upgrade = { clock, onRejected, refusalTimeoutMs };
  const send = (
    exchange: Credentialed,
    observation: Observation,
    tapped: Tap | undefined,
  ): Promise<Ending> => {
    const { action, reply, authentication } = exchange;
    const upstream = pools.get(exchange.entry, exchange.credential, isLasting(action) ? 'lasting' : 'short');
    const limits = toLimits(options, action, authentication);
    if (reply.kind === 'upgrade') {
      return forwardUpgrade({ ...upgrade, tap: tapped }, upstream, limits, exchange, reply, observation);
    }
    if (action.kind === 'pods' && action.view !== undefined) {
      return forwardPodsView(
        { clock, read, render: renderPods },
        upstream,
        exchange,
        action.view,
        reply.response,
        observation,
      );
    }
    const deps = tapped === undefined ? http : { ...http, tap: tapped };
    return forwardHttp(deps, upstream, limits, exchange, reply.response, observation);
  };
  return {
    forward(exchange, observation) {
      const tapping = tap?.(exchange);
      if (tapping === undefined) return send(exchange, observation, undefined);
      return withTap(tapping, exchange, (tapped) => send(exchange, observation, tapped));
    },
    fetchPods: (access, signal) => read(pools.get(access.entry, access.credential), signal),
    fetchText: (access, action, signal) =>
      readText(reading, pools.get(access.entry, access.credential), action, signal),
  };
}

/** Whatever becomes of the exchange, its tap hears of the end, and the ending tells what the tap has kept. */
async function withTap(
  tapping: Tap | Promise<Tap>,
  { lifetime }: Credentialed,
  send: (tapped: Tap) => Promise<Ending>,
): Promise<Ending> {
  const tap = await tapping;
  let ending: Ending;
  try {
    ending = await send(tap);
  } catch (error) {
    await tap.end(undefined);
    throw error;
  }
  const recording = await tap.end(ending.reason);
  const { terminatedBy } = lifetime;
  return {
    ...ending,
    ...(recording === undefined ? {} : { recording }),
    ...(terminatedBy === undefined ? {} : { notes: { ...ending.notes, ...toNotes(terminatedBy) } }),
  };
}

const toNotes = ({ by, reason }: Termination): Readonly<Record<string, string>> => ({
  'ended-by': by,
  ...(reason === undefined ? {} : { 'ended-because': reason }),
});
