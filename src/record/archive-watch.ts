// Notices tar archives among what passes through a session without a terminal, as `kubectl cp` sends them, whatever
// command makes or takes them: by the first header, and never by the words of the command. What it finds is added to a
// recording; nothing is left out for it. A compressed archive is not noticed.

import type { Action } from '../core/action.ts';
import type { SessionEvent } from './decode/session-event.ts';
import { TarListing } from './tar-listing.ts';

type FileEvent = Extract<SessionEvent, { kind: 'file' }>;

export interface ArchiveReader {
  onFile(event: FileEvent): void;
  onProblem(problem: string): void;
}

/** `ustar` stands here in the header of every archive but those of the seventies (POSIX.1-2017, pax). */
const MAGIC_AT = 257;
const MAGIC = Buffer.from('ustar');
const NEEDED = MAGIC_AT + MAGIC.length;

const DIRECTIONS = { stdin: 'toPod', stdout: 'fromPod' } as const;
type Watched = keyof typeof DIRECTIONS;

type State =
  | { readonly kind: 'unknown'; readonly head: Buffer }
  | { readonly kind: 'archive'; readonly listing: TarListing }
  | { readonly kind: 'other' };

export class ArchiveWatch {
  readonly #reader: ArchiveReader;
  readonly #states: Record<Watched, State> = {
    stdin: { kind: 'unknown', head: Buffer.alloc(0) },
    stdout: { kind: 'unknown', head: Buffer.alloc(0) },
  };

  constructor(reader: ArchiveReader) {
    this.#reader = reader;
  }

  see(stream: Watched, data: Buffer): void {
    const state = this.#states[stream];
    if (state.kind === 'other') return;
    if (state.kind === 'archive') {
      state.listing.write(data);
      return;
    }
    const head = Buffer.concat([state.head, data.subarray(0, NEEDED - state.head.length)]);
    if (head.length < NEEDED) {
      this.#states[stream] = { kind: 'unknown', head };
      return;
    }
    if (!head.subarray(MAGIC_AT).equals(MAGIC)) {
      this.#states[stream] = { kind: 'other' };
      return;
    }
    const listing = this.#list(DIRECTIONS[stream]);
    this.#states[stream] = { kind: 'archive', listing };
    listing.write(state.head);
    listing.write(data);
  }

  /** Nothing more comes: what is unfinished is told. */
  end(): void {
    for (const state of Object.values(this.#states)) if (state.kind === 'archive') state.listing.end();
  }

  #list(direction: FileEvent['direction']): TarListing {
    return new TarListing({
      onEntry: (entry) => this.#reader.onFile({ kind: 'file', direction, ...entry }),
      onProblem: (problem) => this.#reader.onProblem(`${direction}: ${problem}`),
    });
  }
}

/** A terminal makes two characters of a line end: no archive passes through one whole. */
export const passesFiles = (action: Action): boolean =>
  'streams' in action ? !action.streams.tty : action.kind === 'run';
