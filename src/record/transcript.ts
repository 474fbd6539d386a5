// What is written of a session: a header, a line or more for each event, and an end. Text only; where it goes is the
// segments' business.

import type { SessionEvent } from './decode/session-event.ts';

export interface Transcript {
  /** Of its segments' file names. */
  readonly extension: 'cast' | 'jsonl';
  /** Lines, each with its line end; empty when there is nothing to write. Times are milliseconds since the epoch. */
  header(atMs: number): string;
  event(event: SessionEvent, atMs: number): string;
  /** Something that a reader must know, in words. */
  note(text: string, atMs: number): string;
  end(atMs: number): string;
  /** For the manifest's last entry. */
  summary(): Readonly<Record<string, number>>;
}
