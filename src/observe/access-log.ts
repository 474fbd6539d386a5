// One line in the log at the end of each exchange. It names the action, not the URL: what a client writes into its URL
// is in the audit log, where it can be kept apart.

import type { Ending, Evidence, Observation, Observer } from '../core/observation.ts';
import type { Log, LogFields } from '../core/ports.ts';
import { toActionName } from './long-running.ts';

/** Refusals with a 5xx code are warnings and show their cause; an unforeseen error is an error; the rest is info. */
export const createAccessLog =
  ({ log }: { readonly log: Log }): Observer =>
  (received) => {
    const startedAt = performance.now();
    let known: Evidence = received;
    const toLine = (ending: Ending): LogFields => ({
      auditId: received.auditId,
      ...toFields(known),
      code: ending.code,
      durationMs: Math.round((performance.now() - startedAt) * 100) / 100,
      bytesSent: ending.bytesSent,
      bytesReceived: ending.bytesReceived,
      endReason: ending.reason,
      fault: ending.fault?.message,
    });
    return {
      received: (evidence) => {
        known = evidence;
        return undefined;
      },
      found: (evidence) => {
        known = evidence;
      },
      started: () => undefined,
      complete: (ending) => {
        const { fault } = ending;
        if (fault === undefined || fault.code < 500) log.info(toLine(ending), 'exchange');
        else log.warn({ ...toLine(ending), cause: fault.cause }, 'exchange failed');
      },
      panic: (error, ending) =>
        log.error({ ...toLine(ending), error }, 'exchange ended by an unforeseen error'),
    } satisfies Observation;
  };

function toFields(evidence: Evidence): LogFields {
  return {
    sourceIPs: evidence.peer.sourceIPs,
    method: evidence.method,
    action: toActionName(evidence),
    user: 'authentication' in evidence ? evidence.authentication.user.name : undefined,
    node: 'node' in evidence ? evidence.node : undefined,
    credential: 'credential' in evidence ? evidence.credential.name : undefined,
  };
}
