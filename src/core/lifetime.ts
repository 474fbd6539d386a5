// How long an exchange may live, and why it ended. One object an exchange: whoever must end it (drain, an expired
// credential, an idle session, a client that left) says so here once, and whoever holds a resource hears it once.

export type EndReason =
  | 'clientClosed'
  | 'nodeClosed'
  | 'completed'
  | 'draining'
  | 'credentialExpired'
  | 'idleTimeout'
  | 'sessionTimeout'
  | 'requestTimeout'
  | 'auditFailed'
  | 'signedOut'
  /** Somebody with a right to has ended it: `Lifetime.terminatedBy`. */
  | 'terminated'
  /** Asked for again, the right to it was gone. */
  | 'rightRevoked'
  /** For too long nobody could say whether the right to it still stands. */
  | 'rightUnconfirmed'
  | 'recordingFailed'
  | 'protocolError';

export interface Termination {
  /** Name of the user who ended it. */
  readonly by: string;
  /** In that user's words. */
  readonly reason?: string;
}

export class Lifetime {
  #reason: EndReason | undefined;
  #listeners: ((reason: EndReason) => void)[] = [];
  #controller: AbortController | undefined;
  #termination: Termination | undefined;

  /** Why it ended; undefined while it lives. */
  get reason(): EndReason | undefined {
    return this.#reason;
  }

  /** Who ended it, where the reason is `terminated`. */
  get terminatedBy(): Termination | undefined {
    return this.#reason === 'terminated' ? this.#termination : undefined;
  }

  /** Ends it for somebody. The first reason stands. */
  terminate(termination: Termination): void {
    if (this.#reason !== undefined) return;
    this.#termination = termination;
    this.end('terminated');
  }

  get ended(): boolean {
    return this.#reason !== undefined;
  }

  /** Ends it. The first reason stands; later calls do nothing. */
  end(reason: EndReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = [];
    this.#controller?.abort(new Error(`exchange ended: ${reason}`));
    for (const listener of listeners) listener(reason);
  }

  /** Calls `listener` once at the end, at once if it has ended. Returns a function that withdraws it. */
  onEnd(listener: (reason: EndReason) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => undefined;
    }
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }

  /** For interfaces that want an AbortSignal; made only when somebody asks. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined && !this.#controller.signal.aborted) {
      this.#controller.abort(new Error(`exchange ended: ${this.#reason}`));
    }
    return this.#controller.signal;
  }
}
