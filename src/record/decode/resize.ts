// The resize stream of a terminal: JSON objects `{"Width":80,"Height":24}` one after the other, cut anywhere
// (remotecommand.TerminalSize). Keys are matched in any case, as Go's decoder does; what is no size ends the reading
// there and here.

import type { SessionEvent } from './session-event.ts';

const MAX_TEXT = 1024;
const MAX_SIZE = 65_535;

export class ResizeParser {
  #text = '';
  #dead = false;

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
    if (rest.length > MAX_TEXT) this.#kill();
    else this.#text = rest;
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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  // Go's decoder leaves the size as it is then: at nothing.
  if (value === null) return { columns: 0, rows: 0 };
  if (typeof value !== 'object') return undefined;
  let columns = 0;
  let rows = 0;
  for (const [key, number] of Object.entries(value)) {
    const name = key.toLowerCase();
    if (name !== 'width' && name !== 'height') continue;
    if (number === null) continue;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > MAX_SIZE) {
      return undefined;
    }
    if (name === 'width') columns = number;
    else rows = number;
  }
  return { columns, rows };
}
