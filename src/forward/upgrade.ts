// An upgrade (exec, attach, portForward over SPDY/3.1 or WebSocket): dial, ask, and join the two streams when the node
// has accepted exactly what was asked. Promises: nothing that the client said early reaches the node before its 101,
// and an answer other than 101 leaves no tunnel behind: the node's side is closed before the client hears of it, and
// the client's side for good after it (CVE-2018-1002105).

import type { Duplex } from 'node:stream';
import type { Credentialed, Reply } from '../core/exchange.ts';
import type { EndReason } from '../core/lifetime.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { Tap } from '../core/tap.ts';
import type { Upstream } from '../upstream/pools.ts';
import type { RefusalDeps } from './upgrade-refusal.ts';
import type { UpgradeTransport } from './upgrade-head.ts';
import type { Limits } from './watch.ts';
import { Socket } from 'node:net';
import { Fault } from '../core/fault.ts';
import { toEndFault } from './faults.ts';
import { toKubeletTarget } from './kubelet-target.ts';
import { splice } from './splice.ts';
import { readHead } from './upgrade-answer.ts';
import { toChosenProtocol, toUpgradeAnswer, toUpgradeRequest } from './upgrade-head.ts';
import { refuseUpgrade } from './upgrade-refusal.ts';

export interface UpgradeDeps extends RefusalDeps {
  /** Sees both directions of the session that begins; undefined: nothing looks. */
  readonly tap: Tap | undefined;
}

type UpgradeReply = Extract<Reply, { kind: 'upgrade' }>;

interface Opened {
  readonly node: Duplex;
  /** Of the client's answer. */
  readonly head: Buffer;
  readonly fromNode: Buffer;
}

/** Resolves when both streams are closed; rejects with a Fault while nothing was sent to the client. */
export async function forwardUpgrade(
  deps: UpgradeDeps,
  upstream: Upstream,
  limits: Limits,
  exchange: Credentialed,
  reply: UpgradeReply,
  observation: Observation,
): Promise<Ending> {
  const opened = await open(deps, upstream, limits, exchange, reply, observation);
  // Not awaited here: what opened the session is not to stay in memory for as long as it lasts.
  return 'node' in opened ? join(deps, limits, exchange, reply, opened) : opened;
}

/** The two ends of a session, or how it ended before it began. */
async function open(
  deps: UpgradeDeps,
  upstream: Upstream,
  limits: Limits,
  exchange: Credentialed,
  reply: UpgradeReply,
  observation: Observation,
): Promise<Opened | Ending> {
  const transport = toUpgradeTransport(exchange);
  const { method, target } = toKubeletTarget(exchange.action, transport);
  const request = toUpgradeRequest(exchange, transport, method, target);
  const waiting = holdClient(deps.clock, exchange, reply.socket, limits.answerMs);
  let node: Duplex | undefined;
  try {
    node = await upstream.dial(waiting.signal);
    node.write(request, 'latin1');
    const answer = await readHead(node, waiting.signal);
    if (answer.head.code !== 101) {
      return await refuseUpgrade(deps, exchange, reply, node, answer, observation);
    }
    const own = { auditId: exchange.auditId, setCookies: reply.setCookies };
    const head = Buffer.from(toUpgradeAnswer(answer.head, transport, own), 'latin1');
    deps.tap?.accepted(toChosenProtocol(answer.head, transport));
    observation.started(101);
    return { node, head, fromNode: answer.rest };
  } catch (error) {
    node?.destroy();
    const given = waiting.reason;
    if (given === 'clientClosed') return { code: 0, reason: given };
    throw given === undefined ? error : toEndFault(given);
  } finally {
    waiting.release();
  }
}

function toUpgradeTransport({ transport }: Credentialed): UpgradeTransport {
  if (transport.kind === 'http') throw new Fault('BadRequest', 'this path cannot be upgraded');
  return transport;
}

function join(
  { clock, tap }: UpgradeDeps,
  limits: Limits,
  { headers, lifetime }: Credentialed,
  reply: UpgradeReply,
  { node, head, fromNode }: Opened,
): Promise<Ending> {
  if (reply.socket instanceof Socket) reply.socket.setTimeout(0).setNoDelay(true);
  // From here on the end of the client's words is not the end of the node's.
  reply.socket.allowHalfOpen = true;
  headers.forget();
  const opening = { head, fromNode, fromClient: reply.head };
  return splice(clock, reply.socket, node, opening, lifetime, { limits, tap }).then((spliced) => ({
    code: 101,
    ...spliced,
  }));
}

interface Waiting {
  readonly signal: AbortSignal;
  /** Why the node need not answer any more. */
  readonly reason: EndReason | undefined;
  release(): void;
}

/**
 * Holds the client's stream while the node is asked. It is not read: what the client says early stays in its buffer,
 * which is bounded, and for the rest in the network.
 */
function holdClient(clock: Clock, exchange: Credentialed, socket: Duplex, answerMs: number): Waiting {
  const given = new AbortController();
  let reason: EndReason | undefined;
  const give = (why: EndReason): void => {
    reason ??= why;
    given.abort();
  };
  const onGone = (): void => give('clientClosed');
  socket.pause();
  socket.on('error', ignore).on('end', onGone).on('close', onGone);
  const withdraw = exchange.lifetime.onEnd(give);
  const cancel = clock.after(answerMs, () => give('requestTimeout'));
  if (socket.destroyed) onGone();
  return {
    signal: given.signal,
    get reason() {
      return reason;
    },
    release() {
      cancel();
      withdraw();
      socket.off('end', onGone).off('close', onGone);
    },
  };
}

const ignore = (): void => undefined;
