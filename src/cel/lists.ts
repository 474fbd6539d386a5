// List functions: Kubernetes' list library (apiserver/pkg/cel/library/lists.go) and `join` of cel-go's ext/strings.

import type { CarriedFunction } from './carried.ts';
import { CHARACTERS_PER_UNIT } from './meter.ts';
import { isEqual } from './value.ts';

type List = readonly unknown[];

export const lists: readonly CarriedFunction[] = [
  {
    signature: 'list.join(): string',
    meaning: 'its strings, one after the other',
    handler: () => (list: List) => toStrings(list).join(''),
  },
  {
    signature: 'list.join(string): string',
    meaning: 'its strings with a separator between them',
    handler:
      ({ meter }) =>
      (list: List, separator: string) => {
        meter.charge((list.length * separator.length) / CHARACTERS_PER_UNIT);
        return toStrings(list).join(separator);
      },
  },
  {
    signature: 'list.indexOf(dyn): int',
    meaning: 'the position of the first element that is equal, or -1',
    handler: () => (list: List, sought: unknown) =>
      BigInt(list.findIndex((element) => isEqual(element, sought))),
  },
  {
    signature: 'list.lastIndexOf(dyn): int',
    meaning: 'the position of the last element that is equal, or -1',
    handler: () => (list: List, sought: unknown) =>
      BigInt(list.findLastIndex((element) => isEqual(element, sought))),
  },
  {
    signature: 'list.isSorted(): bool',
    meaning: 'whether no element is less than the one before it',
    handler: () => (list: List) => {
      const ordered = toComparable(list);
      return ordered.every((element, i) => i === 0 || (ordered[i - 1] ?? element) <= element);
    },
  },
  {
    signature: 'list.min(): dyn',
    meaning: 'its least element; an error when it is empty',
    handler: () => (list: List) => extreme(list, (a, b) => a < b),
  },
  {
    signature: 'list.max(): dyn',
    meaning: 'its greatest element; an error when it is empty',
    handler: () => (list: List) => extreme(list, (a, b) => a > b),
  },
  {
    signature: 'list.sum(): dyn',
    meaning: 'the sum of its numbers; 0 when it is empty',
    handler: () => (list: List) => sum(list),
  },
];

function toStrings(list: List): readonly string[] {
  return list.map((element) => {
    if (typeof element !== 'string') throw new TypeError('the list does not hold strings only');
    return element;
  });
}

type Comparable = string | number | bigint;

/** Throws a TypeError unless all elements are of one type that has an order. */
function toComparable(list: List): readonly Comparable[] {
  const type = typeof list[0];
  return list.map((element) => {
    if (
      typeof element !== type ||
      (typeof element !== 'string' && typeof element !== 'number' && typeof element !== 'bigint')
    ) {
      throw new TypeError('the list does not hold strings only, or numbers of one type only');
    }
    return element;
  });
}

function extreme(list: List, isBetter: (a: Comparable, b: Comparable) => boolean): Comparable {
  const [first, ...others] = toComparable(list);
  if (first === undefined) throw new RangeError('the list is empty');
  return others.reduce((best, element) => (isBetter(element, best) ? element : best), first);
}

const MAX_INT = 2n ** 63n - 1n;

function sum(list: List): number | bigint {
  const numbers = toComparable(list);
  if (numbers.length === 0) return 0n;
  if (typeof numbers[0] === 'number') return numbers.reduce((total: number, n) => total + Number(n), 0);
  if (typeof numbers[0] !== 'bigint') throw new TypeError('the list does not hold numbers');
  const total = numbers.reduce((subtotal: bigint, n) => subtotal + BigInt(n), 0n);
  if (total > MAX_INT || total < -MAX_INT - 1n) throw new RangeError('the sum is out of range');
  return total;
}
