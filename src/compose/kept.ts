// What several lines may share: made for the first that asks, handed to those after it, stopped when the last one has
// let go. So a reload keeps a watch on an API server going, and what it has learnt.

export interface Kept<Value> {
  /** `key` says all that makes a difference. */
  take(key: string, create: () => Value): { readonly value: Value; release(): void };
}

export function createKept<Value extends { stop(): void }>(): Kept<Value> {
  const held = new Map<string, { readonly value: Value; holders: number }>();
  return {
    take(key, create) {
      const entry = held.get(key) ?? { value: create(), holders: 0 };
      held.set(key, entry);
      entry.holders += 1;
      let isReleased = false;
      return {
        value: entry.value,
        release() {
          if (isReleased) return;
          isReleased = true;
          entry.holders -= 1;
          if (entry.holders > 0) return;
          held.delete(key);
          entry.value.stop();
        },
      };
    },
  };
}
