// The functions that expressions may call: the part of the environment of Kubernetes' authentication expressions
// (apiserver/pkg/cel/environment) that is carried. docs/cel.md is generated from these tables; a function that is not
// in them is refused when the configuration is loaded.
//
// Nearly all are written here and not taken from the CEL library: its own count UTF-16 units where CEL counts
// characters, use RegExp, and read numbers that CEL does not.

import type { CarriedFunction } from './carried.ts';
import { conversions } from './conversions.ts';
import { lists } from './lists.ts';
import { strings } from './strings.ts';

/** Expanded by the parser; they evaluate their arguments by rules of their own. */
const macros: readonly CarriedFunction[] = [
  { signature: 'has(field): bool', meaning: 'whether the field is there; never an error' },
  { signature: 'list.all(x, bool): bool', meaning: 'whether it holds for every element, or key of a map' },
  { signature: 'list.exists(x, bool): bool', meaning: 'whether it holds for an element' },
  { signature: 'list.exists_one(x, bool): bool', meaning: 'whether it holds for exactly one element' },
  { signature: 'list.filter(x, bool): list', meaning: 'the elements for which it holds' },
  { signature: 'list.map(x, any): list', meaning: 'what it makes of each element' },
  { signature: 'list.map(x, bool, any): list', meaning: 'what it makes of each element for which it holds' },
  { signature: 'cel.bind(x, any, any): any', meaning: 'the last expression, with a name for a value' },
];

const optionals: readonly CarriedFunction[] = [
  { signature: 'optional.of(any): optional', meaning: 'an optional that holds the value' },
  { signature: 'optional.none(): optional', meaning: 'an optional that holds none' },
  { signature: 'optional.hasValue(): bool', meaning: 'whether it holds one' },
  { signature: 'optional.value(): any', meaning: 'what it holds; an error when it holds none' },
  { signature: 'optional.or(optional): optional', meaning: 'itself, or the other when it holds none' },
  { signature: 'optional.orValue(any): any', meaning: 'what it holds, or the argument' },
];

/** By chapters of the reference. */
export const FUNCTIONS: Readonly<Record<string, readonly CarriedFunction[]>> = {
  Macros: macros,
  Optionals: optionals,
  'Sizes, types and conversions': conversions,
  Strings: strings,
  Lists: lists,
};

export interface Callable {
  readonly isMethod: boolean;
  readonly name: string;
  readonly argumentCount: number;
}

/** `string.indexOf(string, int): int` → a method `indexOf` of two arguments. */
export function toCallable({ signature }: CarriedFunction): Callable {
  const open = signature.indexOf('(');
  const [receiver, name] = signature.slice(0, open).split('.');
  const inside = signature.slice(open + 1, signature.indexOf(')'));
  return {
    isMethod: name !== undefined,
    name: name ?? receiver ?? '',
    argumentCount: inside === '' ? 0 : inside.split(',').length,
  };
}
