// The resize stream of a terminal: JSON objects `{"Width":80,"Height":24}` one after the other, cut anywhere
// (remotecommand.TerminalSize, two uint16). Read as Go's decoder does: keys in any case, the last of several counts, and
// what is no size (a fraction, an exponent, a sign, a text) ends the reading there and here.

import { ambiguous } from './ambiguous.ts';
import type { SessionEvent } from './session-event.ts';

const MAX_TEXT = 1024;
const MAX_SIZE = 65_535;

export class ResizeParser {
  readonly #strict: boolean;
  #text = '';
  #dead = false;

  constructor({ strict }: { readonly strict: boolean }) {
    this.#strict = strict;
  }

  /** Throws a Fault where the rule is strict and a size is longer than any: a server would read on. */
  push(data: Buffer, emit: (event: SessionEvent) => void): void {
    if (this.#dead) return;
    let rest = this.#text + data.toString('latin1');
    for (;;) {
      rest = rest.replace(/^[ \t\r\n]+/, '');
      const end = findEnd(rest);
      if (end < 0) break;
      const size = parseSize(rest.slice(0, end + 1));
      if (size === undefined) {
        this.#kill();
        return;
      }
      rest = rest.slice(end + 1);
      if (size.columns > 0 && size.rows > 0) emit({ kind: 'resize', ...size });
    }
    this.#text = rest;
    if (rest.length <= MAX_TEXT) return;
    this.#kill();
    if (this.#strict) throw ambiguous(`a terminal size of more than ${MAX_TEXT} bytes`);
  }

  #kill(): void {
    this.#dead = true;
    this.#text = '';
  }
}

/** The last character of the first value, an object or `null`; or the first of what is neither. Negative: it is not there yet. */
function findEnd(text: string): number {
  if (!text.startsWith('{'))
    return text.length < 4 && 'null'.startsWith(text) ? -1 : Math.min(3, text.length - 1);
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}"]/gs)) {
    if (token === '{') depth += 1;
    // A string without an end.
    if (token === '"') return -1;
    if (token !== '}') continue;
    depth -= 1;
    if (depth === 0) return index;
  }
  return -1;
}

function parseSize(text: string): { readonly columns: number; readonly rows: number } | undefined {
  try {
    // Go's decoder leaves the size as it is then: at nothing.
    if (JSON.parse(text) === null) return { columns: 0, rows: 0 };
  } catch {
    return undefined;
  }
  if (!text.startsWith('{')) return undefined;
  const size = { width: 0, height: 0 };
  for (const { name, value } of membersOf(text)) {
    if ((name !== 'width' && name !== 'height') || value === 'null') continue;
    if (!/^\d+$/.test(value) || Number(value) > MAX_SIZE) return undefined;
    size[name] = Number(value);
  }
  return { columns: size.width, rows: size.height };
}

/** The members of an object, whose JSON is valid, as they are written: of each value its first token. */
function* membersOf(text: string): Generator<{ readonly name: string; readonly value: string }> {
  let depth = 0;
  let before = '';
  let name: string | undefined;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs)) {
    if (depth === 1 && before === ':' && name !== undefined) yield { name, value: token };
    if (depth === 1 && (before === '{' || before === ',') && token.startsWith('"')) {
      name = String(JSON.parse(token)).toLowerCase();
    }
    if (token === '{' || token === '[') depth += 1;
    if (token === '}' || token === ']') depth -= 1;
    before = token;
  }
}
