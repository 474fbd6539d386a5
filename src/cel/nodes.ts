// The syntax tree of the CEL library, as far as it has to be walked: to see what an expression calls and selects, and
// to meter its evaluation. The library publishes `op` and `args`; what is used beyond that (`meta`, `setMeta`) is
// checked when an expression is compiled, so that another version of it refuses to work instead of working unmetered.

export interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
  setMeta(key: string, value: unknown): unknown;
}

/** How a node is evaluated. */
export type Evaluate = (evaluator: unknown, node: unknown, context: unknown) => unknown;

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' &&
  value !== null &&
  'op' in value &&
  typeof value.op === 'string' &&
  'args' in value &&
  'meta' in value &&
  typeof value.meta === 'object' &&
  'setMeta' in value &&
  typeof value.setMeta === 'function';

/** The node and all below it, as they were written: macros are calls here. */
export function* writtenNodes(node: Node): Generator<Node> {
  yield node;
  for (const child of nodesIn(node.args)) yield* writtenNodes(child);
}

/** Every node that can come to be evaluated, what macros were expanded to included; each once. */
export function evaluatedNodes(root: Node): ReadonlySet<Node> {
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const part of [node.args, node.meta['alternate'], node.meta['macro']]) {
      for (const child of nodesIn(part)) visit(child);
    }
  };
  visit(root);
  return seen;
}

/** The nodes directly in a part of a node: itself one, a list of them, or a record with some among its values. */
function nodesIn(part: unknown): readonly Node[] {
  if (isNode(part)) return [part];
  if (Array.isArray(part)) return part.flatMap(nodesIn);
  const isRecord =
    typeof part === 'object' && part !== null && Object.getPrototypeOf(part) === Object.prototype;
  return isRecord
    ? Object.values(part).flatMap((value) => (isNode(value) || Array.isArray(value) ? nodesIn(value) : []))
    : [];
}

export interface Call {
  readonly isMethod: boolean;
  readonly name: string;
  readonly receiver: Node | undefined;
  readonly arguments: readonly Node[];
  /** Gives the function another name. */
  rename(name: string): void;
}

/** The call that a node is, if it is one. */
export function toCall({ op, args }: Node): Call | undefined {
  if ((op !== 'call' && op !== 'rcall') || !Array.isArray(args)) return undefined;
  const parts: unknown[] = args;
  const name = parts[0];
  if (typeof name !== 'string') return undefined;
  const isMethod = op === 'rcall';
  const list = parts[isMethod ? 2 : 1];
  return {
    isMethod,
    name,
    receiver: isMethod && isNode(parts[1]) ? parts[1] : undefined,
    arguments: Array.isArray(list) ? list.filter(isNode) : [],
    rename: (other) => {
      parts[0] = other;
    },
  };
}
