// What lasts beyond one exchange, because many share it: frozen down to its ground, so that nobody changes it for the
// others, and known by that, so that what is made of it can be kept as long as it is itself.

/** Freezes plain data (objects and arrays without cycles) and all that it holds, and returns it. */
export function toLasting<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const held of Object.values(value)) toLasting<unknown>(held);
    Object.freeze(value);
  }
  return value;
}

/**
 * `make`, which must be pure, called once for what lasts and each time for what does not: a table of what is gone in a
 * moment would cost more than it saves.
 */
export function rememberLasting<Of extends object, Made extends object | string>(
  make: (of: Of) => Made,
): (of: Of) => Made {
  const made = new WeakMap<Of, Made>();
  return (of) => {
    const known = made.get(of);
    if (known !== undefined) return known;
    const now = make(of);
    if (Object.isFrozen(of)) made.set(of, now);
    return now;
  };
}
