// The pods of a node, read whole: for `locate`, and for kubectl's view of them, which is made from the kubelet's own
// list. Promises a bound on its size and that the gateway's credential is never mistaken for the client's.

import type { PodsView } from '../core/action.ts';
import type { ByteBudget } from '../core/byte-budget.ts';
import type { Credentialed } from '../core/exchange.ts';
import type { HttpAnswer } from '../core/http-answer.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { NodeAccess } from './collect.ts';
import type { Upstream } from '../upstream/pools.ts';
import { HeaderLines } from '../core/headers.ts';
import { Fault } from '../core/fault.ts';
import { renderPods } from '../kubectl/pods-view.ts';
import { toSafetyHeaders } from './answer-headers.ts';
import { collect } from './collect.ts';
import { credentialRejected, toEndFault } from './faults.ts';
import { toRequestHeaders } from './request-headers.ts';

/** 110 pods, the default of a node, make 1 to 3 MB. */
const MAX_POD_LIST_BYTES = 32 * 1024 * 1024;
const NO_HEADERS = new HeaderLines([]);

export interface PodsDeps {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly onRejected: (access: NodeAccess, code: 401 | 403) => void;
  readonly budget?: ByteBudget;
}

/** The kubelet's PodList, parsed and otherwise unchecked. Rejects with a Fault, or as `signal` says. */
export type PodReader = (upstream: Upstream, signal: AbortSignal) => Promise<unknown>;

interface Reading {
  readonly list: Promise<unknown>;
  readonly abandon: () => void;
  readers: number;
}

/**
 * Reads a node's list once for all who want it at the same time: what a hostile node can make the gateway hold is one
 * list for each of the gateway's credentials, however many people ask.
 */
export function createPodReader(deps: PodsDeps): PodReader {
  const running = new Map<Upstream, Reading>();
  const begin = (upstream: Upstream): Reading => {
    const given = new AbortController();
    const list = readPods(deps, upstream, given.signal).finally(() => {
      if (running.get(upstream) === reading) running.delete(upstream);
    });
    const reading: Reading = { list, abandon: () => given.abort(), readers: 0 };
    running.set(upstream, reading);
    return reading;
  };
  return (upstream, signal) => {
    const reading = running.get(upstream) ?? begin(upstream);
    reading.readers += 1;
    return unlessAborted(reading.list, signal, () => {
      reading.readers -= 1;
      if (reading.readers > 0) return;
      // Nobody wants it any more; whoever comes next begins anew.
      if (running.get(upstream) === reading) running.delete(upstream);
      reading.abandon();
    });
  };
}

/** `reading`, or a Fault once `signal` is aborted, which `onAbort` is told of. */
function unlessAborted<T>(reading: Promise<T>, signal: AbortSignal, onAbort: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => {
      reject(new Fault('ServiceUnavailable', 'the request was given up'));
      onAbort();
    };
    const settle = (): void => signal.removeEventListener('abort', give);
    reading.then(resolve, reject).finally(settle);
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}

async function readPods(
  { clock, timeoutMs, onRejected, budget }: PodsDeps,
  upstream: Upstream,
  signal: AbortSignal,
): Promise<unknown> {
  const headers = toRequestHeaders({ kind: 'pods' }, NO_HEADERS, upstream.credential);
  const outgoing = { method: 'GET', target: '/pods', headers } as const;
  const options = { maxBytes: MAX_POD_LIST_BYTES, timeoutMs, ...(budget === undefined ? {} : { budget }) };
  const { code, body } = await collect(clock, upstream, outgoing, options, signal);
  if (code === 401 || code === 403) {
    onRejected(upstream, code);
    throw credentialRejected(code, upstream.credential);
  }
  if (code !== 200) {
    const cause = new Error(`GET /pods was answered with ${code}`);
    throw new Fault('BadGateway', 'the node did not list its pods', { cause });
  }
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw new Fault('BadGateway', "the node's list of pods cannot be read", { cause });
  }
}

/** How long a client may take for a list, which waits for it in memory. */
const MAX_SENDING_MS = 300_000;

/** What kubectl is sent of a node's list. Throws a Fault. */
export type RenderPods = (
  exchange: Credentialed,
  view: PodsView,
  podList: unknown,
) => { readonly contentType: string; readonly body: string };

/** Answers kubectl with the pods of the node as it wants them shown. */
export async function forwardPodsView(
  {
    clock,
    read,
    render,
  }: {
    readonly clock: Clock;
    readonly read: PodReader;
    readonly render?: RenderPods | undefined;
  },
  upstream: Upstream,
  exchange: Credentialed,
  view: PodsView,
  response: HttpAnswer,
  observation: Observation,
): Promise<Ending> {
  const list = await read(upstream, exchange.lifetime.signal).catch((error: unknown) => {
    const { reason } = exchange.lifetime;
    if (reason === 'clientClosed') return undefined;
    throw reason === undefined ? error : toEndFault(reason);
  });
  if (list === undefined || response.closed) return { code: 0, reason: 'clientClosed' };
  const { contentType, body } = render?.(exchange, view, list) ?? renderPods(list, view, clock.now());
  const bytesReceived = Buffer.byteLength(body);
  observation.started(200);
  response.writeHead(200, [
    ...toSafetyHeaders(exchange.auditId),
    'Content-Type',
    contentType,
    'Content-Length',
    `${bytesReceived}`,
  ]);
  const { lifetime } = exchange;
  return new Promise((resolve) => {
    const withdraw = lifetime.onEnd((reason) => {
      if (reason !== 'completed') response.destroy();
    });
    const cancel = clock.after(MAX_SENDING_MS, () => lifetime.end('idleTimeout'));
    response.once('close', () => {
      cancel();
      withdraw();
      const reason = response.writableFinished ? 'completed' : (lifetime.reason ?? 'clientClosed');
      resolve({ code: 200, reason, bytesReceived });
    });
    response.end(body);
  });
}
