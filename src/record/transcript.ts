// What is written of a session: a header, a line or more for each event, and an end. Where lines go is the segments'
// business.

import type { SessionEvent } from './decode/session-event.ts';

/** Whole lines, each with its line end. They are copied, or written, before it returns. */
export type WriteLines = (lines: string | Buffer) => void;

export interface Transcript {
  /** Of its segments' file names. */
  readonly extension: 'cast' | 'jsonl';
  /** Bytes that wait for more of their kind, to become one line. Bounded. */
  readonly held: number;
  /** Times are milliseconds since the epoch. */
  header(atMs: number): void;
  event(event: SessionEvent, atMs: number): void;
  /** Writes what is held. */
  flush(): void;
  /** Something that a reader must know, in words. */
  note(text: string, atMs: number): void;
  end(atMs: number): void;
  /** For the manifest's last entry. */
  summary(): Readonly<Record<string, unknown>>;
  /** For the audit event. */
  notes(): Readonly<Record<string, string>> | undefined;
}
