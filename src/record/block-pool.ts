// Blocks of memory that lines are gathered in before they are written, used again and again: new memory costs a page fault
// for every four kilobytes, and V8 collects everything when enough of it has passed (docs/adr/0014, 0022).

export const BLOCK_BYTES = 256 * 1024;
/** Kept while nobody writes into them; more than these are left to the garbage collector. */
const MAX_SPARE = 8;

export class BlockPool {
  readonly #spare: Buffer[] = [];

  /** BLOCK_BYTES, whatever is in them. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** A block that nobody reads or writes any more. */
  give(block: Buffer): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(block);
  }
}
