// Writes a recording in another form, to standard output or to a file that is not there yet.

import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Cast } from '../../replay/cast.ts';
import { toAsciicastV2, toRaw, toText } from '../../replay/export.ts';
import { toInertJsonText } from '../../terminal/inert.ts';
import type { Terminal } from '../command.ts';
import { UsageError } from '../command.ts';

const FORMATS = ['asciicast-v3', 'asciicast-v2', 'text', 'raw'] as const;
export type Format = (typeof FORMATS)[number];

/** Throws a UsageError for a format that there is none of. */
export function toFormat(text: string = 'asciicast-v3'): Format {
  const format = FORMATS.find((known) => known === text);
  if (format === undefined) throw new UsageError(`--format: ${FORMATS.join(', ')}`);
  return format;
}

/**
 * Asciicast v3 is what is stored: its lines are handed on as they are, but for characters on which a terminal acts, which
 * become escapes of JSON. Throws a UsageError for raw output that would go to a terminal.
 */
export async function exportCast(
  from: AsyncIterable<Buffer> | Cast,
  format: Format,
  output: string | undefined,
  terminal: Terminal,
): Promise<void> {
  if (format === 'raw' && output === undefined && process.stdout.isTTY) {
    throw new UsageError(
      'raw output does to a terminal what the session said: give --output FILE, or a pipe',
    );
  }
  const pieces = 'header' in from ? convert(from, format) : joinLines(from);
  if (output === undefined) {
    for await (const piece of pieces) await print(piece, terminal);
    return;
  }
  const file = await open(resolve(output), 'wx', 0o600).catch((error: unknown) => {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new UsageError(
      isThere ? `--output: ${output} is there already` : `--output: ${output} cannot be written`,
    );
  });
  try {
    for await (const piece of pieces) await file.writeFile(piece);
  } finally {
    await file.close();
  }
}

async function* convert(cast: Cast, format: Format): AsyncGenerator<string | Buffer> {
  switch (format) {
    case 'asciicast-v2':
      yield* toAsciicastV2(cast);
      return;
    case 'text':
      yield* toText(cast);
      return;
    case 'raw':
      yield* toRaw(cast);
      return;
    case 'asciicast-v3':
      throw new TypeError('asciicast v3 needs no conversion');
  }
}

async function* joinLines(lines: AsyncIterable<Buffer>): AsyncGenerator<string> {
  for await (const line of lines) yield `${toInertJsonText(line.toString())}\n`;
}

/** As fast as the reader of standard output takes it. */
async function print(piece: string | Buffer, terminal: Terminal): Promise<void> {
  // Only raw output is not text.
  if (typeof piece === 'string') terminal.out(piece);
  else process.stdout.write(piece);
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
}
