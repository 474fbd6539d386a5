// What an exec or attach is given of its client, whichever protocol carries it; and how its outcome is told, in the words
// of a kubelet 1.36 and of containerd behind it.

import type { Readable, Writable } from 'node:stream';

export interface RemoteStreams {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  onResize(listener: (columns: number, rows: number) => void): void;
  /** Settles when the client is gone, or finish() is done. */
  readonly closed: Promise<void>;
  /** Waits until the outputs have ended, tells the outcome and closes the connection. */
  finish(outcome: Outcome): Promise<void>;
}

/** Which of the standard streams a request asks for. `stderr` is off with a terminal. */
export interface StreamFlags {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export type Outcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'exit'; readonly code: number; readonly command: readonly string[] }
  | { readonly kind: 'failure'; readonly message: string };

/** 1 to 3: text on failure only. 4 and 5: a JSON status, 5 as the kubelet's own translator words it. */
export type StatusVersion = 1 | 2 | 3 | 4 | 5;

const INTERNAL = 'Internal error occurred: ';

/** What is written on the error stream; undefined for nothing. */
export const toStatusText = (outcome: Outcome, version: StatusVersion): string | undefined => {
  switch (outcome.kind) {
    case 'success':
      return version < 4 ? undefined : goJson({ metadata: {}, status: 'Success' });
    case 'exit': {
      const words =
        version === 5
          ? `command terminated with exit code ${outcome.code}`
          : `error executing command [${outcome.command.join(' ')}], exit code ${outcome.code}`;
      const message = `command terminated with non-zero exit code: ${words}`;
      if (version < 4) return message;
      const details = { causes: [{ reason: 'ExitCode', message: String(outcome.code) }] };
      return goJson({ metadata: {}, status: 'Failure', message, reason: 'NonZeroExitCode', details });
    }
    case 'failure': {
      const cause = version === 5 ? `${INTERNAL}${outcome.message}` : outcome.message;
      const message = `${INTERNAL}${cause}`;
      if (version < 4) return message;
      const details = { causes: [{ message: cause }] };
      return goJson({
        metadata: {},
        status: 'Failure',
        message,
        reason: 'InternalError',
        details,
        code: 500,
      });
    }
  }
};

/** encoding/json escapes what could matter in HTML. */
const goJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Reads the terminal sizes that a client sends, one JSON object after the other, cut anywhere. */
export const createResizeParser = (
  listener: (columns: number, rows: number) => void,
): ((chunk: Buffer) => void) => {
  let text = '';
  return (chunk) => {
    text += chunk.toString('latin1');
    for (;;) {
      const end = text.indexOf('}');
      if (end < 0) return;
      const size = parseSize(text.slice(0, end + 1));
      text = text.slice(end + 1);
      if (size !== undefined) listener(size.columns, size.rows);
    }
  };
};

/** Go matches keys whatever their case. */
const parseSize = (text: string): { columns: number; rows: number } | undefined => {
  const numberOf = (key: string): number =>
    Number(new RegExp(`"${key}"\\s*:\\s*(\\d+)`, 'i').exec(text)?.[1]);
  const columns = numberOf('width');
  const rows = numberOf('height');
  return columns > 0 && rows > 0 && columns < 65_536 && rows < 65_536 ? { columns, rows } : undefined;
};
