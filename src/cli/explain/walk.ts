// Walks the stages of the line as `gateway/handle.ts` does, up to the one that would dial a node, and writes down what
// they found. The stages are the gateway's own, made by compose.ts; probes look over their shoulders.

import type { Authorizer } from '../../core/decision.ts';
import type { Authorized, Credentialed, Identified, Located, Resolved, Sought } from '../../core/exchange.ts';
import type { MappingTrace } from '../../credential/credential.ts';
import type { Line } from '../../gateway/handle.ts';
import type { Explanation, Outcome, Question, Stage, TriedMapping } from './explanation.ts';
import type { Fault } from '../../core/fault.ts';
import { toRight } from '../../authorize/explain.ts';
import { isResolved, isSought } from '../../core/exchange.ts';
import { toFault } from '../../core/fault.ts';

export interface Walk {
  /** What compose.ts hands to the stages. */
  readonly probes: {
    authorizer(inner: Authorizer): Authorizer;
    readonly mapping: MappingTrace;
    pods(reading: Credentialed): never;
  };
  run(
    line: Pick<Line, 'resolve' | 'permit' | 'find' | 'authorize' | 'locate' | 'credential'>,
    identified: Identified,
    options: WalkOptions,
  ): Promise<Walked>;
}

export interface WalkOptions {
  /** Stop before anybody is asked. */
  readonly offline: boolean;
  readonly mode: string;
}

export interface Walked {
  readonly found: Pick<
    Explanation,
    'node' | 'action' | 'permission' | 'authorization' | 'entry' | 'podsFirst' | 'mappings' | 'credential'
  >;
  readonly outcome: Outcome;
  /** The exchange before the stage that would dial. */
  readonly exchange?: Credentialed;
}

/** Thrown through `locate` in place of an answer of the node. */
class PodsWanted extends Error {
  readonly reading: Credentialed;

  constructor(reading: Credentialed) {
    super('the pods of the node are wanted');
    this.reading = reading;
  }
}

/** Where a pod is, the nodes alone could say. */
class PlaceUnknown extends Error {
  constructor() {
    super(
      'the kubelets of the nodes would say where the pod is, and no node is asked here: name its node in place of -',
    );
  }
}

/** What the probes saw. */
interface Notebook {
  readonly decisions: Map<string, Pick<Question, 'decision' | 'reason'>>;
  tried: TriedMapping[];
  /** A node was to be asked for its pods. */
  hasAskedNode: boolean;
}

type Found = { -readonly [Key in keyof Walked['found']]: Walked['found'][Key] };

export function createWalk(): Walk {
  const notebook: Notebook = { decisions: new Map(), tried: [], hasAskedNode: false };
  return {
    probes: {
      authorizer: (inner) => watchAuthorizer(inner, notebook),
      mapping: ({ index, credential, mismatch }) => {
        notebook.tried.push({ index, credential, ...(mismatch === undefined ? {} : { mismatch }) });
      },
      pods: (reading) => {
        notebook.hasAskedNode = true;
        throw new PodsWanted(reading);
      },
    },
    run: async (line, identified, options) => {
      const found: Found = {};
      const at: { stage: Stage } = { stage: 'resolve' };
      try {
        const exchange = await walk({ line, notebook, found, at }, identified, options);
        return exchange === undefined
          ? { found, outcome: { kind: 'notDecided' } }
          : { found, outcome: { kind: 'allowed' }, exchange };
      } catch (error) {
        if (error instanceof PlaceUnknown)
          return { found, outcome: { kind: 'notDecided', why: error.message } };
        return { found, outcome: toRefusal(at.stage, toFault(error)) };
      }
    },
  };
}

function watchAuthorizer(inner: Authorizer, { decisions }: Notebook): Authorizer {
  return async (user, attributes) => {
    const key = JSON.stringify(attributes);
    try {
      const { kind, reason } = await inner(user, attributes);
      decisions.set(key, { decision: kind, reason });
      return { kind, reason };
    } catch (error) {
      const fault = toFault(error);
      decisions.set(key, { decision: 'error', reason: toCause(fault) ?? fault.message });
      throw error;
    }
  };
}

interface Walking {
  readonly line: Parameters<Walk['run']>[0];
  readonly notebook: Notebook;
  readonly found: Found;
  readonly at: { stage: Stage };
}

/** The exchange before the stage that would dial; undefined when it was not to be decided. Rejects with what refused it. */
async function walk(
  { line, notebook, found, at }: Walking,
  identified: Identified,
  { offline, mode }: WalkOptions,
): Promise<Credentialed | undefined> {
  const asked = line.resolve(identified);
  const resolved = isSought(asked) ? await find({ line, notebook, found, at }, asked, offline) : asked;
  if (resolved === undefined) return undefined;
  if (!isResolved(resolved)) throw new Error('the words made a request that goes to no node');
  found.node = resolved.node;
  found.action = resolved.action;
  const tell = (): void => {
    found.authorization = { mode, questions: toQuestions(resolved, notebook) };
  };
  tell();
  if (offline) return undefined;
  at.stage = 'authorize';
  const authorized = await Promise.resolve(line.authorize(resolved)).finally(tell);
  at.stage = 'locate';
  const located = await locate({ line, notebook, found, at }, authorized);
  found.action = located.action;
  const { address, port, serverName } = located.entry;
  found.entry = { address, port, serverName };
  at.stage = 'credential';
  notebook.tried = [];
  found.mappings = notebook.tried;
  const exchange = await line.credential(located);
  found.credential = { name: exchange.credential.name, kind: exchange.credential.material.kind };
  return exchange;
}

/** The pod's node, as the gateway finds it; undefined when nobody is to be asked. */
async function find(
  { line, notebook, found, at }: Walking,
  sought: Sought,
  offline: boolean,
): Promise<Resolved | undefined> {
  const tell = (): void => {
    found.permission = { questions: toQuestions(sought, notebook) };
  };
  tell();
  if (offline) return undefined;
  at.stage = 'permit';
  const permitted = await Promise.resolve(line.permit(sought)).finally(tell);
  at.stage = 'find';
  try {
    return await line.find(permitted);
  } catch (error) {
    throw notebook.hasAskedNode ? new PlaceUnknown() : error;
  } finally {
    // The same questions are asked again about the node.
    notebook.decisions.clear();
  }
}

/** Where the node would be asked for its pods, the exchange goes on as if it had answered as the client expects. */
async function locate({ line, notebook, found }: Walking, authorized: Authorized): Promise<Located> {
  try {
    return await line.locate(authorized);
  } catch (error) {
    const mappings = notebook.tried;
    if (error instanceof PodsWanted) {
      const { entry, credential } = error.reading;
      found.podsFirst = { mappings, credential: credential.name };
      return { ...authorized, entry };
    }
    if (mappings.length > 0) found.podsFirst = { mappings };
    throw error;
  }
}

const toQuestions = (
  { requirement }: Pick<Resolved, 'requirement'>,
  { decisions }: Notebook,
): readonly Question[] =>
  requirement.map((attributes) => ({
    right: toRight(attributes),
    attributes,
    decision: 'notAsked',
    reason: '',
    ...decisions.get(JSON.stringify(attributes)),
  }));

function toRefusal(stage: Stage, fault: Fault): Outcome {
  const cause = toCause(fault);
  const { code, reason, message } = fault;
  return { kind: 'refused', stage, code, reason, message, ...(cause === undefined ? {} : { cause }) };
}

/** The texts of the causes, which are for operators. */
function toCause({ cause }: Error): string | undefined {
  const texts: string[] = [];
  let at: unknown = cause;
  while (at instanceof Error && texts.length < 8) {
    texts.push(at.message);
    at = at.cause;
  }
  if (typeof at === 'string') texts.push(at);
  return texts.length === 0 ? undefined : texts.join(': ');
}
