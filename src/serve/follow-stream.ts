// One session as lines of asciicast v3, for one who follows it. Promises: the session never waits for the follower; at
// most MAX_WAITING characters wait for one who is slow, and what did not fit is left out, and said to be.

import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../core/ports.ts';
import type { Follower, LiveSession } from '../core/session.ts';
import type { OutputEvent } from '../core/tap.ts';

/** Characters of lines. */
const MAX_WAITING = 1024 * 1024;

export class FollowStream implements Follower {
  readonly #clock: Clock;
  readonly #session: LiveSession;
  readonly #text = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  #waiting: string[] = [];
  #length = 0;
  #skipped = 0;
  #lastMs = 0;
  #over = false;
  #wake: () => void = () => undefined;

  constructor(clock: Clock, session: LiveSession) {
    this.#clock = clock;
    this.#session = session;
  }

  /** Begins at the first step of the iteration, which throws what `LiveSession.follow` throws. */
  async *lines(signal: AbortSignal): AsyncGenerator<string> {
    const { columns, rows, stop } = this.#session.follow(this);
    const onAbort = (): void => this.onEnd();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#lastMs = this.#clock.now();
      yield this.#toHeader(columns, rows);
      for (;;) {
        const lines = this.#take();
        if (lines !== '') yield lines;
        else if (this.#over || signal.aborted) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      stop();
    }
  }

  onEvent(event: OutputEvent): void {
    switch (event.kind) {
      case 'data': {
        if (this.#length >= MAX_WAITING) {
          this.#skipped += event.data.length;
          return;
        }
        const text = this.#text[event.stream].write(event.data);
        if (text !== '') this.#add('o', text);
        return;
      }
      case 'resize':
        this.#add('r', `${event.columns}x${event.rows}`);
        return;
      case 'status':
        if (event.exitCode !== undefined) this.#add('x', String(event.exitCode));
        return;
    }
  }

  onEnd(): void {
    this.#over = true;
    this.#wake();
  }

  #take(): string {
    const lines = this.#waiting.join('');
    this.#waiting = [];
    this.#length = 0;
    if (this.#skipped === 0) return lines;
    const note = `kubelet-gateway: ${this.#skipped} bytes left out here: you read too slowly`;
    this.#skipped = 0;
    return lines + this.#toLine('m', note);
  }

  #add(code: string, data: string): void {
    // Resizes are few, but a client can send as many as it likes.
    if (this.#length >= MAX_WAITING) return;
    const line = this.#toLine(code, data);
    this.#waiting.push(line);
    this.#length += line.length;
    this.#wake();
  }

  #toLine(code: string, data: string): string {
    const now = this.#clock.now();
    const elapsedMs = Math.max(0, now - this.#lastMs);
    this.#lastMs += elapsedMs;
    return `[${elapsedMs / 1000},"${code}",${JSON.stringify(data)}]\n`;
  }

  #toHeader(columns: number, rows: number): string {
    const { id, user, action, namespace, pod, container, node, command, recorded } = this.#session.info();
    const place = `${namespace}/${pod}${container === undefined ? '' : `/${container}`}`;
    return `${JSON.stringify({
      version: 3,
      term: { cols: columns, rows },
      timestamp: Math.floor(this.#lastMs / 1000),
      title: `${user}: ${action} ${place} on ${node}`,
      kubeletGateway: {
        auditId: id,
        user,
        node,
        namespace,
        pod,
        container,
        action,
        command,
        recorded,
        followed: true,
      },
    })}\n`;
  }
}
