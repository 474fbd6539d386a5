// A container's log file in the CRI format (`TIME STREAM P|F TEXT`), written as the output comes and read as
// /containerLogs reads it: Kubernetes' k8s.io/cri-client/pkg/logs.

import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface LogEntry {
  /** RFC 3339 with nine fractional digits. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** The line ends here; a long line, or the end of an output without newline, comes in parts that do not. */
  readonly whole: boolean;
  readonly text: Buffer;
}

/** containerd's bound of a line. */
const MAX_LINE_BYTES = 16_384;
const NEWLINE = 0x0a;

export class ContainerLog {
  readonly #path: string;
  readonly #now: () => number;
  readonly #listeners = new Set<(entry: LogEntry | undefined) => void>();
  readonly #pending = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  #ended = false;

  constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, '');
  }

  /** The container has stopped: nothing follows. */
  get ended(): boolean {
    return this.#ended;
  }

  append(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    let rest = Buffer.concat([this.#pending[stream], chunk]);
    for (;;) {
      const at = rest.indexOf(NEWLINE);
      if (at < 0 && rest.length < MAX_LINE_BYTES) break;
      const whole = at >= 0 && at <= MAX_LINE_BYTES;
      const length = whole ? at : MAX_LINE_BYTES;
      this.#write({ time: this.#time(), stream, whole, text: rest.subarray(0, length) });
      rest = rest.subarray(whole ? length + 1 : length);
    }
    this.#pending[stream] = rest;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const stream of ['stdout', 'stderr'] as const) {
      const text = this.#pending[stream];
      if (text.length > 0) this.#write({ time: this.#time(), stream, whole: false, text });
    }
    for (const listener of this.#listeners) listener(undefined);
    this.#listeners.clear();
  }

  /** All entries so far. */
  read(): LogEntry[] {
    const file = readFileSync(this.#path);
    const entries: LogEntry[] = [];
    let at = 0;
    while (at < file.length) {
      const end = file.indexOf(NEWLINE, at);
      if (end < 0) break;
      const entry = parseEntry(file.subarray(at, end));
      if (entry !== undefined) entries.push(entry);
      at = end + 1;
    }
    return entries;
  }

  /** Calls back for each entry to come, and with undefined at the end. Returns a function that withdraws. */
  follow(listener: (entry: LogEntry | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #time(): string {
    return new Date(this.#now()).toISOString().replace('Z', '000000Z');
  }

  #write(entry: LogEntry): void {
    const head = `${entry.time} ${entry.stream} ${entry.whole ? 'F' : 'P'} `;
    appendFileSync(this.#path, Buffer.concat([Buffer.from(head), entry.text, Buffer.from('\n')]));
    for (const listener of this.#listeners) listener(entry);
  }
}

const parseEntry = (line: Buffer): LogEntry | undefined => {
  const [time, stream, tag] = line.toString('latin1', 0, 64).split(' ', 3);
  if (time === undefined || tag === undefined || (stream !== 'stdout' && stream !== 'stderr'))
    return undefined;
  const text = line.subarray(time.length + stream.length + tag.length + 3);
  return { time, stream, whole: tag === 'F', text };
};
