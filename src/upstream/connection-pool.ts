// The connections to one node with one credential: so many and not more, the last used first, those that wait longest
// served first. Promises: nobody waits while a connection is free or could be opened, and a pool that is closed lets
// what runs on it end.

import type { Clock } from '../core/ports.ts';
import type { Dial } from '../outbound/dial.ts';
import type { ConnectionOwner } from './connection.ts';
import { Fault, toFault } from '../core/fault.ts';
import { Connection } from './connection.ts';

/** Who waits for a connection. Hears one of the two, once. */
export interface Waiting {
  onConnection(connection: Connection): void;
  onRefused(fault: Fault): void;
}

export interface ConnectionPoolDeps {
  readonly clock: Clock;
  readonly dial: Dial;
  /** Memory for what is read, which other pools may use too. */
  readonly readInto: Uint8Array;
}

export interface ConnectionPoolOptions {
  readonly maxConnections: number;
  /** How long a connection may be idle. */
  readonly keepAliveTimeoutMs: number;
}

export class ConnectionPool implements ConnectionOwner {
  readonly #deps: ConnectionPoolDeps;
  readonly #options: ConnectionPoolOptions;
  /** All that are open. Changes with connections and not with requests. */
  readonly #open = new Set<Connection>();
  /** In the order in which they became free. */
  readonly #idle: Connection[] = [];
  readonly #waiting: Waiting[] = [];
  #dialling = 0;
  /** Connections whose answer has just ended. */
  #settling = 0;
  #state: 'open' | 'closed' | 'destroyed' = 'open';
  #cancelSweep: (() => void) | undefined;

  constructor(deps: ConnectionPoolDeps, options: ConnectionPoolOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** No request is taken any more. */
  get closed(): boolean {
    return this.#state !== 'open';
  }

  /** Connections that are open or being opened. */
  get size(): number {
    return this.#open.size + this.#dialling;
  }

  /** May call back before it returns. */
  acquire(waiting: Waiting): void {
    if (this.#state !== 'open') {
      waiting.onRefused(shuttingDown());
      return;
    }
    const connection = this.#idle.pop();
    if (connection !== undefined) {
      waiting.onConnection(connection);
      return;
    }
    this.#waiting.push(waiting);
    this.#dialIfNeeded();
  }

  /** It does not wait any more. */
  withdraw(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** The idle ones have been closed by the node, or could have been. */
  dropIdle(): void {
    // Each leaves the list by itself (onGone).
    for (const connection of [...this.#idle]) connection.destroy();
  }

  /** What runs or waits goes on; idle connections are closed. */
  close(): void {
    if (this.#state === 'open') this.#state = 'closed';
    this.dropIdle();
  }

  /** Cuts whatever still runs. */
  destroy(): void {
    this.#state = 'destroyed';
    for (const waiting of this.#waiting.splice(0)) waiting.onRefused(shuttingDown());
    for (const connection of [...this.#open]) connection.abandon(shuttingDown());
  }

  /**
   * Not given away before this turn is over: what the same read has brought beyond the answer is nobody's, must meet
   * nobody, and closes the connection. Who asks meanwhile waits for it.
   */
  onAnswered(connection: Connection): void {
    this.#settling += 1;
    setImmediate(this.#settle, connection);
  }

  readonly #settle = (connection: Connection): void => {
    this.#settling -= 1;
    if (connection.isOpen) this.#free(connection);
    else this.#dialIfNeeded();
  };

  #free(connection: Connection): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next.onConnection(connection);
    else if (this.#state !== 'open') connection.destroy();
    else {
      connection.idleSince = this.#deps.clock.now();
      this.#idle.push(connection);
      this.#cancelSweep ??= this.#deps.clock.after(this.#options.keepAliveTimeoutMs, this.#sweep);
    }
  }

  onGone(connection: Connection): void {
    this.#open.delete(connection);
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#open.size === 0) this.#stopSweeping();
    this.#dialIfNeeded();
  }

  #dialIfNeeded(): void {
    while (
      this.#waiting.length > this.#dialling + this.#settling &&
      this.size < this.#options.maxConnections &&
      this.#state !== 'destroyed'
    ) {
      void this.#dial();
    }
  }

  async #dial(): Promise<void> {
    this.#dialling += 1;
    const connection = new Connection(this);
    try {
      await connection.open(this.#deps.dial, this.#deps.readInto);
    } catch (error) {
      this.#dialling -= 1;
      // Nobody may be waiting any more: another connection became free, or the request was given up.
      this.#waiting.shift()?.onRefused(toFault(error));
      this.#dialIfNeeded();
      return;
    }
    this.#dialling -= 1;
    this.#open.add(connection);
    if (this.#state === 'destroyed') connection.destroy();
    else this.#free(connection);
  }

  readonly #sweep = (): void => {
    const { clock } = this.#deps;
    const { keepAliveTimeoutMs } = this.#options;
    const before = clock.now() - keepAliveTimeoutMs;
    for (const connection of [...this.#idle]) if (connection.idleSince <= before) connection.destroy();
    const [next] = this.#idle;
    this.#cancelSweep =
      next === undefined ? undefined : clock.after(Math.max(1, next.idleSince - before), this.#sweep);
  };

  #stopSweeping(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
  }
}

const shuttingDown = (): Fault => new Fault('ServiceUnavailable', 'the gateway is shutting down');
