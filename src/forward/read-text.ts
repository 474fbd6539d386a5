// One answer of a node, read whole as text: what the gateway itself needs to know of it. Promises a bound on its size,
// and that the gateway's credential is never mistaken for the client's.

import type { Action } from '../core/action.ts';
import type { ByteBudget } from '../core/byte-budget.ts';
import type { Clock } from '../core/ports.ts';
import type { NodeAccess } from './collect.ts';
import type { Upstream } from '../upstream/pools.ts';
import { HeaderLines } from '../core/headers.ts';
import { Fault } from '../core/fault.ts';
import { collect } from './collect.ts';
import { credentialRejected } from './faults.ts';
import { toKubeletTarget } from './kubelet-target.ts';
import { toRequestHeaders } from './request-headers.ts';

/** 110 pods make 0.3 MB of /metrics/resource and some MB of /metrics/cadvisor. */
const MAX_BYTES = 16 * 1024 * 1024;
const NO_HEADERS = new HeaderLines([]);

export interface ReadTextDeps {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly onRejected: (access: NodeAccess, code: 401 | 403) => void;
  readonly budget: ByteBudget;
}

/** Rejects with a Fault for anything but a 200, or as `signal` says. */
export async function readText(
  { clock, timeoutMs, onRejected, budget }: ReadTextDeps,
  upstream: Upstream,
  action: Action,
  signal: AbortSignal,
): Promise<string> {
  const headers = toRequestHeaders(action, NO_HEADERS, upstream.credential);
  const outgoing = { ...toKubeletTarget(action, { kind: 'http' }), headers };
  const options = { maxBytes: MAX_BYTES, timeoutMs, budget };
  const { code, body } = await collect(clock, upstream, outgoing, options, signal);
  if (code === 401 || code === 403) {
    onRejected(upstream, code);
    throw credentialRejected(code, upstream.credential);
  }
  if (code !== 200) {
    const cause = new Error(`${outgoing.target} was answered with ${code}`);
    throw new Fault('BadGateway', 'the node did not answer as a kubelet does', { cause });
  }
  return body.toString();
}
