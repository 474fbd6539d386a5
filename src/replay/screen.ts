// What was on the screen: a terminal without a display (@xterm/headless), which is fed the output of a session. Nothing
// that a session says reaches beyond it: it has no clipboard, opens no links, and its answers go nowhere.

import headless from '@xterm/headless';

/** Lines that are kept above the screen: more than a piece of output can push out of it. */
const SCROLLBACK = 8192;
/** Text is written in pieces of so many characters: each can scroll by as many lines at most. */
const PIECE = 4096;
/** Rows of a line at the cursor that are looked at in the middle of a piece: one without an end is not, each time, as a whole. */
const MAX_LOOK_ROWS = 8;
/** What may move the cursor, or take away what is on the screen: all controls but those of colours and tabs. */
const MOVING = /\r\n|[\b\n\v\f\r\u0080-\u009f]|\u001b(?!\[[\d;:]*m)/g;
/** A tab stop is at every eighth column: no line has more. */
const MAX_TABS = 1000;

export interface ScreenOptions {
  readonly columns: number;
  readonly rows: number;
  /** A line feed is also a carriage return: the output of a session without a terminal. */
  readonly bareLineFeeds: boolean;
}

export class Screen {
  readonly #terminal: headless.Terminal;
  /** What scrolls away is kept: no margins were set, nor another screen shown. */
  #keepsLines = true;
  /** Lines of the main screen that have left it for good, before the one that `passed` gives next. */
  #passed = 0;

  constructor({ columns, rows, bareLineFeeds }: ScreenOptions) {
    this.#terminal = new headless.Terminal({
      cols: Math.max(2, columns),
      rows,
      scrollback: SCROLLBACK,
      convertEol: bareLineFeeds,
      allowProposedApi: true,
      // What it says of sequences that it does not know would be in the session's hands.
      logLevel: 'off',
    });
    // The terminal goes from stop to stop as often as it is told to, at the end of the line too: two thousand million times.
    this.#terminal.parser.registerCsiHandler({ final: 'I' }, ([count]) => Number(count) > MAX_TABS);
    for (const final of ['r', 'h']) {
      this.#terminal.parser.registerCsiHandler(final === 'r' ? { final } : { prefix: '?', final }, () => {
        this.#keepsLines = false;
        return false;
      });
    }
  }

  /** Pieces, after each of which the screen is to be looked at. */
  static *pieces(text: string): Generator<string> {
    for (let at = 0; at < text.length; at += PIECE) yield text.slice(at, at + PIECE);
  }

  /** `look` is shown the line at the cursor before anything can move it or take it away. */
  write(text: string, look?: (line: string) => void): Promise<void> {
    if (look !== undefined) {
      for (const step of this.#toSteps(text)) this.#terminal.write(step, () => look(this.#atCursor()));
    }
    return new Promise((resolve) => this.#terminal.write(look === undefined ? text : '', resolve));
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(Math.max(2, columns), rows);
    this.#passed = Math.min(this.#passed, this.#terminal.buffer.normal.baseY);
  }

  /** What is on the screen, whichever is shown; lines that were too long for it are whole, but for rows beyond `maxAbove`. */
  visible(maxAbove = Infinity): readonly string[] {
    const { active } = this.#terminal.buffer;
    let from = active.baseY;
    // The beginning of the first line may be above.
    while (from > 0 && active.baseY - from < maxAbove && active.getLine(from)?.isWrapped === true) from -= 1;
    return this.#join(active, from, active.baseY + this.#terminal.rows);
  }

  /** Lines that have left the main screen at its top since the last call. */
  passed(): readonly string[] {
    const { normal } = this.#terminal.buffer;
    // The screen shows the rest of a line that has begun above: it has not passed as a whole.
    let until = normal.baseY;
    while (until > this.#passed && normal.getLine(until)?.isWrapped === true) until -= 1;
    const lines = this.#join(normal, this.#passed, until);
    this.#passed = until;
    if (normal.baseY > SCROLLBACK / 2) this.#forget();
    return lines;
  }

  /** Each but the first begins with what may move the cursor, or is where nothing of a line that is longer may be kept. */
  *#toSteps(text: string): Generator<string> {
    const most = this.#keepsLines && !/[\u001b\u0080-\u009f]/.test(text) ? text.length : this.#terminal.cols;
    let from = 0;
    for (const { index } of [...text.matchAll(MOVING), { index: text.length }]) {
      for (; from < index; from += most) yield text.slice(from, Math.min(index, from + most));
      from = index;
    }
  }

  /** The whole line, or the last of its rows. */
  #atCursor(): string {
    const { active } = this.#terminal.buffer;
    const at = active.baseY + active.cursorY;
    let from = at;
    while (from > 0 && at - from < MAX_LOOK_ROWS && active.getLine(from)?.isWrapped === true) from -= 1;
    let until = at + 1;
    const end = active.baseY + this.#terminal.rows;
    while (until < end && active.getLine(until)?.isWrapped === true) until += 1;
    return this.#join(active, from, until).join('');
  }

  dispose(): void {
    this.#terminal.dispose();
  }

  /** Lets go of what has passed, so that the numbers of lines stay what they are until the next look. */
  #forget(): void {
    const { normal } = this.#terminal.buffer;
    const kept = normal.baseY - this.#passed;
    this.#terminal.options.scrollback = kept;
    this.#terminal.options.scrollback = SCROLLBACK;
    this.#passed = Math.max(0, normal.baseY - kept);
  }

  #join(buffer: headless.IBuffer, from: number, until: number): readonly string[] {
    const lines: string[] = [];
    for (let at = from; at < until; at += 1) {
      const line = buffer.getLine(at);
      if (line === undefined) continue;
      const next = at + 1 < until ? buffer.getLine(at + 1) : undefined;
      const goesOn = next?.isWrapped === true;
      // A wide character that did not fit at the end of the line leaves a cell with nothing in it.
      const hasGap = goesOn && isEmpty(line.getCell(line.length - 1)) && next.getCell(0)?.getWidth() === 2;
      const text = line.translateToString(!goesOn, 0, hasGap ? line.length - 1 : line.length);
      if (line.isWrapped && lines.length > 0) lines.push((lines.pop() ?? '') + text);
      else lines.push(text);
    }
    return lines;
  }
}

/** Nothing was ever written to it, nor is it the second half of a wide character. */
const isEmpty = (cell: headless.IBufferCell | undefined): boolean =>
  cell?.getChars() === '' && cell.getWidth() === 1;
