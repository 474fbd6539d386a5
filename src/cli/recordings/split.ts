// Divides a stream into parts of known sizes, and a last one of what is left.

/** Each part must be read to its end before the next is asked for. The last one comes only when there is something in it. */
export async function* split(
  chunks: AsyncIterable<Uint8Array>,
  sizes: readonly number[],
): AsyncGenerator<AsyncIterable<Uint8Array>> {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest: Uint8Array | undefined;
  const next = async (): Promise<Uint8Array | undefined> => {
    if (rest !== undefined) {
      const chunk = rest;
      rest = undefined;
      return chunk;
    }
    for (;;) {
      const result = await iterator.next();
      if (result.done === true) return undefined;
      if (result.value.length > 0) return result.value;
    }
  };
  const take = async function* (size: number): AsyncGenerator<Uint8Array> {
    let left = size;
    while (left > 0) {
      const chunk = await next();
      if (chunk === undefined) return;
      if (chunk.length > left) rest = chunk.subarray(left);
      yield chunk.subarray(0, left);
      left -= Math.min(left, chunk.length);
    }
  };
  try {
    for (const size of sizes) yield take(size);
    rest = await next();
    if (rest !== undefined) yield take(Infinity);
  } finally {
    await iterator.return?.();
  }
}
