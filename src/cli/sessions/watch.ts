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

/** Resolves when the session ends or the user interrupts. `path` is that of the stream. */
export async function watchSession(client: AdminClient, path: string, terminal: Terminal): Promise<number> {
  const interrupted = new AbortController();
  const onInterrupt = (): void => interrupted.abort();
  process.once('SIGINT', onInterrupt);
  const screen = new Screen(terminal);
  try {
    for await (const line of toLines(client.stream({ path, signal: interrupted.signal }))) screen.show(line);
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

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(line: string): void {
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
      return;
    }
    if (!this.#isTerminal) {
      this.#terminal.out(toConnectionText(value));
      return;
    }
    if (!Array.isArray(value)) return;
    const [, code, data] = value as readonly unknown[];
    if (code === 'o') this.#write(this.#filter.push(text(data)));
    else if (code === 'm') this.#terminal.err(`\n${toInertText(text(data))}\n`);
    else if (code === 'x') this.#terminal.err(`\nexit code ${toInertText(text(data))}`);
  }

  restore(): void {
    this.#write(this.#filter.end());
    if (this.#isTouched) this.#terminal.out(RESTORE);
  }

  #write(output: string): void {
    if (output === '') return;
    if (output.includes('\u001b')) this.#isTouched = true;
    this.#terminal.out(output);
  }
}
