// Reads an answer of a node whole, up to a size: for what the gateway must understand before it answers.

import type { ByteBudget } from '../core/byte-budget.ts';
import type { KubeletCredential, NodeEntry } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import type { HeaderLines } from '../core/headers.ts';
import type { AnswerReader, OutgoingRequest } from '../upstream/node-request.ts';
import type { Upstream } from '../upstream/pools.ts';
import { Fault } from '../core/fault.ts';
import { NodeRequest } from '../upstream/node-request.ts';

export interface CollectOptions {
  readonly maxBytes: number;
  /** From the request to the last byte. */
  readonly timeoutMs: number;
  /** What all that is being read may hold together. */
  readonly budget?: ByteBudget;
}

export interface Collected {
  readonly code: number;
  readonly headers: HeaderLines;
  readonly body: Buffer;
}

/** What it takes to ask a node: its entry, and the credential to show. */
export interface NodeAccess {
  readonly entry: NodeEntry;
  readonly credential: KubeletCredential;
}

const tooMuch = (): Fault =>
  new Fault('ServiceUnavailable', 'too much is being read from nodes at present: ask again', {
    headers: { 'retry-after': '5' },
  });

/**
 * Rejects with a Fault: BadGateway for a node that fails or says too much, Timeout, ServiceUnavailable on `signal` and
 * when the budget is used up.
 */
export function collect(
  clock: Clock,
  upstream: Upstream,
  outgoing: OutgoingRequest,
  { maxBytes, timeoutMs, budget }: CollectOptions,
  signal: AbortSignal,
): Promise<Collected> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let held = 0;
    let isSettled = false;
    let head: Pick<Collected, 'code' | 'headers'> | undefined;
    const settle = (): void => {
      isSettled = true;
      cancel();
      signal.removeEventListener('abort', onAbort);
      budget?.give(held);
      held = 0;
    };
    const fail = (fault: Fault): void => {
      settle();
      request.abort();
      reject(fault);
    };
    const reader: AnswerReader = {
      onHead: (code, headers) => (head = { code, headers }),
      onData: (chunk) => {
        if (isSettled) return true;
        size += chunk.length;
        if (size > maxBytes) fail(new Fault('BadGateway', "the node's answer is too large"));
        else if (budget?.take(chunk.length) === false) fail(tooMuch());
        else {
          held += chunk.length;
          chunks.push(chunk);
        }
        return true;
      },
      onEnd: () => {
        settle();
        if (head !== undefined) resolve({ ...head, body: Buffer.concat(chunks, size) });
      },
      onFault: fail,
    };
    const request = new NodeRequest(upstream, outgoing, reader);
    const cancel = clock.after(timeoutMs, () =>
      fail(new Fault('Timeout', 'the node did not answer in time')),
    );
    const onAbort = (): void => fail(new Fault('ServiceUnavailable', 'the request was given up'));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    request.send();
  });
}
