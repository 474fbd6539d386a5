// Joins two byte streams into one session: what a client and a node say to each other after the 101. Promises: memory
// is bounded by the slower side (each direction is paused while its reader is behind), the end of one side's words is
// passed on while the other may still speak, and however a session ends, both sockets, every listener and every timer
// are gone.

import type { Duplex } from 'node:stream';
import type { EndReason, Lifetime } from '../core/lifetime.ts';
import type { Clock } from '../core/ports.ts';
import type { Tap, TapControl } from '../core/tap.ts';
import { writeSpent } from './spent-chunk.ts';
import type { Limits } from './watch.ts';
import { Watch } from './watch.ts';

/**
 * How long a session lives on with one side silent for good and no byte from the other. Its protocols end in-band; this
 * is for who does not.
 */
const HALF_CLOSED_MS = 30_000;
/**
 * How long a stream whose other side is gone may take to close. It is read and its bytes are dropped meanwhile: closing
 * over unread bytes would send a TCP reset, which takes what the peer has not read yet with it.
 */
const LINGER_MS = 2_000;
/**
 * How long, and with how many bytes, a node may come to the end of a frame within which its session was ended, so that
 * the client can be told why. A kubelet's frames have 32 KiB at most.
 */
const LAST_FRAME_MS = 1_000;
const LAST_FRAME_BYTES = 64 * 1024;

export interface SpliceOptions {
  /** The answer is there already: only the limits of the session count. */
  readonly limits: Omit<Limits, 'answerMs'>;
  readonly halfClosedMs?: number;
  /** Sees every byte before it is written on, and can hold the session up or end it. */
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

interface Direction {
  readonly from: Duplex;
  readonly to: Duplex;
  /** What it means when `from` ends first. */
  readonly closed: EndReason;
  readonly sees: (tap: Tap, chunk: Buffer) => boolean;
  readonly onDrain: () => void;
  /** Payload that came from `from`. */
  bytes: number;
  /** `to` has not taken what it was given. */
  behind: boolean;
}

class Session implements TapControl {
  readonly #clock: Clock;
  readonly #client: Duplex;
  readonly #node: Duplex;
  readonly #lifetime: Lifetime;
  readonly #options: SpliceOptions;
  readonly #resolve: (spliced: Spliced) => void;
  readonly #watch: Watch;
  readonly #toNode: Direction;
  readonly #toClient: Direction;
  #withdraw: () => void = ignore;
  #cancelBound: () => void = ignore;
  #reason: EndReason | undefined;
  /** What passes is the tap's to wait for. */
  #held = false;
  /** It ends as soon as the node has come to the end of a frame. */
  #lastFrame: { readonly reason: EndReason; bytesLeft: number } | undefined;
  /** The last words are on their way to the client. */
  #parting = false;
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
    const direct = (from: Duplex, to: Duplex, closed: EndReason, sees: Direction['sees']): Direction => {
      const onDrain = (): void => {
        direction.behind = false;
        this.#resume(direction);
      };
      const direction = { from, to, closed, sees, onDrain, bytes: 0, behind: false };
      return direction;
    };
    this.#toNode = direct(client, node, 'clientClosed', (tap, chunk) => tap.fromClient(chunk));
    this.#toClient = direct(node, client, 'nodeClosed', (tap, chunk) => tap.fromNode(chunk));
  }

  start({ head, fromNode, fromClient }: Opening): void {
    const { tap } = this.#options;
    this.#join(this.#toNode);
    this.#join(this.#toClient);
    this.#withdraw = this.#lifetime.onEnd((reason) => this.#cut(reason));
    if (this.#over) return;
    tap?.attach(this);
    this.#client.cork();
    this.#client.write(head);
    if (fromNode.length > 0) this.#pass(this.#toClient, fromNode);
    if (fromClient.length > 0) this.#pass(this.#toNode, fromClient);
    this.#client.uncork();
  }

  /** The tap can take more. */
  drained(): void {
    this.#held = false;
    for (const direction of [this.#toNode, this.#toClient]) this.#resume(direction);
  }

  /** The tap wants no more: its reason is the one that is told, even where one side has fallen silent before. */
  end(reason: EndReason): void {
    if (this.#over) return;
    this.#reason = reason;
    this.#lifetime.end(reason);
  }

  /** Listens with `on` to what happens once: `once` keeps two functions and a record for each. */
  #join(direction: Direction): void {
    const { from, to, closed } = direction;
    from.on('data', (chunk: Buffer) => {
      this.#watch.touch();
      this.#pass(direction, chunk);
    });
    const onClose = (): void => this.#closed(closed, to);
    from.on('end', () => this.#halfClose(closed, to));
    // An error is followed by `close`, which says all there is to say.
    from.on('error', ignore);
    if (from.destroyed) {
      onClose();
      return;
    }
    from.on('close', onClose);
    from.resume();
  }

  #pass(direction: Direction, chunk: Buffer): void {
    if (this.#over || this.#parting) return;
    const { from, to } = direction;
    if (this.#lastFrame !== undefined) {
      if (direction === this.#toClient) this.#passLastFrame(chunk, this.#lastFrame);
      return;
    }
    direction.bytes += chunk.length;
    if (!to.writable) return;
    const { tap } = this.#options;
    if (tap !== undefined && !direction.sees(tap, chunk)) {
      this.end('protocolError');
      return;
    }
    // Nobody keeps a chunk: a tap looks at it, and copies what it keeps.
    if (!writeSpent(to, chunk)) {
      direction.behind = true;
      from.pause();
      to.once('drain', direction.onDrain);
    }
    if (tap?.isFull === true) {
      this.#held = true;
      this.#client.pause();
      this.#node.pause();
    }
  }

  /** Not a byte beyond the frame: what follows is a session that is over. */
  #passLastFrame(chunk: Buffer, lastFrame: { readonly reason: EndReason; bytesLeft: number }): void {
    const { tap } = this.#options;
    const owed = (): number => tap?.unfinished ?? 0;
    let at = 0;
    while (owed() > 0 && at < chunk.length) {
      const piece = chunk.subarray(at, at + owed());
      at += piece.length;
      lastFrame.bytesLeft -= piece.length;
      if (lastFrame.bytesLeft < 0 || tap === undefined || !tap.fromNode(piece)) {
        this.#finish();
        return;
      }
      // Bounded by LAST_FRAME_BYTES: the client may be behind.
      this.#toClient.bytes += piece.length;
      this.#client.write(piece);
    }
    if (owed() === 0) this.#part(lastFrame.reason);
  }

  #resume(direction: Direction): void {
    if (direction.behind || this.#held) return;
    this.#watch.touch();
    direction.from.resume();
  }

  #halfClose(closed: EndReason, to: Duplex): void {
    if (this.#lastFrame !== undefined && closed === 'nodeClosed') {
      this.#part(this.#lastFrame.reason);
      return;
    }
    const isFirst = this.#reason === undefined;
    this.#reason ??= closed;
    if (isFirst && closed === 'nodeClosed' && this.#tellLoss()) return;
    to.end();
    this.#boundSilence(this.#options.halfClosedMs ?? HALF_CLOSED_MS);
  }

  /** Bounds the time in which no byte passes, and not a long last word. */
  #boundSilence(ms: number): void {
    const passed = this.#toNode.bytes + this.#toClient.bytes;
    this.#cancelBound();
    this.#cancelBound = this.#clock.after(ms, () => {
      if (this.#toNode.bytes + this.#toClient.bytes > passed) this.#boundSilence(ms);
      else this.#cut('idleTimeout');
    });
  }

  /** One stream is gone: the other may write out what it has, and nothing more. */
  #closed(closed: EndReason, other: Duplex): void {
    if (this.#over) return;
    const isFirst = this.#reason === undefined;
    this.#reason ??= closed;
    this.#open -= 1;
    if (this.#lastFrame !== undefined && !this.#parting) {
      this.#part(this.#lastFrame.reason);
      return;
    }
    if (this.#open === 0) {
      this.#finish();
      return;
    }
    if (isFirst && closed === 'nodeClosed' && this.#tellLoss()) return;
    this.#bound(LINGER_MS);
    other.end();
    other.resume();
  }

  #bound(ms: number): void {
    this.#cancelBound();
    this.#cancelBound = this.#clock.after(ms, () => this.#cut('idleTimeout'));
  }

  /** A limit was reached, or the exchange is over for another reason: only a tap may have words for that. */
  #cut(reason: EndReason): void {
    if (this.#over) return;
    this.#reason ??= reason;
    const { tap } = this.#options;
    const owed = tap?.hasWords?.(reason) === true ? (tap.unfinished ?? 0) : 0;
    const waits = owed > 0 && owed <= LAST_FRAME_BYTES && this.#client.writable && this.#node.readable;
    if (!waits || this.#parting || this.#lastFrame !== undefined) {
      this.#part(reason);
      return;
    }
    this.#lastFrame = { reason, bytesLeft: LAST_FRAME_BYTES };
    this.#held = false;
    this.#cancelBound();
    this.#cancelBound = this.#clock.after(LAST_FRAME_MS, () => this.#part(reason));
    this.#node.resume();
  }

  #part(reason: EndReason): void {
    if (this.#over) return;
    const words = this.#parting ? undefined : this.#options.tap?.lastWords(reason);
    if (!this.#say(words)) this.#finish();
  }

  /** The node is gone and owes a last word: without one a client takes what it has for all there is. */
  #tellLoss(): boolean {
    const { tap } = this.#options;
    return tap?.hasWords?.('nodeClosed') === true && this.#say(tap.lastWords('nodeClosed'));
  }

  /** False where there are no words, or nobody takes them. */
  #say(words: Buffer | undefined): boolean {
    if (words === undefined || !this.#client.writable) return false;
    this.#parting = true;
    this.#node.destroy();
    this.#client.end(words);
    this.#client.resume();
    this.#bound(LINGER_MS);
    return true;
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
    this.#resolve({ reason, bytesSent: this.#toNode.bytes, bytesReceived: this.#toClient.bytes });
  }
}

const ignore = (): void => undefined;
