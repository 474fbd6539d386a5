// One line in the log at the end of each exchange. It names the action, not the URL: what a client writes into its URL
// is in the audit log, where it can be kept apart.

import type { Ending, Evidence, Observation, Observer } from '../core/observation.ts';
import type { LogFields, TextLog } from '../core/ports.ts';
import { inQuotes, toListText } from './json-text.ts';
import { toActionName } from './long-running.ts';

/** Refusals with a 5xx code are warnings and show their cause; an unforeseen error is an error; the rest is info. */
export const createAccessLog =
  ({ log }: { readonly log: TextLog }): Observer =>
  (received) =>
    new AccessLine(log, received);

/** A class, because its methods are made once and not for every exchange. */
class AccessLine implements Observation {
  readonly #log: TextLog;
  readonly #startedAt = performance.now();
  #known: Evidence;

  constructor(log: TextLog, received: Evidence) {
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
    if (fault === undefined || fault.code < 500) this.#log.infoText(this.#toText(ending), 'exchange');
    else this.#log.warn({ ...this.#toLine(ending), cause: fault.cause }, 'exchange failed');
  }

  panic(error: unknown, ending: Ending): void {
    this.#log.error({ ...this.#toLine(ending), error }, 'exchange ended by an unforeseen error');
  }

  /** What `#toLine` has, as JSON: most lines are this one. */
  #toText({ code, bytesSent, bytesReceived, reason, fault }: Ending): string {
    const evidence = this.#known;
    return (
      `,"auditId":"${evidence.auditId}","sourceIPs":${toListText(evidence.peer.sourceIPs)}` +
      `,"method":"${inQuotes(evidence.method)}","action":"${toActionName(evidence)}` +
      ('authentication' in evidence ? `","user":"${inQuotes(evidence.authentication.user.name)}` : '') +
      ('node' in evidence ? `","node":"${evidence.node}` : '') +
      ('credential' in evidence ? `","credential":"${inQuotes(evidence.credential.name)}` : '') +
      `","code":${code},"durationMs":${this.#durationMs()}` +
      (bytesSent === undefined ? '' : `,"bytesSent":${bytesSent}`) +
      (bytesReceived === undefined ? '' : `,"bytesReceived":${bytesReceived}`) +
      (reason === undefined ? '' : `,"endReason":"${reason}"`) +
      (fault === undefined ? '' : `,"fault":"${inQuotes(fault.message)}"`)
    );
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
      durationMs: this.#durationMs(),
      bytesSent: ending.bytesSent,
      bytesReceived: ending.bytesReceived,
      endReason: ending.reason,
      fault: ending.fault?.message,
    };
  }

  #durationMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 100) / 100;
  }
}
