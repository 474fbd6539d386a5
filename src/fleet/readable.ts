// Which nodes an answer about all nodes may use, and asking them: each with the grant that the authorize stage gave for
// it, several at a time, none longer than its limit, and those that fail by their names in a warning.

import type { Authorized, Identified, Resolved } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { NodeEntry } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';

const CONCURRENCY = 8;
const NODE_LIMIT_MS = 10_000;
/** No node is begun with after this: a thousand dead ones would take 20 minutes. */
const ALL_LIMIT_MS = 30_000;
/** Names in a warning; there may be ten thousand. */
const MAX_NAMED = 20;

export type Authorize = (resolved: Resolved) => Authorized | Promise<Authorized>;

/** Who is let through to a node. */
export interface Gate {
  readonly authorize: Authorize;
  /** Throws a Fault for what is not let through whatever the right to it: a login that is too old or too weak. */
  readonly admit: (authorized: Authorized) => void;
}

/** Nodes that the caller has the right to read and is not let through to, and why. */
export type Held = ReadonlyMap<NodeName, Fault>;

export interface Readable {
  readonly entry: NodeEntry;
  readonly authorized: Authorized;
}

/**
 * The nodes for which the requirement of `on(entry)` is met, and to which the caller is let through. `everywhere` is the
 * same on no node's name. Rejects with Forbidden when there are nodes and none may be read, as `admit` does when none is
 * let through to, and with the authorizer's own faults.
 */
export const readable = async (
  gate: Gate,
  nodes: readonly NodeEntry[],
  on: (entry: NodeEntry | undefined) => Resolved,
): Promise<readonly Readable[]> => (await readableBy(gate, nodes, on)).nodes;

/** The same, and the right to all nodes where it is that. */
export async function readableBy(
  { authorize, admit }: Gate,
  nodes: readonly NodeEntry[],
  on: (entry: NodeEntry | undefined) => Resolved,
): Promise<{ readonly nodes: readonly Readable[]; readonly held: Held; readonly everywhere?: Authorized }> {
  const { found, everywhere } = await findReadable(authorize, nodes, on);
  const held = new Map<NodeName, Fault>();
  const admitted = found.filter(({ entry, authorized }) => {
    const fault = refused(admit, authorized);
    if (fault !== undefined) held.set(entry.name, fault);
    return fault === undefined;
  });
  const [fault] = held.values();
  if (fault !== undefined && admitted.length === 0) throw fault;
  return { nodes: admitted, held, ...(everywhere === undefined ? {} : { everywhere }) };
}

/** Why it is not let through, as `admit` throws it; undefined: it is. */
export function refused<Asked extends Resolved>(
  admit: (asked: Asked) => void,
  asked: Asked,
): Fault | undefined {
  try {
    admit(asked);
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

async function findReadable(
  authorize: Authorize,
  nodes: readonly NodeEntry[],
  on: (entry: NodeEntry | undefined) => Resolved,
): Promise<{ readonly found: readonly Readable[]; readonly everywhere?: Authorized }> {
  let refusal: Fault;
  try {
    // One question instead of ten thousand for whoever may read the whole fleet.
    const everywhere = await authorize(on(undefined));
    const { grant } = everywhere;
    return { found: nodes.map((entry) => ({ entry, authorized: { ...on(entry), grant } })), everywhere };
  } catch (error) {
    refusal = toForbidden(error);
  }
  const found: Readable[] = [];
  await inTurn(nodes, async (entry) => {
    try {
      found.push({ entry, authorized: await authorize(on(entry)) });
    } catch (error) {
      toForbidden(error);
    }
  });
  if (found.length === 0) throw refusal;
  return { found: found.sort((a, b) => (a.entry.name < b.entry.name ? -1 : 1)) };
}

/** Anything but a plain no fails the whole. */
function toForbidden(error: unknown): Fault {
  if (error instanceof Fault && error.reason === 'Forbidden') return error;
  throw error;
}

/**
 * What `ask` made of each node's answer, in the nodes' order, and the nodes that gave none. Once `isEnough` says so, no
 * further node is begun with: `unread` is the first of those that are left.
 */
export async function askAll<T>(
  { clock }: { readonly clock: Clock },
  nodes: readonly Readable[],
  { lifetime }: Identified,
  ask: (node: Readable, signal: AbortSignal) => Promise<T>,
  isEnough: () => boolean = () => false,
): Promise<{
  readonly answers: readonly T[];
  readonly headers: Readonly<Record<string, string>>;
  readonly silent: readonly NodeName[];
  readonly unread?: Readable;
}> {
  const answers = new Map<Readable, T>();
  let begun = 0;
  const deadline = clock.now() + ALL_LIMIT_MS;
  await inTurn(nodes, async (node) => {
    if (isEnough()) return;
    begun += 1;
    if (lifetime.ended || clock.now() > deadline) return;
    try {
      answers.set(node, await withLimit(clock, lifetime.signal, (signal) => ask(node, signal)));
    } catch {
      // Named in the warning.
    }
  });
  // Nodes are begun with in their order.
  const asked = nodes.slice(0, begun);
  const unread = nodes[begun];
  const silent = asked.filter((node) => !answers.has(node)).map(({ entry }) => entry.name);
  return {
    ...(unread === undefined ? {} : { unread }),
    answers: asked.flatMap((node) => {
      const answer = answers.get(node);
      return answer === undefined ? [] : [answer];
    }),
    silent,
    headers: silent.length === 0 ? {} : { warning: toWarning(silent) },
  };
}

/** The same headers, with a warning for each reason why nodes are held back. */
export function withHeld(
  headers: Readonly<Record<string, string>>,
  held: Held,
): Readonly<Record<string, string>> {
  const byReason = new Map<string, NodeName[]>();
  for (const [name, { message }] of held) byReason.set(message, [...(byReason.get(message) ?? []), name]);
  return withWarnings(
    headers,
    Array.from(
      byReason,
      ([message, names]) => `${toNames(names)} ${names.length === 1 ? 'is' : 'are'} left out: ${message}`,
    ),
  );
}

/** The same headers, and these texts. */
export function withWarnings(
  headers: Readonly<Record<string, string>>,
  texts: readonly string[],
): Readonly<Record<string, string>> {
  const { warning } = headers;
  const warnings = texts.map((text) => `299 - "${text.replace(/["\\]/g, '\\$&')}"`);
  const all = [...(warning === undefined ? [] : [warning]), ...warnings];
  return all.length === 0 ? headers : { ...headers, warning: all.join(', ') };
}

/** RFC 9111 used to name code 299; kubectl shows its text to people. */
export function toWarning(silent: readonly string[]): string {
  return `299 - "partial answer: no usable answer of ${toNames(silent)}"`;
}

function toNames(names: readonly string[]): string {
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).join(', ')}${more}`;
}

/** Rejects as `work` does, or once `NODE_LIMIT_MS` have passed or `signal` is aborted. */
export async function withLimit<T>(
  clock: Clock,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const cancel = clock.after(NODE_LIMIT_MS, () => limit.abort());
  try {
    return await work(signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]));
  } finally {
    cancel();
  }
}

export async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const run = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, run));
}
