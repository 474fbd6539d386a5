// One client connection after its TLS handshake: whose it is, the requests on it that are not answered yet, and the
// one deadline that holds at a time. A slow client loses its own connection and nothing else.
//
//   handshake done ─head─► request ─body─► …  ─answered─► idle ─idle─► next head ─head─► next request
//                    │ 408            │ 408                      │ closed          │ 408
//
// Where Node reads, nobody hears of the first byte of the next head: it closes what is idle, and the deadline is of both.

import type { TLSSocket } from 'node:tls';
import type { PresentedCertificate, Received } from '../core/exchange.ts';
import type { Clock } from '../core/ports.ts';
import { Deadline } from '../core/deadline.ts';
import type { ListenerLimits } from './options.ts';

/** Clients are told how long they may be idle, and what they send in the last moment should arrive. As Node has it. */
const IDLE_GRACE_MS = 1000;

export class Connection {
  readonly socket: TLSSocket;
  /** Canonical address of the TCP peer. */
  readonly peerAddress: string;
  /** One object for all requests of this connection. */
  readonly certificate: PresentedCertificate | undefined;
  readonly #deadline: Deadline;
  readonly #limits: ListenerLimits;
  readonly #onOverdue: () => void;
  /** A few at most, in the order in which they came. An array, and no Set: core/roster.ts says why. */
  readonly #unanswered: Received[] = [];
  /** Whether Node reads it. */
  #isWithNode = false;
  #used = false;
  #closing = false;

  /** `onOverdue` is called when the head of a request does not come to its end in time. */
  constructor(
    ports: { readonly clock: Clock; readonly onOverdue: (connection: Connection) => void },
    limits: ListenerLimits,
    from: Pick<Connection, 'socket' | 'peerAddress' | 'certificate'>,
  ) {
    this.socket = from.socket;
    this.peerAddress = from.peerAddress;
    this.certificate = from.certificate;
    this.#deadline = new Deadline(ports.clock);
    this.#limits = limits;
    this.#onOverdue = () => {
      ports.onOverdue(this);
    };
    this.#deadline.set(limits.headMs, this.#onOverdue);
    // Node takes its own listeners away at an upgrade; an error must not find none. One of TLS is fatal (RFC 8446 §6.2),
    // and Node leaves the connection open with it.
    this.socket.on('error', this.#destroy);
    this.socket.on('close', () => {
      this.#deadline.end();
      for (const { lifetime } of [...this.#unanswered]) lifetime.end('clientClosed');
      this.#unanswered.length = 0;
    });
  }

  /** Requests whose answers are not complete. An upgraded connection has one until it closes. */
  get unanswered(): readonly Received[] {
    return this.#unanswered;
  }

  /** Whether no further request is to be accepted here. */
  get closing(): boolean {
    return this.#closing;
  }

  /** A request's head is complete. `onSlowBody` is called when a body follows and does not come to its end in time. */
  begin(received: Received, onSlowBody?: () => void): void {
    this.#used = true;
    this.#unanswered.push(received);
    if (onSlowBody === undefined) this.#deadline.withdraw();
    else this.#deadline.set(this.#limits.bodyMs, onSlowBody);
  }

  /** A request's answer is complete. */
  answered(received: Received): void {
    const at = this.#unanswered.indexOf(received);
    if (at < 0) return;
    this.#unanswered.splice(at, 1);
    if (this.#unanswered.length > 0) return;
    if (this.#closing) this.socket.destroySoon();
    else if (this.#isWithNode) {
      this.#deadline.set(this.#limits.idleMs + this.#limits.headMs, this.#onOverdue);
    } else this.#deadline.set(this.#limits.idleMs + IDLE_GRACE_MS, this.#destroy);
  }

  /** Node reads from here on, what has come of a head first. */
  handedToNode(): void {
    this.#isWithNode = true;
    // The first head has been waited for since the handshake.
    if (this.#used) this.#deadline.set(this.#limits.headMs, this.#onOverdue);
  }

  /**
   * Closes the connection as soon as all its answers are complete; at once when it is idle between two requests. One
   * that has not brought a request yet is left: it is about to, and gets an answer.
   */
  closeWhenIdle(): void {
    if (!this.#used) return;
    this.#closing = true;
    if (this.#unanswered.length === 0) this.socket.destroySoon();
  }

  /**
   * The client says more than is kept for later, and is not read until its answer is complete. Nobody hears that it has
   * left meanwhile: it may take as long as a body.
   */
  unread(): void {
    this.#deadline.set(this.#limits.bodyMs, this.#destroy);
  }

  /** At once, as Node does: a client that does not read would have as long as it likes to take a farewell. */
  readonly #destroy = (): void => void this.socket.destroy();

  /** No further request is accepted. */
  stop(): void {
    this.#closing = true;
    // A timer is not kept beside an upgraded connection.
    this.#deadline.end();
  }
}
