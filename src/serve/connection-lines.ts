// A port-forward as JSON lines for one who follows it: the lines of its recording (docs/recording.md), and for what
// passes meanwhile `passed` lines, with what each connection has carried so far, once in INTERVAL_MS at most.

import type { Clock } from '../core/ports.ts';
import type { OpenConnection } from '../core/session.ts';
import type { OutputEvent } from '../core/tap.ts';

const INTERVAL_MS = 1000;

interface Seen {
  readonly port: number;
  readonly openedAt: number;
  bytesToNode: number;
  bytesFromNode: number;
  hasNews: boolean;
}

export class ConnectionLines {
  readonly #clock: Clock;
  readonly #add: (line: string) => void;
  readonly #startedAt: number;
  readonly #open = new Map<number, Seen>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, add: (line: string) => void) {
    this.#clock = clock;
    this.#add = add;
    this.#startedAt = clock.now();
  }

  /** Those that were open before. */
  begin(connections: readonly OpenConnection[]): void {
    for (const { connection, port, bytesToNode, bytesFromNode } of connections) {
      this.#open.set(connection, {
        port,
        openedAt: this.#startedAt,
        bytesToNode,
        bytesFromNode,
        hasNews: false,
      });
      this.#add(this.toLine('open', { connection, port, bytesToNode, bytesFromNode }));
    }
  }

  see(event: OutputEvent): void {
    switch (event.kind) {
      case 'opened': {
        const { connection, port } = event;
        this.#open.set(connection, {
          port,
          openedAt: this.#clock.now(),
          bytesToNode: 0,
          bytesFromNode: 0,
          hasNews: false,
        });
        this.#add(this.toLine('opened', { connection, port }));
        return;
      }
      case 'passed':
        this.#pass(event);
        return;
      case 'message':
        this.#add(this.toLine('message', { connection: event.connection, text: event.text }));
        return;
      case 'closed':
        this.#close(event.connection);
        return;
      default:
        return;
    }
  }

  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  toLine(event: string, rest: Readonly<Record<string, unknown>>): string {
    return `${JSON.stringify({ atMs: Math.max(0, this.#clock.now() - this.#startedAt), event, ...rest })}\n`;
  }

  #pass({ connection, direction, bytes }: Extract<OutputEvent, { kind: 'passed' }>): void {
    const open = this.#open.get(connection);
    if (open === undefined) return;
    open[direction === 'toNode' ? 'bytesToNode' : 'bytesFromNode'] += bytes;
    open.hasNews = true;
    this.#cancel ??= this.#clock.after(INTERVAL_MS, () => this.#tell());
  }

  #close(connection: number): void {
    const open = this.#open.get(connection);
    if (open === undefined) return;
    this.#open.delete(connection);
    const { port, openedAt, bytesToNode, bytesFromNode } = open;
    const durationMs = Math.max(0, this.#clock.now() - openedAt);
    this.#add(this.toLine('closed', { connection, port, bytesToNode, bytesFromNode, durationMs }));
  }

  #tell(): void {
    this.#cancel = undefined;
    for (const [connection, open] of this.#open) {
      if (!open.hasNews) continue;
      open.hasNews = false;
      const { port, bytesToNode, bytesFromNode } = open;
      this.#add(this.toLine('passed', { connection, port, bytesToNode, bytesFromNode }));
    }
  }
}
