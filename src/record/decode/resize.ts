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
      rest = rest.trimStart();
      const end = rest.indexOf('}');
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

function parseSize(text: string): { readonly columns: number; readonly rows: number } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  let columns = 0;
  let rows = 0;
  for (const [key, number] of Object.entries(value)) {
    const name = key.toLowerCase();
    if (name !== 'width' && name !== 'height') continue;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > MAX_SIZE) {
      return undefined;
    }
    if (name === 'width') columns = number;
    else rows = number;
  }
  return { columns, rows };
}
