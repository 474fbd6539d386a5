// Follows a collection of the Kubernetes API: lists it page by page, watches from there, and starts over when the server
// has forgotten the place (410 Gone). The protocol is that of client-go's reflector (tools/cache/reflector.go). Promises
// that no change is missed: whatever happened while there was no watch is in the next list, which replaces everything.

import type { KubeConnection } from '../../core/kube-connection.ts';
import type { Clock } from '../../core/ports.ts';
import type { BackoffOptions } from './backoff.ts';
import { createAgent, toApiUrl } from '../agent.ts';
import { createBearer } from '../bearer.ts';
import { parsePage, parseWatchEvent } from './answers.ts';
import { toPauseMs } from './backoff.ts';
import { ApiError, get, readText } from './get.ts';
import { readLines } from './lines.ts';

/** Told what there is. Calls come in the order of the server's own versions, and must not throw. */
export interface Follower<Item> {
  /** Everything there is, instead of whatever was told before. */
  listed(items: readonly Item[]): void;
  changed(item: Item): void;
  removed(item: Item): void;
  /** Changes arrive from now on. */
  connected(): void;
  /** They do not arrive any more, or still not. Told again for every attempt that fails. */
  disconnected(error: Error): void;
  /** An object that the decoder cannot read; it is left out, and the others stand. */
  unreadable(error: unknown): void;
}

export interface FollowOptions<Item> {
  /** Of the collection, such as `/api/v1/nodes`. */
  readonly path: string;
  readonly labelSelector?: string;
  /** Keeps of an object what is needed; throws when it is not what it should be. */
  readonly decode: (object: unknown) => Item;
  /** Objects in a page. Default 500, as client-go's pager. */
  readonly pageSize?: number;
  /** How long a watch is asked for. Default 5 min, less up to a half of jitter. */
  readonly watchMs?: number;
  /**
   * How long an answer may keep one waiting. A watch that is quiet for so long is asked for anew: bookmarks come every minute,
   * but none before something has changed since the API server was started (apiserver pkg/storage/cacher). Default 90 s.
   */
  readonly idleMs?: number;
  /**
   * How long a watch may go unanswered: one that is asked for anew because the last was quiet is what tells a quiet API server
   * from one that is away. Default 30 s, and not more than `idleMs`.
   */
  readonly answerMs?: number;
  readonly backoff?: BackoffOptions;
  /** Of an object in a watch. Default 8 MiB; etcd holds no larger ones than 1.5 MiB. */
  readonly maxLineBytes?: number;
  /** Of a page. Default 128 MiB. */
  readonly maxPageBytes?: number;
}

export interface Following {
  stop(): void;
}

const BACKOFF: BackoffOptions = { firstMs: 250, capMs: 30_000 };

/** Begins at once and goes on until it is stopped. A refusal (403) is tried again too: rights may be granted later. */
export function follow<Item>(
  { clock }: { readonly clock: Clock },
  connection: KubeConnection,
  follower: Follower<Item>,
  options: FollowOptions<Item>,
): Following {
  // A server that cannot be asked is told of when the configuration is put in force.
  toApiUrl(connection.server, options.path);
  const following = new Reflector(clock, connection, follower, options);
  void following.run();
  return following;
}

class Reflector<Item> implements Following {
  readonly #clock: Clock;
  readonly #server: string;
  readonly #agent: ReturnType<typeof createAgent>;
  readonly #bearer: ReturnType<typeof createBearer>;
  readonly #follower: Follower<Item>;
  readonly #options: FollowOptions<Item>;
  readonly #stopped = new AbortController();
  #failures = 0;
  /** The place in the server's history; undefined: it must be listed. */
  #version: string | undefined;
  /** Whether pages are asked for. A list that grows old between its pages is asked for in one piece. */
  #isPaged = true;

  constructor(
    clock: Clock,
    connection: KubeConnection,
    follower: Follower<Item>,
    options: FollowOptions<Item>,
  ) {
    this.#clock = clock;
    this.#server = connection.server;
    this.#agent = createAgent(connection);
    this.#bearer = createBearer(connection.credential);
    this.#follower = follower;
    this.#options = options;
  }

  stop(): void {
    this.#stopped.abort(new Error('stopped'));
    this.#agent.destroy();
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        this.#version ??= await this.#list();
        await this.#watch(this.#version);
      } catch (error) {
        if (this.#isStopped()) return;
        await this.#pause(this.#failed(error instanceof Error ? error : new Error(String(error))));
      }
    }
  }

  /** Not a property: it changes while something is awaited. */
  #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Milliseconds to wait. */
  #failed(error: Error): number {
    this.#failures += 1;
    const isGone = error instanceof ApiError && error.code === 410;
    // Gone from a list: the server has forgotten the list's own version before the last page was asked for.
    if (isGone && this.#version === undefined) this.#isPaged = false;
    if (isGone) this.#version = undefined;
    this.#follower.disconnected(error);
    const retryAfterMs = error instanceof ApiError ? error.retryAfterMs : 0;
    // A list that replaces what is gone is not a failure to wait for.
    if (isGone && this.#failures === 1) return 0;
    return toPauseMs(this.#options.backoff ?? BACKOFF, this.#failures, retryAfterMs, Math.random());
  }

  /** The version that the list stands at. */
  async #list(): Promise<string> {
    const items: Item[] = [];
    let continuation = '';
    for (;;) {
      const page = parsePage(
        await this.#within((signal) =>
          this.#get(this.#toListQuery(continuation), signal).then((body) =>
            readText(body, this.#options.maxPageBytes ?? 128 * 2 ** 20),
          ),
        ),
      );
      for (const object of page.items) this.#decode(object, (item) => items.push(item));
      continuation = page.continuation;
      if (continuation !== '') continue;
      this.#isPaged = true;
      this.#follower.listed(items);
      return page.resourceVersion;
    }
  }

  /** Returns when the server ends the watch in good order, or is quiet; the next one begins at once where it stood. */
  async #watch(version: string): Promise<void> {
    let isAnswered = false;
    const watchMs = Math.round((this.#options.watchMs ?? 300_000) * (1 - Math.random() / 2));
    const query = {
      ...this.#selector(),
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(Math.max(1, Math.ceil(watchMs / 1000))),
    };
    const { idleMs = IDLE_MS, answerMs = Math.min(ANSWER_MS, idleMs) } = this.#options;
    const watching = this.#within(async (signal, touch) => {
      const body = await this.#get(query, signal);
      isAnswered = true;
      touch();
      const startedAt = this.#clock.now();
      let events = 0;
      this.#follower.connected();
      // What becomes of a watch that has lasted is no failure to wait long for.
      this.#clock.after(LASTED_MS, () => {
        if (!body.destroyed) this.#failures = 0;
      });
      for await (const line of readLines(body, this.#options.maxLineBytes ?? 8 * 2 ** 20)) {
        touch();
        if (line === '') continue;
        events += 1;
        this.#take(line);
        this.#failures = 0;
      }
      // A server that ends every watch at once would otherwise be asked in a tight loop.
      if (events === 0 && this.#clock.now() - startedAt < SHORT_MS)
        throw new Error('the watch ended at once');
    }, answerMs);
    await watching.catch((error: unknown) => {
      if (!(isAnswered && error instanceof Silence)) throw error;
    });
  }

  #take(line: string): void {
    const event = parseWatchEvent(line);
    if (event.kind === 'error') throw new ApiError(event.code, event.message);
    if (event.kind === 'changed') this.#decode(event.object, (item) => this.#follower.changed(item));
    if (event.kind === 'removed') this.#decode(event.object, (item) => this.#follower.removed(item));
    this.#version = event.resourceVersion;
  }

  #decode(object: unknown, use: (item: Item) => void): void {
    let item: Item;
    try {
      item = this.#options.decode(object);
    } catch (error) {
      this.#follower.unreadable(error);
      return;
    }
    use(item);
  }

  #selector(): Readonly<Record<string, string>> {
    const { labelSelector } = this.#options;
    return labelSelector === undefined ? {} : { labelSelector };
  }

  #toListQuery(continuation: string): Readonly<Record<string, string>> {
    if (!this.#isPaged) return this.#selector();
    return {
      ...this.#selector(),
      limit: String(this.#options.pageSize ?? 500),
      ...(continuation === '' ? {} : { continue: continuation }),
    };
  }

  async #get(query: Readonly<Record<string, string>>, signal: AbortSignal) {
    const url = toApiUrl(this.#server, this.#options.path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return get({ agent: this.#agent, url, authorization: await this.#bearer() }, signal);
  }

  /** Runs `work` until the server is silent for too long; `touch` says that it was not. `firstMs`: until it first was not. */
  async #within<T>(
    work: (signal: AbortSignal, touch: () => void) => Promise<T>,
    firstMs?: number,
  ): Promise<T> {
    const { idleMs = IDLE_MS } = this.#options;
    const idle = new AbortController();
    const arm = (ms: number): (() => void) =>
      this.#clock.after(ms, () => idle.abort(new Silence(`nothing was heard for ${ms} ms`)));
    let cancel = arm(firstMs ?? idleMs);
    const touch = (): void => {
      cancel();
      cancel = arm(idleMs);
    };
    try {
      return await work(AbortSignal.any([this.#stopped.signal, idle.signal]), touch);
    } catch (error) {
      throw idle.signal.aborted ? idle.signal.reason : error;
    } finally {
      cancel();
    }
  }

  #pause(delayMs: number): Promise<void> {
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#clock.after(delayMs, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

const IDLE_MS = 90_000;
const ANSWER_MS = 30_000;
/** No watch that an API server serves is so short. */
const SHORT_MS = 500;
const LASTED_MS = 5000;

class Silence extends Error {}
