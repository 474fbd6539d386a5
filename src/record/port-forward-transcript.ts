// A port-forward as JSON lines: each connection when it opens and, with its bytes each way, when it closes. The bytes
// themselves are not kept.

import type { SessionEvent } from './decode/session-event.ts';
import type { RecordingSubject } from './subject.ts';
import type { Transcript, WriteLines } from './transcript.ts';

interface Connection {
  readonly port: number;
  readonly openedAt: number;
  bytesToNode: number;
  bytesFromNode: number;
}

export class PortForwardTranscript implements Transcript {
  readonly extension = 'jsonl';
  readonly held = 0;
  readonly #write: WriteLines;
  readonly #subject: RecordingSubject;
  readonly #open = new Map<number, Connection>();
  readonly #total = { connections: 0, bytesToNode: 0, bytesFromNode: 0 };
  #startedAt = 0;

  constructor(write: WriteLines, subject: RecordingSubject) {
    this.#write = write;
    this.#subject = subject;
  }

  header(atMs: number): void {
    this.#startedAt = atMs;
    const header = {
      kind: 'PortForward',
      version: 1,
      startedAt: new Date(atMs).toISOString(),
      kubeletGateway: this.#subject,
    };
    this.#write(`${JSON.stringify(header)}\n`);
  }

  event(event: SessionEvent, atMs: number): void {
    switch (event.kind) {
      case 'opened': {
        const { connection, port } = event;
        this.#open.set(connection, { port, openedAt: atMs, bytesToNode: 0, bytesFromNode: 0 });
        this.#total.connections += 1;
        this.#line(atMs, 'opened', { connection, port });
        return;
      }
      case 'passed': {
        const key = event.direction === 'toNode' ? 'bytesToNode' : 'bytesFromNode';
        const open = this.#open.get(event.connection);
        if (open !== undefined) open[key] += event.bytes;
        this.#total[key] += event.bytes;
        return;
      }
      case 'message':
        this.#line(atMs, 'message', { connection: event.connection, text: event.text });
        return;
      case 'closed': {
        const { connection } = event;
        const open = this.#open.get(connection);
        if (open === undefined) return;
        this.#open.delete(connection);
        const { port, openedAt, bytesToNode, bytesFromNode } = open;
        const durationMs = Math.max(0, atMs - openedAt);
        this.#line(atMs, 'closed', { connection, port, bytesToNode, bytesFromNode, durationMs });
        return;
      }
      case 'data':
      case 'stdinClosed':
      case 'resize':
      case 'status':
      case 'file':
        return;
    }
  }

  flush(): void {
    // Nothing is held.
  }

  note(text: string, atMs: number): void {
    this.#line(atMs, 'note', { text });
  }

  end(atMs: number): void {
    for (const connection of [...this.#open.keys()]) this.event({ kind: 'closed', connection }, atMs);
  }

  summary(): Readonly<Record<string, number>> {
    return this.#total;
  }

  notes(): Readonly<Record<string, string>> | undefined {
    return undefined;
  }

  #line(atMs: number, event: string, rest: Readonly<Record<string, unknown>>): void {
    this.#write(`${JSON.stringify({ atMs: Math.max(0, atMs - this.#startedAt), event, ...rest })}\n`);
  }
}
