// A recording in other forms: asciicast v2 (docs.asciinema.org/manual/asciicast/v2), which players of every age read, plain
// text as it was on the screen, and the bytes of the output as the container had them.

import type { Cast, CastHeader } from './cast.ts';
import { toInertJson, toInertJsonText } from '../terminal/inert.ts';
import { Screen } from './screen.ts';

/** Standard error is output there; what only the gateway's own tools know is left out. */
export async function* toAsciicastV2(cast: Cast): AsyncGenerator<string> {
  const { columns, rows, timestamp, title, command } = ofTerminal(cast);
  const header = {
    version: 2,
    width: columns,
    height: rows,
    timestamp,
    ...(command === undefined ? {} : { command }),
    title,
  };
  yield `${toInertJson(header)}\n`;
  for await (const event of cast.events) {
    const [code, data] =
      event.kind === 'output'
        ? ['o', event.text]
        : event.kind === 'input'
          ? ['i', event.text]
          : event.kind === 'resize'
            ? ['r', `${event.columns}x${event.rows}`]
            : event.kind === 'note'
              ? ['m', event.text]
              : [];
    if (code !== undefined) yield `${toInertJson([Math.round(event.atMs * 1000) / 1e6, code, data])}\n`;
  }
}

/** Lines of the main screen as they left it, and what is on the screen at the end; nothing in them acts on a terminal. */
export async function* toText(cast: Cast): AsyncGenerator<string> {
  if (cast.header.kind === 'portForward') {
    for await (const event of cast.events)
      if (event.kind === 'other') yield `${toInertJsonText(event.text)}\n`;
    return;
  }
  const screen = new Screen({ ...cast.header, bareLineFeeds: cast.header.tty === false });
  try {
    for await (const event of cast.events) {
      if (event.kind === 'resize') screen.resize(event.columns, event.rows);
      if (event.kind !== 'output') continue;
      for (const piece of Screen.pieces(event.text)) {
        await screen.write(piece);
        for (const line of screen.passed()) yield `${line.trimEnd()}\n`;
      }
    }
    const lines = screen.visible().map((line) => line.trimEnd());
    while (lines.at(-1) === '') lines.pop();
    for (const line of lines) yield `${line}\n`;
  } finally {
    screen.dispose();
  }
}

/** Standard output and standard error, in the order in which they came. */
export async function* toRaw(cast: Cast): AsyncGenerator<Buffer> {
  ofTerminal(cast);
  for await (const event of cast.events) if (event.kind === 'output') yield event.bytes;
}

function ofTerminal({ header }: Cast): CastHeader {
  if (header.kind === 'cast') return header;
  throw new Error('this is a port-forward: there is nothing on a screen; export it as text');
}
