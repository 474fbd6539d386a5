// The header lines of a request as they came, in order, with repeated lines kept apart. Node's own `headers` object
// joins or drops repeated lines, and which of two `Authorization` lines counts is not a thing to leave to chance.

const NONE: readonly string[] = [];

export class HeaderLines {
  /** Name, value, name, value …; names in lower case. */
  #lines: readonly string[];

  /** `raw` alternates names and values, as `IncomingMessage.rawHeaders` does. */
  constructor(raw: readonly string[]) {
    const lines = raw.slice();
    for (let i = 0; i < lines.length; i += 2) lines[i] = (lines[i] ?? '').toLowerCase();
    this.#lines = lines;
  }

  /** Number of header lines. */
  get count(): number {
    return this.#lines.length / 2;
  }

  /** The value of the first line with this lower-case name. */
  first(name: string): string | undefined {
    const lines = this.#lines;
    for (let i = 0; i < lines.length; i += 2) if (lines[i] === name) return lines[i + 1];
    return undefined;
  }

  /** The value of the line with this lower-case name, if it came once. */
  only(name: string): string | undefined {
    const lines = this.#lines;
    let found: string | undefined;
    for (let i = 0; i < lines.length; i += 2) {
      if (lines[i] !== name) continue;
      if (found !== undefined) return undefined;
      found = lines[i + 1];
    }
    return found;
  }

  /** The values of all lines with this lower-case name, in order. */
  all(name: string): readonly string[] {
    const lines = this.#lines;
    const values: string[] = [];
    for (let i = 0; i < lines.length; i += 2) if (lines[i] === name) values.push(lines[i + 1] ?? '');
    return values;
  }

  /**
   * Lets go of all lines. An upgraded connection stays open for hours after the last who reads them, and a bearer token
   * is among them.
   */
  forget(): void {
    this.#lines = NONE;
  }

  /** Lower-case names, in order, repeated where a line is. */
  *names(): Generator<string> {
    for (let i = 0; i < this.#lines.length; i += 2) yield this.#lines[i] ?? '';
  }
}
