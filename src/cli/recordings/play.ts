// Plays a recording in the terminal, at its own speed or another. What would reach beyond the screen (clipboard, links,
// titles, questions that a terminal answers) is taken out, and a mark stands where it was.

import type { Terminal } from '../command.ts';
import type { Cast } from '../../replay/cast.ts';
import { createEscapeFilter } from '../../terminal/escape-filter.ts';
import { toInertText } from '../../terminal/inert.ts';

export interface PlayOptions {
  /** 2: twice as fast. Infinity: without waiting. */
  readonly speed: number;
  /** Longer pauses are cut to this. */
  readonly idleLimitMs: number;
  /** Waits; settles early when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Colours off, cursor on, the main screen, no margins: as the shell of whoever watched left it. */
const RESTORE = '\u001b[!p\u001b[?1049l\u001b[0m\u001b[?25h\u001b[r\r\n';
const mark = (what: string): string => `\u001b[7m[${what}]\u001b[27m`;

/** What is about the recording, and not of it, goes to standard error. */
export async function playCast(
  { header, events }: Cast,
  terminal: Terminal,
  { speed, idleLimitMs, wait }: PlayOptions,
  signal: AbortSignal,
): Promise<void> {
  const filter = createEscapeFilter({ mark });
  const bareLineFeeds = header.kind === 'cast' && header.tty === false;
  if (header.kind === 'cast') terminal.err(`${toInertText(header.title)}\n`);
  let lastMs = 0;
  const screen = { isTouched: false };
  const write = (text: string): void => {
    if (text === '') return;
    screen.isTouched ||= text.includes('\u001b');
    terminal.out(text);
  };
  try {
    for await (const event of events) {
      await wait(Math.min(event.atMs - lastMs, idleLimitMs) / speed, signal);
      if (signal.aborted) return;
      lastMs = event.atMs;
      if (event.kind === 'output') {
        const shown = filter.push(event.text);
        write(bareLineFeeds ? shown.replaceAll(/\r?\n/g, '\r\n') : shown);
      } else if (event.kind === 'note') terminal.err(`\n${toInertText(event.text)}\n`);
      else if (event.kind === 'exit') terminal.err(`\nexit code ${event.code}\n`);
      else if (event.kind === 'other' && event.code === 'portForward')
        terminal.out(`${toInertText(event.text)}\n`);
    }
  } finally {
    write(filter.end());
    if (screen.isTouched) terminal.out(RESTORE);
  }
}
