// Makes an expression pay for its evaluation: each node that can be evaluated charges the meter first, and what goes
// into an operation that works through it whole is weighed on its way in.

import type { Meter } from './meter.ts';
import type { Evaluate, Node } from './nodes.ts';
import { evaluatedNodes, isNode } from './nodes.ts';

/** Operators that look at the whole of their operands. */
const THOROUGH = new Set(['==', '!=', 'in', '+', 'call', 'rcall', '<', '<=', '>', '>=']);

/** To be called after the type check, which still changes how nodes are evaluated. Throws an Error when it cannot. */
export function meterEvaluation(root: Node, meter: Meter): void {
  const nodes = evaluatedNodes(root);
  const weighed = new Set<Node>();
  const ranges = new Set<Node>();
  for (const { op, args } of nodes) {
    if (THOROUGH.has(op)) for (const operand of operands(args)) weighed.add(standIn(operand));
    if (op === 'comprehension' && typeof args === 'object' && args !== null && 'iterable' in args) {
      if (isNode(args.iterable)) ranges.add(standIn(args.iterable));
    }
  }
  for (const node of nodes) {
    const evaluate = node.meta['evaluate'];
    if (!isEvaluate(evaluate)) throw new Error('the expression cannot be metered');
    const charge = weighed.has(node) ? meter.weigh : ranges.has(node) ? chargeKeys(meter) : undefined;
    node.setMeta('evaluate', metered(evaluate, meter, charge));
  }
  // A macro has an evaluation of its own.
  for (const node of nodes) meterMacro(node, meter, weighed.has(node));
}

function meterMacro({ meta }: Node, meter: Meter, isWeighed: boolean): void {
  const macro = meta['macro'];
  if (typeof macro !== 'object' || macro === null || !('evaluate' in macro)) return;
  const { evaluate } = macro;
  if (!isEvaluate(evaluate)) throw new Error('the expression cannot be metered');
  Reflect.set(macro, 'evaluate', metered(evaluate, meter, isWeighed ? meter.weigh : undefined));
}

const metered = (evaluate: Evaluate, meter: Meter, weigh: ((value: unknown) => void) | undefined): Evaluate =>
  function (this: unknown, evaluator, node, context) {
    meter.charge(1);
    const value = evaluate.call(this, evaluator, node, context);
    weigh?.(value);
    return value;
  };

/** Walking over a map begins with a list of its keys. */
const chargeKeys =
  (meter: Meter) =>
  (value: unknown): void => {
    if (value instanceof Map) meter.charge(value.size / 8);
  };

/** What is evaluated in the place of the node: what a macro was expanded to. */
function standIn(node: Node): Node {
  const alternate = node.meta['alternate'];
  return isNode(alternate) ? standIn(alternate) : node;
}

const isEvaluate = (value: unknown): value is Evaluate => typeof value === 'function';

const operands = (args: unknown): readonly Node[] =>
  isNode(args) ? [args] : Array.isArray(args) ? args.flatMap(operands) : [];
