// Does the same for many, some at a time, and keeps their order.

const AT_A_TIME = 16;

/** Rejects with the first error. What has been begun then is not waited for. */
export async function inParallel<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Promise<Result>[] = [];
  const running = new Set<Promise<unknown>>();
  for await (const item of items) {
    const result = work(item);
    results.push(result);
    const ended: Promise<unknown> = result.then(
      () => running.delete(ended),
      () => running.delete(ended),
    );
    running.add(ended);
    if (running.size >= AT_A_TIME) await Promise.race(running);
  }
  return Promise.all(results);
}
