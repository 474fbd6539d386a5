// Full-text search over what was on the screen: what was typed over, moved or wrapped is found as it was seen, and what
// escape sequences divide is one word if it looked like one.

import type { Cast } from './cast.ts';
import { Screen } from './screen.ts';

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
const toSeen = (text: string): string => text.replaceAll(/\p{Cf}/gu, '').normalize('NFC') || text;

/** A line is a hit when it comes to hold the text, and again when it does so after it did not. */
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
  try {
    for await (const event of events) {
      if (event.kind === 'resize') screen.resize(event.columns, event.rows);
      if (event.kind !== 'output') continue;
      for (const piece of Screen.pieces(event.text)) {
        await screen.write(piece);
        const before = shown;
        const passed = screen.passed().filter(isHit);
        shown = new Set(screen.visible().filter(isHit));
        for (const line of new Set([...passed, ...shown])) {
          if (!before.has(line)) yield { atMs: event.atMs, line };
        }
      }
    }
  } finally {
    screen.dispose();
  }
}
