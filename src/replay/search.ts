// Full-text search over what was on the screen: what was typed over, moved or wrapped is found as it was seen, and what
// escape sequences divide is one word if it looked like one.

import type { Cast } from './cast.ts';
import { Screen } from './screen.ts';

/** Of a line that began above the screen and has no end: what is further up was looked at when it was on the screen. */
const MAX_ROWS_ABOVE = 64;

export interface Hit {
  readonly atMs: number;
  /** The whole line. */
  readonly line: string;
}

export interface SearchOptions {
  readonly text: string;
  readonly ignoreCase: boolean;
}

/** As it looks: without characters that show nothing, and letters with their accents in one form. */
const toSeen = (text: string): string =>
  text.replaceAll(/[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, '').normalize('NFC') || text;

/**
 * A line is a hit when it comes to hold the text, and again when it does so after it did not. What is there for a moment
 * within an event is a hit when nothing else in it is: a line that counts to a hundred in its place is not a hundred.
 */
export async function* searchCast({ header, events }: Cast, options: SearchOptions): AsyncGenerator<Hit> {
  const fold = (text: string): string => {
    const seen = toSeen(text);
    return options.ignoreCase ? seen.toLocaleLowerCase('en') : seen;
  };
  const wanted = fold(options.text);
  const isHit = (line: string): boolean => fold(line).includes(wanted);
  if (header.kind === 'portForward') {
    for await (const event of events) {
      if (event.kind === 'other' && isHit(event.text)) yield { atMs: event.atMs, line: event.text };
    }
    return;
  }
  const screen = new Screen({ ...header, bareLineFeeds: header.tty === false });
  let shown: ReadonlySet<string> = new Set();
  /** The line at the cursor held the text at the last look. */
  let isAtHit = false;
  try {
    for await (const event of events) {
      if (event.kind === 'resize') screen.resize(event.columns, event.rows);
      if (event.kind !== 'output') continue;
      for (const piece of Screen.pieces(event.text)) {
        const before = shown;
        const atMoments = new Set<string>();
        await screen.write(piece, (line) => {
          if (isHit(line) && !isAtHit && !before.has(line)) atMoments.add(line);
          isAtHit = isHit(line);
        });
        const passed = screen.passed().filter(isHit);
        shown = new Set(screen.visible(MAX_ROWS_ABOVE).filter(isHit));
        const lasting = new Set([...passed, ...shown]);
        for (const line of lasting.size > 0 ? lasting : atMoments) {
          if (!before.has(line)) yield { atMs: event.atMs, line };
        }
      }
    }
  } finally {
    screen.dispose();
  }
}
