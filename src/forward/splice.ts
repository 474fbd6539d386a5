// Joins two byte streams into one session: what a client and a node say to each other after the 101. Promises: memory
// is bounded by the slower side (each direction is paused while its reader is behind), the end of one side's words is
// passed on while the other may still speak, and however a session ends, both sockets, every listener and every timer
// are gone.

import type { Duplex } from 'node:stream';
import type { EndReason, Lifetime } from '../core/lifetime.ts';
import type { Clock } from '../core/ports.ts';
import type { Limits } from './watch.ts';
import { Watch } from './watch.ts';

/** How long a session lives on with one side silent for good. Its protocols end in-band; this is for who does not. */
const HALF_CLOSED_MS = 30_000;
/**
 * How long a stream whose other side is gone may take to close. It is read and its bytes are dropped meanwhile: closing
 * over unread bytes would send a TCP reset, which takes what the peer has not read yet with it.
 */
const LINGER_MS = 2_000;

/** Sees every byte in passing, before it is written on. Must not throw, and must not keep the chunk. */
export interface Tap {
  fromClient(chunk: Buffer): void;
  fromNode(chunk: Buffer): void;
}

export interface SpliceOptions {
  /** The answer is there already: only the limits of the session count. */
  readonly limits: Omit<Limits, 'answerMs'>;
  readonly halfClosedMs?: number;
  readonly tap?: Tap | undefined;
}

/** What is said first, in one write to each side. */
export interface Opening {
  /** The head of the client's answer: no payload, and hidden from taps. */
  readonly head: Buffer;
  /** Came from the node with its head. */
  readonly fromNode: Buffer;
  /** Came from the client before the node had accepted. */
  readonly fromClient: Buffer;
}

export interface Spliced {
  /** Who or what ended it: `clientClosed` and `nodeClosed` say who fell silent first. */
  readonly reason: EndReason;
  /** Payload from the client to the node. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** Owns both streams from here on. Settles when both are closed or destroyed; never rejects. */
export function splice(
  clock: Clock,
  client: Duplex,
  node: Duplex,
  opening: Opening,
  lifetime: Lifetime,
  options: SpliceOptions,
): Promise<Spliced> {
  return new Promise((resolve) => {
    new Session(clock, client, node, lifetime, options, resolve).start(opening);
  });
}

class Session {
  readonly #clock: Clock;
  readonly #client: Duplex;
  readonly #node: Duplex;
  readonly #lifetime: Lifetime;
  readonly #options: SpliceOptions;
  readonly #resolve: (spliced: Spliced) => void;
  readonly #watch: Watch;
  #withdraw: () => void = ignore;
  #cancelBound: () => void = ignore;
  #reason: EndReason | undefined;
  #bytesSent = 0;
  #bytesReceived = 0;
  #open = 2;
  #over = false;

  constructor(
    clock: Clock,
    client: Duplex,
    node: Duplex,
    lifetime: Lifetime,
    options: SpliceOptions,
    resolve: (spliced: Spliced) => void,
  ) {
    this.#clock = clock;
    this.#client = client;
    this.#node = node;
    this.#lifetime = lifetime;
    this.#options = options;
    this.#resolve = resolve;
    this.#watch = new Watch(clock, { ...options.limits, answerMs: Infinity }, (reason) =>
      lifetime.end(reason),
    );
  }

  start({ head, fromNode, fromClient }: Opening): void {
    const { tap } = this.#options;
    this.#join(this.#client, this.#node, 'clientClosed', (chunk) => {
      this.#bytesSent += chunk.length;
      tap?.fromClient(chunk);
    });
    this.#join(this.#node, this.#client, 'nodeClosed', (chunk) => {
      this.#bytesReceived += chunk.length;
      tap?.fromNode(chunk);
    });
    this.#withdraw = this.#lifetime.onEnd((reason) => this.#cut(reason));
    if (this.#over) return;
    if (fromNode.length > 0) {
      this.#bytesReceived += fromNode.length;
      tap?.fromNode(fromNode);
    }
    this.#client.write(Buffer.concat([head, fromNode]));
    if (fromClient.length > 0) {
      this.#bytesSent += fromClient.length;
      tap?.fromClient(fromClient);
      this.#node.write(fromClient);
    }
  }

  /** One direction. `closed` is what it means when `from` ends first. */
  #join(from: Duplex, to: Duplex, closed: EndReason, seen: (chunk: Buffer) => void): void {
    const resume = (): void => {
      this.#watch.touch();
      from.resume();
    };
    from.on('data', (chunk: Buffer) => {
      this.#watch.touch();
      seen(chunk);
      if (!to.writable || to.write(chunk)) return;
      from.pause();
      to.once('drain', resume);
    });
    const onClose = (): void => this.#closed(closed, to);
    from.once('end', () => this.#halfClose(closed, to));
    // An error is followed by `close`, which says all there is to say.
    from.on('error', ignore);
    if (from.destroyed) {
      onClose();
      return;
    }
    from.once('close', onClose);
    from.resume();
  }

  #halfClose(closed: EndReason, to: Duplex): void {
    this.#reason ??= closed;
    to.end();
    this.#bound(this.#options.halfClosedMs ?? HALF_CLOSED_MS);
  }

  /** One stream is gone: the other may write out what it has, and nothing more. */
  #closed(closed: EndReason, other: Duplex): void {
    if (this.#over) return;
    this.#reason ??= closed;
    this.#open -= 1;
    if (this.#open === 0) {
      this.#finish();
      return;
    }
    this.#bound(LINGER_MS);
    other.end();
    other.resume();
  }

  #bound(ms: number): void {
    this.#cancelBound();
    this.#cancelBound = this.#clock.after(ms, () => this.#cut('idleTimeout'));
  }

  /** A limit was reached, or the exchange is over for another reason: nothing more is said. */
  #cut(reason: EndReason): void {
    if (this.#over) return;
    this.#reason ??= reason;
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#watch.stop();
    this.#cancelBound();
    this.#withdraw();
    this.#client.destroy();
    this.#node.destroy();
    const reason = this.#reason ?? 'completed';
    this.#lifetime.end(reason);
    this.#resolve({ reason, bytesSent: this.#bytesSent, bytesReceived: this.#bytesReceived });
  }
}

const ignore = (): void => undefined;
