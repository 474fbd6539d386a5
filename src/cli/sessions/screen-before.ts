// The screen of a session as it was when somebody came to look on, from its recording: what was drawn since a program last
// began with an empty one. It is read here and not in the gateway, with the rights of whoever looks on, who may hold an identity
// that the gateway has not; and it is not drawn here either: the watcher's terminal does that, as with what comes after.

import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionId } from '../../core/operation.ts';
import { openCast } from '../../replay/cast.ts';
import type { StoredSegment } from '../../replay/segments.ts';
import { readLines } from '../../replay/segments.ts';
import type { Reading } from '../recordings/source.ts';

/** Of a screen: a program that has drawn more since has drawn most of it again. */
const MAX_DRAWN = 1024 * 1024;
/** Longer recordings are not read through while somebody waits. */
const MAX_STORED = 64 * 1024 * 1024;
/** What was shown is on the disk a moment later; with encryption or a store, when its segment is closed. */
const ATTEMPTS = 10;
const PAUSE_MS = 500;
/** The alternate screen shown or left (xterm's ctlseqs), a reset, the screen erased. */
const EMPTIES = /\u001b(?:\[\?(?:1049|1047|47)([hl])|c|\[2J|\[(?:1;1)?H\u001b\[0?J)/g;
const RESET = '\u001bc';
const ALTERNATE = '\u001b[?1049h';
/** A sequence may be divided: as many characters of what came before are looked at again. */
const LONGEST = 12;

export interface Wanted {
  readonly id: SessionId;
  /** Bytes that the session had shown by then. */
  readonly shown: number;
  readonly signal: AbortSignal;
}

/**
 * Undefined: no program has emptied the screen and drawn on it since. Rejects, in words, where the recording does not tell.
 */
export async function readScreenBefore(reading: Reading, wanted: Wanted): Promise<string | undefined> {
  const { source, decrypt } = reading;
  const summary = await source.summary(wanted.id);
  if (summary === undefined) throw new Error('there is no recording of it');
  if (summary.encrypted && decrypt === undefined) {
    throw new Error('its recording is encrypted, and --identity is missing');
  }
  if (summary.bytes > MAX_STORED) throw new Error(`its recording is longer than ${MAX_STORED >> 20} MiB`);
  for (let attempt = 1; ; attempt += 1) {
    const drawn = await readDrawn(reading, wanted);
    if (drawn.isWhole) return drawn.text;
    if (attempt === ATTEMPTS) throw new Error('its recording does not come as far as the session');
    await sleep(PAUSE_MS, undefined, { signal: wanted.signal });
  }
}

interface Drawn {
  readonly text: string | undefined;
  /** The recording reaches so far. */
  readonly isWhole: boolean;
}

const NOT_YET: Drawn = { text: undefined, isWhole: false };

async function readDrawn({ source, decrypt }: Reading, { id, shown, signal }: Wanted): Promise<Drawn> {
  let isTail = false;
  const onProblem = (problem: string): void => {
    // The last segment is being written.
    if (!isTail) throw new Error(`its recording is not whole: ${problem}`);
  };
  async function* segments(): AsyncGenerator<StoredSegment> {
    for await (const segment of source.segments(id, onProblem)) {
      isTail = segment.sha256 === undefined;
      yield segment;
    }
  }
  const lines = readLines(segments(), { decrypt, onProblem });
  const screen = new DrawnScreen();
  let left = shown;
  try {
    const first = await lines.next();
    if (first.done === true) return NOT_YET;
    const { header, events } = await openCast(toJoined(first.value, lines), onProblem);
    if (header.kind !== 'cast' || header.tty !== true) return { text: undefined, isWhole: true };
    for await (const event of events) {
      signal.throwIfAborted();
      if (event.kind !== 'output') continue;
      screen.add(event.bytes.subarray(0, left));
      left -= Math.min(left, event.bytes.length);
      if (left === 0) return { text: screen.text(), isWhole: true };
    }
  } finally {
    await lines.return(undefined);
  }
  return NOT_YET;
}

async function* toJoined(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

/** What was drawn since the screen was empty. One byte is one character here. */
class DrawnScreen {
  /** Undefined: it was never emptied. */
  #drawn: string | undefined;
  #isAlternate = false;
  #last = '';

  add(bytes: Buffer): void {
    const text = this.#last + bytes.toString('latin1');
    let rest = text.slice(this.#last.length);
    for (const { 0: sequence, 1: mode, index } of text.matchAll(EMPTIES)) {
      // It was seen with what came before.
      if (index + sequence.length <= this.#last.length) continue;
      if (mode !== undefined || sequence === RESET) this.#isAlternate = mode === 'h';
      rest = text.slice(index);
      // What was on the main screen is shown again.
      this.#drawn = mode === 'l' ? undefined : '';
    }
    this.#last = text.slice(-LONGEST);
    if (this.#drawn === undefined) return;
    this.#drawn += rest;
    // Not each time: it is copied.
    if (this.#drawn.length > 2 * MAX_DRAWN) this.#drawn = this.#drawn.slice(-MAX_DRAWN);
  }

  text(): string | undefined {
    if (this.#drawn === undefined) return undefined;
    // The end of a character that is cut is not here: it is the beginning of what comes.
    const drawn = new TextDecoder().decode(Buffer.from(this.#drawn.slice(-MAX_DRAWN), 'latin1'), {
      stream: true,
    });
    return (this.#isAlternate ? ALTERNATE : '') + drawn;
  }
}
