// The line that every exchange walks, HTTP and upgrade alike. Nothing else happens here: each stage returns the
// record that it was given and what it has found, or throws a Fault, and a Fault is answered in one place.

import type {
  Answered,
  Authorized,
  Credentialed,
  Identified,
  Located,
  Received,
  Resolved,
} from '../core/exchange.ts';
import type { Ending, Observation, Observer } from '../core/observation.ts';
import { isResolved } from '../core/exchange.ts';
import { Fault, toFault } from '../core/fault.ts';

type Awaitable<T> = T | Promise<T>;

/** An audit mode with nothing to wait for. */
const TOLD: Promise<void> = Promise.resolve();

export interface Line {
  readonly observe: Observer;
  identify(received: Received): Awaitable<Identified>;
  resolve(identified: Identified): Resolved | Answered;
  authorize(resolved: Resolved): Awaitable<Authorized>;
  locate(authorized: Authorized): Awaitable<Located>;
  credential(located: Located): Awaitable<Credentialed>;
  /** Sends the node's answer. Throws a Fault only while nothing has been sent. */
  forward(credentialed: Credentialed, observation: Observation): Promise<Ending>;
  /** Sends the gateway's own answer. Throws a Fault only while nothing has been sent. */
  answer(answered: Answered): Awaitable<Ending>;
  /** Sends a Fault as a Kubernetes Status. */
  refuse(received: Received, fault: Fault): void;
}

/**
 * Carries one exchange through the line. Never rejects. `line` is the one of the moment at which the request came:
 * a reload builds a new line, and running exchanges keep theirs.
 */
export async function handle(line: Line, received: Received): Promise<void> {
  const observation = line.observe(received);
  let known: Received | Identified | Resolved | Answered = received;
  let told: Promise<void> | undefined;
  try {
    const identified = (known = await line.identify(received));
    const resolved = (known = line.resolve(identified));
    // The write of the audit event and the authorizer's answer are waited for together; no node is dialled before both.
    told = observation.received(resolved) ?? TOLD;
    // Should it reject while the authorizer is still being waited for, it is not unhandled: it is awaited below.
    told.catch(() => undefined);
    if (!isResolved(resolved)) {
      await told;
      observation.complete(await line.answer(resolved));
      return;
    }
    const authorized = await line.authorize(resolved);
    observation.found(authorized);
    await told;
    const credentialed = await toNode(line, authorized, observation);
    observation.complete(await line.forward(credentialed, observation));
  } catch (error) {
    const fault = await unlessUntold(told ?? observation.received(known) ?? TOLD, error);
    line.refuse(received, fault);
    const ending = { code: fault.code, fault };
    if (error instanceof Fault) observation.complete(ending);
    else observation.panic(error, ending);
  }
}

async function toNode(line: Line, authorized: Authorized, observation: Observation): Promise<Credentialed> {
  const located = await line.locate(authorized);
  observation.found(located);
  const credentialed = await line.credential(located);
  observation.found(credentialed);
  return credentialed;
}

/** The fault to answer with: the refusal itself, or that its audit event could not be stored. */
async function unlessUntold(told: Promise<void>, error: unknown): Promise<Fault> {
  try {
    await told;
    return toFault(error);
  } catch (untold) {
    return toFault(untold);
  }
}
