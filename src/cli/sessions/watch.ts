// kubelet-gateway sessions watch: the output of a session on one's own terminal, as it comes, less what would reach
// beyond the screen. What is about the session, and not of it, goes to standard error.

import { StringDecoder } from 'node:string_decoder';
import type { Terminal } from '../command.ts';
import { EXIT_FAILURE, EXIT_OK } from '../command.ts';
import type { AdminClient } from '../admin/client.ts';
import { AdminError } from '../admin/client.ts';
import { toConnectionText } from './connection-text.ts';
import { field, text } from '../../kubectl/untrusted.ts';
import { createEscapeFilter } from '../../terminal/escape-filter.ts';
import { toInertText } from '../../terminal/inert.ts';

/** A line of a recording is far shorter. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;
/** Colours off, cursor on, the main screen, no margins: as the shell of whoever watched left it. */
const RESTORE = '\u001b[!p\u001b[?1049l\u001b[0m\u001b[?25h\u001b[r';

export interface WatchPorts {
  readonly client: AdminClient;
  readonly terminal: Terminal;
  /**
   * What was drawn on the screen when so many bytes had been shown. Undefined: no program had a screen to itself. Rejects, in
   * words, when it cannot be known.
   */
  readonly readBefore: (shown: number, signal: AbortSignal) => Promise<string | undefined>;
}

/** Resolves when the session ends or the user interrupts. `path` is that of the stream. */
export async function watchSession(
  { client, terminal, readBefore }: WatchPorts,
  path: string,
): Promise<number> {
  const interrupted = new AbortController();
  const onInterrupt = (): void => interrupted.abort();
  process.once('SIGINT', onInterrupt);
  const screen = new Screen(terminal);
  try {
    for await (const line of toLines(client.stream({ path, signal: interrupted.signal }))) {
      const shown = screen.show(line);
      if (shown === undefined) continue;
      // What comes in the meantime waits in the gateway.
      const drawn = await readBefore(shown, interrupted.signal).catch((error: unknown) => {
        interrupted.signal.throwIfAborted();
        screen.note(`what was drawn before the last of it is not known: ${toWords(error)}`);
        return undefined;
      });
      if (drawn !== undefined) screen.draw(drawn);
    }
    terminal.err('\nthe session has ended\n');
    return EXIT_OK;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    return EXIT_FAILURE;
  } finally {
    process.off('SIGINT', onInterrupt);
    screen.restore();
  }
}

const toWords = (error: unknown): string => (error instanceof Error ? error.message : 'unknown');

async function* toLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_LENGTH) throw new AdminError('a line of the stream is too long', 0);
    yield* lines;
  }
}

class Screen {
  readonly #terminal: Terminal;
  readonly #filter = createEscapeFilter();
  #isTouched = false;
  #hasHeader = false;
  #isTerminal = true;
  /** What comes next was shown before, and is on the screen. */
  #isDrawn = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Returns, of the first line, how many bytes were shown before that do not all follow. */
  show(line: string): number | undefined {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw new AdminError('the stream is not a recording', 0, error);
    }
    if (!this.#hasHeader) {
      this.#hasHeader = true;
      this.#isTerminal = field(value, 'kind') !== 'PortForward';
      this.#terminal.err(`following ${toInertText(text(field(value, 'title')))}\n`);
      return toShownBefore(value);
    }
    if (this.#isTerminal) this.#showEvent(value);
    else this.#terminal.out(toConnectionText(value));
    return undefined;
  }

  /** In place of what follows of what was shown before. */
  draw(drawn: string): void {
    this.#isDrawn = true;
    this.#write(this.#filter.push(drawn));
  }

  note(words: string): void {
    this.#terminal.err(`\n${toInertText(words)}\n`);
  }

  restore(): void {
    this.#write(this.#filter.end());
    if (this.#isTouched) this.#terminal.out(RESTORE);
  }

  #showEvent(value: unknown): void {
    if (!Array.isArray(value)) return;
    const [, code, data] = value as readonly unknown[];
    if (this.#isDrawn) {
      // The note that not all of it follows, and then what does.
      this.#isDrawn = code !== 'o';
      return;
    }
    if (code === 'o') this.#write(this.#filter.push(text(data)));
    else if (code === 'm') this.note(text(data));
    else if (code === 'x') this.#terminal.err(`\nexit code ${toInertText(text(data))}`);
  }

  #write(output: string): void {
    if (output === '') return;
    if (output.includes('\u001b')) this.#isTouched = true;
    this.#terminal.out(output);
  }
}

/** Undefined: all of it follows, or nothing can be known of more. */
function toShownBefore(header: unknown): number | undefined {
  const session = field(header, 'kubeletGateway');
  const bytes = field(session, 'shownBefore');
  return field(session, 'recorded') === true && typeof bytes === 'number' && bytes > 0 ? bytes : undefined;
}
