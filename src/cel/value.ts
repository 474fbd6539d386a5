// The values of expressions: what JSON holds, as CEL sees it (cel-spec doc/langdef.md, "JSON data conversion"), and
// their equality. A JSON object becomes a Map, so that no claim can name something that JavaScript objects inherit.

export type CelValue =
  string | number | bigint | boolean | null | readonly CelValue[] | ReadonlyMap<string, CelValue>;

/** Deeper values are refused: everything that walks them recurses. */
const MAX_DEPTH = 64;

/** Throws a TypeError for what JSON cannot hold. Numbers become doubles, as in Kubernetes. */
export function toCelValue(value: unknown, depth = 0): CelValue {
  if (depth > MAX_DEPTH) throw new TypeError('the value is nested too deeply');
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return null;
      if (Array.isArray(value)) return value.map((item) => toCelValue(item, depth + 1));
      return new Map(Object.entries(value).map(([key, item]) => [key, toCelValue(item, depth + 1)]));
    default:
      throw new TypeError('the value is not JSON');
  }
}

/** CEL's `==`: numbers of different types are equal by value, values of other different types are not equal. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNumeric(a) && isNumeric(b)) return a <= b && a >= b;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  }
  if (a instanceof Map) {
    if (!(b instanceof Map) || a.size !== b.size) return false;
    for (const [key, item] of a) if (!b.has(key) || !isEqual(item, b.get(key))) return false;
    return true;
  }
  return false;
}

const isNumeric = (value: unknown): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';
