// Sizes, types and conversions (cel-spec "Abstract types" and "Type conversions"), for the types that JSON and the
// literals of expressions bring: string, double, int, bool, null, list and map.

import type { CarriedFunction } from './carried.ts';

export const conversions: readonly CarriedFunction[] = [
  { signature: 'dyn(dyn): dyn', meaning: 'the value, of a type that is not checked in advance' },
  { signature: 'type(dyn): type', meaning: 'its type: `type(claims.aud) == list`' },
  { signature: 'size(string): int', meaning: 'its number of characters' },
  { signature: 'size(list): int', meaning: 'its number of elements' },
  { signature: 'size(map): int', meaning: 'its number of entries' },
  { signature: 'string.size(): int', meaning: 'the same' },
  { signature: 'list.size(): int', meaning: 'the same' },
  { signature: 'map.size(): int', meaning: 'the same' },
  { signature: 'string(string): string', meaning: 'the string itself', handler: () => same },
  { signature: 'string(bool): string', meaning: '`true` or `false`', handler: () => String },
  { signature: 'string(int): string', meaning: 'its decimal digits', handler: () => String },
  {
    signature: 'string(double): string',
    meaning: 'as Go writes it: `string(1234567.0)` is `1.234567e+06`',
    handler: () => toDoubleText,
  },
  { signature: 'int(int): int', meaning: 'the number itself', handler: () => same },
  { signature: 'int(double): int', meaning: 'without its fraction', handler: () => toInt },
  { signature: 'int(string): int', meaning: 'the number that the digits say', handler: () => parseInt64 },
  { signature: 'double(double): double', meaning: 'the number itself', handler: () => same },
  { signature: 'double(int): double', meaning: 'the nearest double', handler: () => Number },
  { signature: 'double(string): double', meaning: 'the number that it says', handler: () => parseDouble },
  { signature: 'bool(bool): bool', meaning: 'the truth value itself', handler: () => same },
  {
    signature: 'bool(string): bool',
    meaning: 'from `true`, `True`, `TRUE`, `t`, `1`, `false`, `False`, `FALSE`, `f`, `0`',
    handler: () => parseBool,
  },
];

const same = (value: unknown): unknown => value;

const MAX_INT = 2n ** 63n - 1n;
const TWO_TO_63 = 2 ** 63;

function toInt(value: number): bigint {
  if (!(Math.abs(value) < TWO_TO_63)) throw new RangeError('the number is out of the range of int');
  return BigInt(Math.trunc(value));
}

function parseInt64(text: string): bigint {
  if (!/^[+-]?\d{1,19}$/.test(text)) throw new TypeError('the string is not a whole number');
  const value = BigInt(text.replace('+', ''));
  if (value > MAX_INT || value < -MAX_INT - 1n) throw new RangeError('the number is out of the range of int');
  return value;
}

const LONGEST_NUMBER = 64;

function parseDouble(text: string): number {
  const unsigned = /^[+-]?(.*)$/.exec(text.slice(0, LONGEST_NUMBER))?.[1]?.toLowerCase() ?? '';
  const sign = text.startsWith('-') ? -1 : 1;
  if (unsigned === 'inf' || unsigned === 'infinity') return sign * Infinity;
  if (text.toLowerCase() === 'nan') return NaN;
  if (text.length > LONGEST_NUMBER || !/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(unsigned)) {
    throw new TypeError('the string is not a number');
  }
  return sign * Number(unsigned);
}

/** Go's strconv.FormatFloat(value, 'g', -1, 64), which is what cel-go does, and so what Kubernetes' users are named. */
function toDoubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (value === 0 || (power >= -4 && power < PLAIN_DIGITS)) return String(value);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

// strconv decides as if the precision were 6 when it is the shortest that is exact.
const PLAIN_DIGITS = 6;

function parseBool(text: string): boolean {
  switch (text) {
    case 'true':
    case 'True':
    case 'TRUE':
    case 't':
    case '1':
      return true;
    case 'false':
    case 'False':
    case 'FALSE':
    case 'f':
    case '0':
      return false;
    default:
      throw new TypeError('the string is not a truth value');
  }
}
