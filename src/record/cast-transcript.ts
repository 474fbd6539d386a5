// A terminal session as asciicast v3 (docs.asciinema.org/manual/asciicast/v3). Beside its codes o, i, r, m and x there
// are three of the gateway's own, which players pass over: `e`, `b` and `s`. docs/recording.md describes them.

import { isUtf8 } from 'node:buffer';
import type { SessionEvent } from './decode/session-event.ts';
import type { RecordingSubject } from './subject.ts';
import type { Transcript } from './transcript.ts';
import { Utf8Boundary } from './utf8-boundary.ts';

type Stream = Extract<SessionEvent, { kind: 'data' }>['stream'];

export interface CastOptions {
  readonly subject: RecordingSubject;
  /** Whether `i` events are written. */
  readonly stdin: boolean;
}

/** Until the client says how large its terminal is; many never do. */
const DEFAULT_SIZE = { cols: 80, rows: 24 };

export class CastTranscript implements Transcript {
  readonly extension = 'cast';
  readonly #options: CastOptions;
  readonly #boundaries: Readonly<Record<Stream, Utf8Boundary>> = {
    stdin: new Utf8Boundary(),
    stdout: new Utf8Boundary(),
    stderr: new Utf8Boundary(),
  };
  readonly #bytes = { stdin: 0, stdout: 0, stderr: 0 };
  #exitCode: number | undefined;
  #lastMs = 0;

  constructor(options: CastOptions) {
    this.#options = options;
  }

  header(atMs: number): string {
    this.#lastMs = atMs;
    const { subject } = this.#options;
    const { command, namespace, pod, container, node, action } = subject;
    const header = {
      version: 3,
      term: DEFAULT_SIZE,
      timestamp: Math.floor(atMs / 1000),
      ...(command === undefined ? {} : { command: toShellText(command) }),
      title: `${subject.user}: ${action} ${namespace}/${pod}${container === undefined ? '' : `/${container}`} on ${node}`,
      tags: [`action:${action}`, `node:${node}`, `namespace:${namespace}`, `pod:${pod}`],
      kubeletGateway: subject,
    };
    return `${JSON.stringify(header)}\n`;
  }

  event(event: SessionEvent, atMs: number): string {
    switch (event.kind) {
      case 'data': {
        const { stream } = event;
        this.#bytes[stream] += event.data.length;
        if (stream === 'stdin' && !this.#options.stdin) return '';
        return this.#data(stream, this.#boundaries[stream].push(event.data), atMs);
      }
      case 'stdinClosed':
        return this.#options.stdin ? this.#flush('stdin', atMs) : '';
      case 'resize':
        return this.#line(atMs, 'r', `${event.columns}x${event.rows}`);
      case 'status':
        this.#exitCode = event.exitCode;
        return event.text === '' ? '' : this.#line(atMs, 's', event.text);
      case 'opened':
      case 'passed':
      case 'message':
      case 'closed':
        return '';
    }
  }

  note(text: string, atMs: number): string {
    return this.#line(atMs, 'm', `kubelet-gateway: ${text}`);
  }

  end(atMs: number): string {
    const rest = (['stdin', 'stdout', 'stderr'] as const).map((stream) => this.#flush(stream, atMs)).join('');
    return this.#exitCode === undefined ? rest : `${rest}${this.#line(atMs, 'x', String(this.#exitCode))}`;
  }

  summary(): Readonly<Record<string, number>> {
    const { stdin, stdout, stderr } = this.#bytes;
    const code = this.#exitCode;
    return {
      stdinBytes: stdin,
      stdoutBytes: stdout,
      stderrBytes: stderr,
      ...(code === undefined ? {} : { exitCode: code }),
    };
  }

  /** The first bytes of a character whose others never came. */
  #flush(stream: Stream, atMs: number): string {
    return this.#data(stream, this.#boundaries[stream].flush(), atMs);
  }

  #data(stream: Stream, bytes: Buffer, atMs: number): string {
    if (bytes.length === 0) return '';
    const marks =
      (stream === 'stderr' ? this.#line(atMs, 'e', '') : '') +
      (isUtf8(bytes) ? '' : this.#line(atMs, 'b', bytes.toString('base64')));
    return marks + this.#line(atMs, stream === 'stdin' ? 'i' : 'o', bytes.toString('utf8'));
  }

  #line(atMs: number, code: string, data: string): string {
    // The wall clock may be set back; time within a recording does not run backwards.
    const elapsedMs = Math.max(0, atMs - this.#lastMs);
    this.#lastMs += elapsedMs;
    return `[${elapsedMs / 1000},"${code}",${JSON.stringify(data)}]\n`;
  }
}

/** A command as a person would type it. The vector itself is in `kubeletGateway.command`. */
const toShellText = (command: readonly string[]): string =>
  command
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
