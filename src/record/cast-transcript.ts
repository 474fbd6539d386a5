// A terminal session as asciicast v3 (docs.asciinema.org/manual/asciicast/v3). Beside its codes o, i, r, m and x there
// are some of the gateway's own, which players pass over. docs/recording.md describes them.

import type { StdinMode } from '../core/recording.ts';
import type { SessionEvent } from './decode/session-event.ts';
import { FileSummary } from './file-summary.ts';
import { MAX_BYTES } from './cast-lines.ts';
import type { ByteLines } from './cast-lines.ts';
import { EchoFilter } from './echo-filter.ts';
import { HeldBytes } from './held-bytes.ts';
import type { RecordingSubject } from './subject.ts';
import type { Transcript, WriteLines } from './transcript.ts';
import { MAX_UNFINISHED, Utf8Boundary } from './utf8-boundary.ts';

type Stream = Extract<SessionEvent, { kind: 'data' }>['stream'];

export interface CastDeps {
  readonly write: WriteLines;
  readonly writeBytes: (lines: ByteLines, write: WriteLines) => void;
}

export interface CastOptions {
  readonly subject: RecordingSubject;
  /** Whether `i` events are written: none, all, or those lines that the terminal shows. */
  readonly stdin: StdinMode;
  /** A line is never longer, but for one with a note or a status. Default: as long as lines may be. */
  readonly maxLineBytes?: number;
}

/** What a byte may become in a line. */
const MAX_GROWTH = 6;

/** Until the client says how large its terminal is; many never do. */
const DEFAULT_SIZE = { cols: 80, rows: 24 };

export class CastTranscript implements Transcript {
  readonly extension = 'cast';
  readonly #deps: CastDeps;
  readonly #options: CastOptions;
  readonly #boundaries: Readonly<Record<Stream, Utf8Boundary>> = {
    stdin: new Utf8Boundary(),
    stdout: new Utf8Boundary(),
    stderr: new Utf8Boundary(),
  };
  readonly #files = new FileSummary();
  readonly #bytes = { stdin: 0, stdout: 0, stderr: 0 };
  /** Of one stream, since one moment: they become one line. */
  readonly #held: HeldBytes;
  readonly #echo: EchoFilter | undefined;
  #heldOf: Stream = 'stdout';
  #heldSinceMs = 0;
  #exitCode: number | undefined;
  #lastMs = 0;
  #nowMs = 0;

  constructor(deps: CastDeps, options: CastOptions) {
    this.#deps = deps;
    this.#options = options;
    const { maxLineBytes = Infinity } = options;
    const most = Math.max(64, Math.min(MAX_BYTES, Math.floor(maxLineBytes / MAX_GROWTH) - 64));
    this.#held = new HeldBytes(most - MAX_UNFINISHED);
    // Without a terminal nothing is echoed, and nothing could be let through.
    if (options.stdin === 'echo' && options.subject.tty === true) this.#echo = this.#createEchoFilter();
  }

  get held(): number {
    return this.#held.length;
  }

  header(atMs: number): void {
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
    this.#deps.write(`${JSON.stringify(header)}\n`);
  }

  event(event: SessionEvent, atMs: number): void {
    switch (event.kind) {
      case 'data':
        this.#bytes[event.stream] += event.data.length;
        this.#nowMs = atMs;
        if (event.stream === 'stdin') this.#typed(event.data, atMs);
        else {
          this.#echo?.shown(event.data);
          this.#data(event.stream, event.data, atMs);
        }
        return;
      case 'stdinClosed':
        if (this.#options.stdin === 'on') this.#finish('stdin', atMs);
        return;
      case 'resize':
        this.#line(atMs, 'r', `${event.columns}x${event.rows}`);
        return;
      case 'status':
        this.#exitCode = event.exitCode;
        if (event.text !== '') this.#line(atMs, 's', event.text);
        return;
      case 'file':
        this.#file(event, atMs);
        return;
      case 'opened':
      case 'passed':
      case 'message':
      case 'closed':
        return;
    }
  }

  flush(): void {
    if (this.#held.length > 0) this.#writeBytes(this.#heldOf, this.#held.take(), this.#heldSinceMs);
  }

  note(text: string, atMs: number): void {
    this.#line(atMs, 'm', `kubelet-gateway: ${text}`);
  }

  end(atMs: number): void {
    this.#nowMs = atMs;
    this.#echo?.end();
    for (const stream of ['stdin', 'stdout', 'stderr'] as const) this.#finish(stream, atMs);
    if (this.#exitCode !== undefined) this.#line(atMs, 'x', String(this.#exitCode));
  }

  summary(): Readonly<Record<string, unknown>> {
    const { stdin, stdout, stderr } = this.#bytes;
    const code = this.#exitCode;
    const files = this.#files.toManifest();
    return {
      stdinBytes: stdin,
      stdoutBytes: stdout,
      stderrBytes: stderr,
      ...(code === undefined ? {} : { exitCode: code }),
      ...(files === undefined ? {} : { files }),
    };
  }

  notes(): Readonly<Record<string, string>> | undefined {
    return this.#files.toNotes();
  }

  #file(event: Extract<SessionEvent, { kind: 'file' }>, atMs: number): void {
    const listed = this.#files.add(event);
    if (listed === 'counted') return;
    const { direction, name, type, bytes, link } = event;
    this.#line(atMs, 'f', JSON.stringify({ direction, name, type, bytes, link }));
    if (listed === 'last') this.note('the files that follow are counted and not listed', atMs);
  }

  #typed(data: Buffer, atMs: number): void {
    if (this.#options.stdin === 'on') this.#data('stdin', data, atMs);
    else this.#echo?.typed(data);
  }

  #createEchoFilter(): EchoFilter {
    return new EchoFilter({
      onEchoed: (line) => this.#data('stdin', line, this.#nowMs),
      onWithheld: (bytes) => this.note(`[${bytes} bytes not echoed]`, this.#nowMs),
    });
  }

  #data(stream: Stream, data: Buffer, atMs: number): void {
    if (stream !== this.#heldOf) {
      this.flush();
      this.#heldOf = stream;
    }
    for (let at = 0; at < data.length;) {
      if (this.#held.length === 0) this.#heldSinceMs = atMs;
      at += this.#held.add(at === 0 ? data : data.subarray(at));
      if (this.#held.isFull) this.flush();
    }
  }

  /** The first bytes of a character whose others never came. */
  #finish(stream: Stream, atMs: number): void {
    this.flush();
    const bytes = this.#boundaries[stream].flush();
    if (bytes.length > 0) this.#lines(stream, bytes, atMs);
  }

  #writeBytes(stream: Stream, taken: Buffer, atMs: number): void {
    const bytes = this.#boundaries[stream].push(taken);
    if (bytes.length > 0) this.#lines(stream, bytes, atMs);
  }

  #lines(stream: Stream, bytes: Buffer, atMs: number): void {
    const { write, writeBytes } = this.#deps;
    const code = stream === 'stdin' ? 'i' : 'o';
    writeBytes({ code, isError: stream === 'stderr', elapsed: this.#elapsed(atMs), bytes }, write);
  }

  #line(atMs: number, code: string, data: string): void {
    this.flush();
    this.#deps.write(`[${this.#elapsed(atMs)},"${code}",${JSON.stringify(data)}]\n`);
  }

  /** Seconds since the line before. The wall clock may be set back; time within a recording does not run backwards. */
  #elapsed(atMs: number): string {
    const elapsedMs = Math.max(0, atMs - this.#lastMs);
    this.#lastMs += elapsedMs;
    return String(elapsedMs / 1000);
  }
}

/** A command as a person would type it. The vector itself is in `kubeletGateway.command`. */
const toShellText = (command: readonly string[]): string =>
  command
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
