// Reads of an object store that are tried again: for commands, which read all of it once and have nobody to ask them a
// second time. Promises: constant memory, each byte once and in its order, and an error that says what could not be read.

import type { Clock } from '../core/ports.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';

export interface PatientReads {
  /** Undefined: there is none. What breaks off goes on where it was; the object must not change. */
  get(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** As of the store, each once. */
  list(prefix: string): AsyncIterable<StoredObject>;
  folders(prefix: string): AsyncIterable<string>;
}

/** Between attempts, in milliseconds; as many attempts and one more. */
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000];
/** Of the answers with a status below 500, those that another attempt may mend: Request Timeout and Too Many Requests. */
const TEMPORARY = new Set([408, 429]);

type Reads = Pick<ObjectStore, 'get' | 'list' | 'folders'>;

export function createPatientReads(objects: Reads, clock: Clock): PatientReads {
  const unlisted = (prefix: string): string => `${prefix} cannot be listed`;
  return {
    async get(key) {
      const chunks = await open(objects, clock, key);
      return chunks === undefined ? undefined : resume(objects, clock, key, chunks);
    },
    list: (prefix) =>
      once(
        clock,
        unlisted(prefix),
        () => objects.list(prefix),
        ({ key }) => key,
      ),
    folders: (prefix) =>
      once(
        clock,
        unlisted(prefix),
        () => objects.folders(prefix),
        (name) => name,
      ),
  };
}

/** Settles when another attempt may be made; rejects, in words, when none will be. */
async function recover(clock: Clock, what: string, attempt: number, error: unknown): Promise<void> {
  const pauseMs = PAUSES_MS[attempt];
  if (pauseMs === undefined || !isTemporary(error)) {
    throw new Error(`the store of the recordings: ${what}: ${toWords(error)}`, { cause: error });
  }
  await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
}

async function open(
  objects: Reads,
  clock: Clock,
  key: string,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await objects.get(key);
    } catch (error) {
      await recover(clock, `${key} cannot be read`, attempt, error);
    }
  }
}

async function* resume(
  objects: Reads,
  clock: Clock,
  key: string,
  first: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let chunks: AsyncIterable<Uint8Array> | undefined = first;
  let done = 0;
  for (let attempt = 0; ; attempt += 1) {
    if (chunks === undefined) throw new Error(`the store of the recordings: ${key} went while it was read`);
    try {
      let at = 0;
      for await (const chunk of chunks) {
        const fresh: Uint8Array = chunk.subarray(Math.min(chunk.length, Math.max(0, done - at)));
        at += chunk.length;
        done = Math.max(done, at);
        if (fresh.length > 0) yield fresh;
      }
      return;
    } catch (error) {
      await recover(clock, `${key} cannot be read to its end`, attempt, error);
      chunks = await open(objects, clock, key);
    }
  }
}

/** A listing that breaks off begins anew, and gives nothing twice. */
async function* once<Item>(
  clock: Clock,
  what: string,
  list: () => AsyncIterable<Item>,
  toName: (item: Item) => string,
): AsyncGenerator<Item> {
  const seen = new Set<string>();
  for (let attempt = 0; ; attempt += 1) {
    try {
      for await (const item of list()) {
        const name = toName(item);
        if (seen.has(name)) continue;
        seen.add(name);
        yield item;
      }
      return;
    } catch (error) {
      await recover(clock, what, attempt, error);
    }
  }
}

function isTemporary(error: unknown): boolean {
  const status = toStatus(error);
  return status === undefined || status >= 500 || TEMPORARY.has(status);
}

/** Of the answer; undefined when there was none. */
function toStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

function toWords(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const status = toStatus(error);
  const words =
    error.message === '' || error.message === error.name ? error.name : `${error.name}: ${error.message}`;
  return status === undefined ? words : `${words} (${status})`;
}
