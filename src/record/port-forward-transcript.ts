// A port-forward as JSON lines: each connection when it opens and, with its bytes each way, when it closes. The bytes
// themselves are not kept.

import type { SessionEvent } from './decode/session-event.ts';
import type { RecordingSubject } from './subject.ts';
import type { Transcript } from './transcript.ts';

interface Connection {
  readonly port: number;
  readonly openedAt: number;
  bytesToNode: number;
  bytesFromNode: number;
}

export class PortForwardTranscript implements Transcript {
  readonly extension = 'jsonl';
  readonly #subject: RecordingSubject;
  readonly #open = new Map<number, Connection>();
  readonly #total = { connections: 0, bytesToNode: 0, bytesFromNode: 0 };
  #startedAt = 0;

  constructor(subject: RecordingSubject) {
    this.#subject = subject;
  }

  header(atMs: number): string {
    this.#startedAt = atMs;
    const header = {
      kind: 'PortForward',
      version: 1,
      startedAt: new Date(atMs).toISOString(),
      kubeletGateway: this.#subject,
    };
    return `${JSON.stringify(header)}\n`;
  }

  event(event: SessionEvent, atMs: number): string {
    switch (event.kind) {
      case 'opened': {
        const { connection, port } = event;
        this.#open.set(connection, { port, openedAt: atMs, bytesToNode: 0, bytesFromNode: 0 });
        this.#total.connections += 1;
        return this.#line(atMs, 'opened', { connection, port });
      }
      case 'passed': {
        const key = event.direction === 'toNode' ? 'bytesToNode' : 'bytesFromNode';
        const open = this.#open.get(event.connection);
        if (open !== undefined) open[key] += event.bytes;
        this.#total[key] += event.bytes;
        return '';
      }
      case 'message':
        return this.#line(atMs, 'message', { connection: event.connection, text: event.text });
      case 'closed': {
        const { connection } = event;
        const open = this.#open.get(connection);
        if (open === undefined) return '';
        this.#open.delete(connection);
        const { port, openedAt, bytesToNode, bytesFromNode } = open;
        const durationMs = Math.max(0, atMs - openedAt);
        return this.#line(atMs, 'closed', { connection, port, bytesToNode, bytesFromNode, durationMs });
      }
      case 'data':
      case 'stdinClosed':
      case 'resize':
      case 'status':
        return '';
    }
  }

  note(text: string, atMs: number): string {
    return this.#line(atMs, 'note', { text });
  }

  end(atMs: number): string {
    return [...this.#open.keys()]
      .map((connection) => this.event({ kind: 'closed', connection }, atMs))
      .join('');
  }

  summary(): Readonly<Record<string, number>> {
    return this.#total;
  }

  #line(atMs: number, event: string, rest: Readonly<Record<string, unknown>>): string {
    return `${JSON.stringify({ atMs: Math.max(0, atMs - this.#startedAt), event, ...rest })}\n`;
  }
}
