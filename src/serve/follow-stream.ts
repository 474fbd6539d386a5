// One session as lines of asciicast v3, for one who follows it; a port-forward as the lines of its recording. Promises:
// the session never waits for the follower; at most MAX_WAITING characters wait for one who is slow, and what did not
// fit is left out, and said to be.

import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../core/ports.ts';
import type { Follower, Following, LiveSession, SessionInfo } from '../core/session.ts';
import type { OutputEvent } from '../core/tap.ts';
import { ConnectionLines } from './connection-lines.ts';

/** Characters of lines. */
const MAX_WAITING = 1024 * 1024;

export class FollowStream implements Follower {
  readonly #clock: Clock;
  readonly #session: LiveSession;
  readonly #text = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  /** Of a port-forward alone. */
  #connections: ConnectionLines | undefined;
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
    const following = this.#session.follow(this);
    const onAbort = (): void => this.onEnd();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#lastMs = this.#clock.now();
      yield this.#begin(following);
      for (;;) {
        const lines = this.#take();
        if (lines !== '') yield lines;
        else if (this.#over || signal.aborted) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#connections?.end();
      following.stop();
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
      case 'opened':
      case 'passed':
      case 'message':
      case 'closed':
        this.#connections?.see(event);
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
    return lines + (this.#connections?.toLine('note', { text: note }) ?? this.#toLine('m', note));
  }

  #add(code: string, data: string): void {
    // Resizes are few, but a client can send as many as it likes.
    if (this.#length < MAX_WAITING) this.#push(this.#toLine(code, data));
  }

  #addConnection(line: string): void {
    if (this.#length < MAX_WAITING) this.#push(line);
    else this.#skipped += line.length;
  }

  #push(line: string): void {
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

  /** The first lines: what the session is, and what it has shown so far. */
  #begin({ columns, rows, before, connections }: Following): string {
    const info = this.#session.info();
    if (info.action === 'portForward') {
      this.#connections = new ConnectionLines(this.#clock, (line) => this.#addConnection(line));
      this.#connections.begin(connections);
      const startedAt = new Date(this.#lastMs).toISOString();
      const header = { kind: 'PortForward', version: 1, startedAt, ...toSubject(info) };
      return `${JSON.stringify(header)}\n`;
    }
    const header = { version: 3, term: { cols: columns, rows }, timestamp: Math.floor(this.#lastMs / 1000) };
    if (before !== undefined) {
      const { tail, total } = before;
      if (tail.length < total)
        this.#add('m', `kubelet-gateway: of ${total} bytes shown before, the last ${tail.length} follow`);
      this.onEvent({ kind: 'data', stream: 'stdout', data: tail });
    }
    const isCut = before !== undefined && before.tail.length < before.total;
    return `${JSON.stringify({ ...header, ...toSubject(info, isCut ? before.total : undefined) })}\n`;
  }
}

/** `shownBefore`: how many bytes were shown before, when not all of them follow. */
function toSubject(info: SessionInfo, shownBefore?: number): Readonly<Record<string, unknown>> {
  const { id, user, action, namespace, pod, container, node, command, recorded } = info;
  const place = `${namespace}/${pod}${container === undefined ? '' : `/${container}`}`;
  return {
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
      shownBefore,
    },
  };
}
