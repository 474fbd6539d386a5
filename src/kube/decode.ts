// Decoding what an API server answers: unknown values as the shapes that are expected, or a TypeError that says what
// is not as expected and quotes nothing of it.

export function toRecord(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} is not an object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** Go leaves out an empty list, or writes null for it. */
export function toStringList(value: unknown, what: string): readonly string[] {
  const list: unknown = value ?? [];
  if (!Array.isArray(list)) throw new TypeError(`${what} is not a list`);
  return list.map((item: unknown) => {
    if (typeof item !== 'string') throw new TypeError(`${what} holds what is not a string`);
    return item;
  });
}

/** Of an answer that holds a secret: JSON.parse quotes what it cannot read. */
export function parseSecretJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new SyntaxError('the answer is not JSON');
  }
}
