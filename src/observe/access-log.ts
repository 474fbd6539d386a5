// One line in the log at the end of each exchange. It names the action, not the URL: what a client writes into its URL
// is in the audit log, where it can be kept apart.

import type { Ending, Evidence, Observation, Observer } from '../core/observation.ts';
import type { Log, LogFields } from '../core/ports.ts';
import { toActionName } from './long-running.ts';

/** Refusals with a 5xx code are warnings and show their cause; an unforeseen error is an error; the rest is info. */
export const createAccessLog =
  ({ log }: { readonly log: Log }): Observer =>
  (received) =>
    new AccessLine(log, received);

/** A class, because its methods are made once and not for every exchange. */
class AccessLine implements Observation {
  readonly #log: Log;
  readonly #startedAt = performance.now();
  #known: Evidence;

  constructor(log: Log, received: Evidence) {
    this.#log = log;
    this.#known = received;
  }

  received(evidence: Evidence): undefined {
    this.#known = evidence;
  }

  found(evidence: Evidence): void {
    this.#known = evidence;
  }

  started(): void {
    // The line comes at the end.
  }

  complete(ending: Ending): void {
    const { fault } = ending;
    const line = this.#toLine(ending);
    if (fault === undefined || fault.code < 500) this.#log.info(line, 'exchange');
    else this.#log.warn({ ...line, cause: fault.cause }, 'exchange failed');
  }

  panic(error: unknown, ending: Ending): void {
    this.#log.error({ ...this.#toLine(ending), error }, 'exchange ended by an unforeseen error');
  }

  #toLine(ending: Ending): LogFields {
    const evidence = this.#known;
    return {
      auditId: evidence.auditId,
      sourceIPs: evidence.peer.sourceIPs,
      method: evidence.method,
      action: toActionName(evidence),
      user: 'authentication' in evidence ? evidence.authentication.user.name : undefined,
      node: 'node' in evidence ? evidence.node : undefined,
      credential: 'credential' in evidence ? evidence.credential.name : undefined,
      code: ending.code,
      durationMs: Math.round((performance.now() - this.#startedAt) * 100) / 100,
      bytesSent: ending.bytesSent,
      bytesReceived: ending.bytesReceived,
      endReason: ending.reason,
      fault: ending.fault?.message,
    };
  }
}
