// Lines for a stream in fewer writes: those of one moment go out together. A write to a pipe or file is a system call
// that the event loop waits for, 10 to 20 µs of it, which a line for each request would each time pay (docs/adr/0010).
// Promises: order is kept, what is urgent goes out at once with all that waited, and no line outlives the process.

/** Anything that takes text, synchronously as far as the operating system. */
interface Output {
  write(text: string): unknown;
}

/** How long a line may wait for company. */
const LINGER_MS = 20;
const MAX_CHARS = 64 * 1024;

export interface GatheredLines {
  /** `line` ends in a line end. `isUrgent`: not to be lost, even by a process that is killed in the next moment. */
  write(line: string, isUrgent: boolean): void;
}

/** `atExit` is told what to do in the last moment of the process. */
export function createGatheredLines(output: Output, atExit: (flush: () => void) => void): GatheredLines {
  let waiting = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === '') return;
    const text = waiting;
    waiting = '';
    output.write(text);
  };
  atExit(flush);
  return {
    write: (line, isUrgent) => {
      waiting += line;
      if (isUrgent || waiting.length >= MAX_CHARS) flush();
      else timer ??= setTimeout(flush, LINGER_MS).unref();
    },
  };
}
