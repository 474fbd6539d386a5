// String functions (cel-spec "String functions", cel-go ext/strings) and regular expressions (Kubernetes' regex
// library). Positions are in characters, that is in code points.

import type { CarriedFunction } from './carried.ts';
import type { Meter } from './meter.ts';
import { CHARACTERS_PER_UNIT } from './meter.ts';

/** Searching looks at every place of the text and, at worst, at all of what is searched for there. */
const chargeSearch = (meter: Meter, text: string, sought: string): void =>
  meter.charge(1 + (text.length * (1 + sought.length / 64)) / CHARACTERS_PER_UNIT);

export const strings: readonly CarriedFunction[] = [
  {
    signature: 'string.startsWith(string): bool',
    meaning: 'whether it begins so',
    handler: () => (text: string, start: string) => text.startsWith(start),
  },
  {
    signature: 'string.endsWith(string): bool',
    meaning: 'whether it ends so',
    handler: () => (text: string, end: string) => text.endsWith(end),
  },
  {
    signature: 'string.contains(string): bool',
    meaning: 'whether it occurs in it',
    handler:
      ({ meter }) =>
      (text: string, sought: string) => {
        chargeSearch(meter, text, sought);
        return text.includes(sought);
      },
  },
  {
    signature: 'string.matches(string): bool',
    meaning: 'whether the RE2 pattern, which must be a literal, occurs in it',
    handler:
      ({ pattern }) =>
      (text: string, re2: string) =>
        pattern(re2).occurs(text),
  },
  {
    signature: 'string.find(string): string',
    meaning: 'the first occurrence of the RE2 pattern, which must be a literal; empty when there is none',
    handler:
      ({ pattern }) =>
      (text: string, re2: string) =>
        pattern(re2).find(text, 1)[0] ?? '',
  },
  {
    signature: 'string.findAll(string): list<string>',
    meaning: 'all occurrences of the RE2 pattern, which must be a literal',
    handler:
      ({ pattern }) =>
      (text: string, re2: string) =>
        pattern(re2).find(text, -1),
  },
  {
    signature: 'string.findAll(string, int): list<string>',
    meaning: 'at most so many of them; a negative number stands for all',
    handler:
      ({ pattern }) =>
      (text: string, re2: string, limit: bigint) =>
        pattern(re2).find(text, limit < 0n ? -1 : toIndex(limit)),
  },
  {
    signature: 'string.charAt(int): string',
    meaning: 'the character at this position; empty at the end',
    handler: () => (text: string, index: bigint) => {
      const characters = Array.from(text);
      return characters[position(index, characters.length)] ?? '';
    },
  },
  {
    signature: 'string.indexOf(string): int',
    meaning: 'the position of the first occurrence, or -1',
    handler:
      ({ meter }) =>
      (text: string, sought: string) => {
        chargeSearch(meter, text, sought);
        return toPosition(text, text.indexOf(sought));
      },
  },
  {
    signature: 'string.indexOf(string, int): int',
    meaning: 'the same, searching from a position',
    handler:
      ({ meter }) =>
      (text: string, sought: string, from: bigint) => {
        chargeSearch(meter, text, sought);
        return toPosition(text, text.indexOf(sought, toUnits(text, from)));
      },
  },
  {
    signature: 'string.lastIndexOf(string): int',
    meaning: 'the position of the last occurrence, or -1',
    handler:
      ({ meter }) =>
      (text: string, sought: string) => {
        chargeSearch(meter, text, sought);
        return toPosition(text, text.lastIndexOf(sought));
      },
  },
  {
    signature: 'string.lastIndexOf(string, int): int',
    meaning: 'the same, searching backwards from a position',
    handler:
      ({ meter }) =>
      (text: string, sought: string, from: bigint) => {
        chargeSearch(meter, text, sought);
        return toPosition(text, text.lastIndexOf(sought, toUnits(text, from)));
      },
  },
  {
    signature: 'string.lowerAscii(): string',
    meaning: 'with A to Z made small, and nothing else',
    handler: () => (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
  },
  {
    signature: 'string.upperAscii(): string',
    meaning: 'with a to z made large, and nothing else',
    handler: () => (text: string) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase()),
  },
  {
    signature: 'string.replace(string, string): string',
    meaning: 'with every occurrence of the first replaced by the second',
    handler:
      ({ meter }) =>
      (text: string, from: string, to: string) =>
        replace(meter, text, from, to, -1),
  },
  {
    signature: 'string.replace(string, string, int): string',
    meaning: 'with so many of them replaced; a negative number stands for all',
    handler:
      ({ meter }) =>
      (text: string, from: string, to: string, limit: bigint) =>
        replace(meter, text, from, to, toIndex(limit)),
  },
  {
    signature: 'string.reverse(): string',
    meaning: 'its characters in reverse order',
    handler: () => (text: string) => Array.from(text).reverse().join(''),
  },
  {
    signature: 'string.split(string): list<string>',
    meaning: 'its parts between the separators',
    handler:
      ({ meter }) =>
      (text: string, separator: string) =>
        split(meter, text, separator, -1),
  },
  {
    signature: 'string.split(string, int): list<string>',
    meaning: 'at most so many, the last being the rest; a negative number stands for all',
    handler:
      ({ meter }) =>
      (text: string, separator: string, limit: bigint) =>
        split(meter, text, separator, toIndex(limit)),
  },
  {
    signature: 'string.substring(int): string',
    meaning: 'from a position to the end',
    handler: () => (text: string, start: bigint) => text.slice(toUnits(text, start)),
  },
  {
    signature: 'string.substring(int, int): string',
    meaning: 'from a position up to another',
    handler: () => (text: string, start: bigint, end: bigint) => {
      if (start > end) throw new RangeError('the substring ends before it starts');
      return text.slice(toUnits(text, start), toUnits(text, end));
    },
  },
  {
    signature: 'string.trim(): string',
    meaning: 'without white space at both ends',
    handler: () => trim,
  },
];

// Beyond this, positions and limits are all alike, and JavaScript's numbers are still exact.
const LARGEST = 2n ** 31n;
const toIndex = (value: bigint): number =>
  Number(value > LARGEST ? LARGEST : value < -LARGEST ? -LARGEST : value);

/** Throws a RangeError unless the position is in the text or at its end. */
function position(index: bigint, length: number): number {
  if (index < 0n || index > BigInt(length)) throw new RangeError('the index is out of range');
  return Number(index);
}

/** A position in characters as one in UTF-16 units. */
function toUnits(text: string, index: bigint): number {
  const characters = Array.from(text);
  return characters.slice(0, position(index, characters.length)).join('').length;
}

const toPosition = (text: string, units: number): bigint =>
  units < 0 ? -1n : BigInt(Array.from(text.slice(0, units)).length);

function split(meter: Meter, text: string, separator: string, limit: number): readonly string[] {
  if (limit === 0) return [];
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  meter.charge(parts.length);
  if (limit < 0 || parts.length <= limit) return parts;
  return [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(separator)];
}

function replace(meter: Meter, text: string, from: string, to: string, limit: number): string {
  const parts = from === '' ? ['', ...Array.from(text), ''] : text.split(from);
  const joints = limit < 0 ? parts.length - 1 : Math.min(limit, parts.length - 1);
  meter.charge(parts.length + (joints * to.length) / CHARACTERS_PER_UNIT);
  return (
    parts.slice(0, joints + 1).join(to) +
    parts
      .slice(joints + 1)
      .map((part) => from + part)
      .join('')
  );
}

// Unicode's White_Space property, which is not quite what JavaScript trims.
const WHITE = new Set(
  '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);

function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && WHITE.has(text.charAt(start))) start++;
  while (end > start && WHITE.has(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}
