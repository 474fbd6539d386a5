// A store of objects under keys, as far as recordings need one.

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

export interface ObjectStore {
  /** Stores an object where there is none. `exists`: there is one, and it stays as it is. */
  putNew(key: string, body: Uint8Array, signal?: AbortSignal): Promise<'stored' | 'exists'>;
  /** Undefined: there is none. */
  get(key: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Those whose keys begin with `prefix`, in the order of their keys. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<StoredObject>;
  /** What is between `prefix` and the next slash, each once. */
  folders(prefix: string, signal?: AbortSignal): AsyncIterable<string>;
  /** Not an error where there is none. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** Longer objects are not read into memory as a whole. */
export const MAX_OBJECT_BYTES = 64 * 2 ** 20;

/** There is more than is read. It says something of the object, and nothing of the store. */
export class ObjectTooLong extends Error {
  override readonly name = 'ObjectTooLong';

  constructor(key: string) {
    super(`${key} is longer than ${MAX_OBJECT_BYTES} bytes`);
  }
}

/** The whole object. Rejects with ObjectTooLong. */
export async function getWhole(
  store: ObjectStore,
  key: string,
  signal?: AbortSignal,
): Promise<Buffer | undefined> {
  const chunks = await store.get(key, signal);
  if (chunks === undefined) return undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length > MAX_OBJECT_BYTES) throw new ObjectTooLong(key);
  }
  return Buffer.concat(parts);
}
