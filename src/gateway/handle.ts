// The line that every exchange walks, HTTP and upgrade alike. Nothing else happens here: each stage returns the
// record that it was given and what it has found, or throws a Fault, and a Fault is answered in one place.

import type {
  Answered,
  Authorizable,
  Authorized,
  Credentialed,
  Found,
  Identified,
  Located,
  OwnAuthorized,
  Permitted,
  Received,
  Resolved,
  Sought,
} from '../core/exchange.ts';
import type { Grant } from '../core/decision.ts';
import type { EarlyEvidence, Ending, Observation, Observer } from '../core/observation.ts';
import { isOwn, isResolved, isSought } from '../core/exchange.ts';
import { Fault, toFault } from '../core/fault.ts';

type Awaitable<T> = T | Promise<T>;

/** An audit mode with nothing to wait for. */
const TOLD: Promise<void> = Promise.resolve();

export interface Line {
  readonly observe: Observer;
  identify(received: Received): Awaitable<Identified>;
  resolve(identified: Identified): Found;
  authorize<Asked extends Authorizable>(resolved: Asked): Awaitable<Asked & { readonly grant: Grant }>;
  /** The first right to a pod whose node is not known yet: to all nodes, to the pod, or to some nodes. */
  permit(sought: Sought): Awaitable<Permitted>;
  /** The same request with the node that its pod is on. */
  find(permitted: Permitted): Awaitable<Resolved>;
  locate(authorized: Authorized): Awaitable<Located>;
  credential(located: Located): Awaitable<Credentialed>;
  /** Sends the node's answer. Throws a Fault only while nothing has been sent. */
  forward(credentialed: Credentialed, observation: Observation): Awaitable<Ending>;
  /** Serves one of the gateway's own resources. Throws a Fault only while nothing has been sent. */
  serve(own: OwnAuthorized, observation: Observation): Awaitable<Ending>;
  /** Sends the gateway's own answer. Throws a Fault only while nothing has been sent. */
  answer(answered: Answered, observation: Observation): Awaitable<Ending>;
  /** Instead of a Status: a page for a person in a browser, or where they can sign in. Undefined: it is not one. */
  refusePerson?(received: Received, fault: Fault): Ending | undefined;
  /** Sends a Fault as a Kubernetes Status. */
  refuse(received: Received, fault: Fault): void;
}

/**
 * Carries one exchange through the line. Never rejects. `line` is the one of the moment at which the request came:
 * a reload builds a new line, and running exchanges keep theirs.
 */
export async function handle(line: Line, received: Received): Promise<void> {
  const observation = line.observe(received);
  let known: EarlyEvidence = received;
  let told: Promise<void> | undefined;
  try {
    const identifying = line.identify(received);
    const identified = (known = identifying instanceof Promise ? await identifying : identifying);
    const resolved = (known = line.resolve(identified));
    // The write of the audit event and the authorizer's answer are waited for together; no node is dialled before both.
    told = observation.received(resolved) ?? TOLD;
    // Should it reject while the authorizer is still being waited for, it is not unhandled: it is awaited below.
    told.catch(() => undefined);
    observation.complete(await carryOut(line, resolved, told, observation));
  } catch (error) {
    const fault = await unlessUntold(told ?? observation.received(known) ?? TOLD, error);
    const shown = line.refusePerson?.(received, fault);
    if (shown === undefined) line.refuse(received, fault);
    const ending = shown ?? { code: fault.code, fault };
    if (error instanceof Fault) observation.complete(ending);
    else observation.panic(error, ending);
  }
}

/**
 * The ways to an answer: from a node (which may have to be found first), from the gateway with a right, from the
 * gateway without one. A stage that answers at once, as most do, is not awaited: every `await` is a turn of all
 * microtasks.
 */
async function carryOut(
  line: Line,
  found: Found,
  told: Promise<void>,
  observation: Observation,
): Promise<Ending> {
  if (isResolved(found)) {
    const authorizing = line.authorize(found);
    const authorized = authorizing instanceof Promise ? await authorizing : authorizing;
    observation.found(authorized);
    await told;
    const locating = line.locate(authorized);
    const located = locating instanceof Promise ? await locating : locating;
    observation.found(located);
    const crediting = line.credential(located);
    const credentialed = crediting instanceof Promise ? await crediting : crediting;
    observation.found(credentialed);
    return line.forward(credentialed, observation);
  }
  if (isOwn(found)) {
    const authorized = await line.authorize(found);
    observation.found(authorized);
    await told;
    return line.serve(authorized, observation);
  }
  if (isSought(found)) {
    const permitted = await line.permit(found);
    await told;
    // The right to the node that was found is asked for as if the request had named it.
    return carryOut(line, await line.find(permitted), told, observation);
  }
  await told;
  return line.answer(found, observation);
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
