// The error stream of exec and attach: from v4 on one JSON metav1.Status, before that a text on failure only
// (cri-streaming remotecommand; KEP-4006). Bounded: a node may say what it likes.

import type { SessionEvent } from './session-event.ts';

const MAX_BYTES = 65_536;

type StatusEvent = Extract<SessionEvent, { kind: 'status' }>;

export interface StatusOptions {
  readonly version: 1 | 2 | 3 | 4 | 5;
  /** An attach ends with Success whatever the container's exit code is. */
  readonly reportsExit: boolean;
}

/** Collects what is said on the error stream until it is complete. */
export class StatusCollector {
  readonly #options: StatusOptions;
  #chunks: Buffer[] = [];
  #length = 0;
  #told = false;

  constructor(options: StatusOptions) {
    this.#options = options;
  }

  /** A command has an end of its own, and from v4 on it is always told; nobody acts on how an attach ends. */
  get isOwed(): boolean {
    const { version, reportsExit } = this.#options;
    return reportsExit && version >= 4 && !this.#told && this.#length === 0;
  }

  push(data: Buffer): void {
    if (data.length === 0 || this.#length >= MAX_BYTES) return;
    const piece = Buffer.from(data.subarray(0, MAX_BYTES - this.#length));
    this.#chunks.push(piece);
    this.#length += piece.length;
  }

  /**
   * The status, once. `orderly`: the node ended the stream, so that saying nothing means success before v4.
   * Undefined when nothing is known.
   */
  finish(orderly: boolean): StatusEvent | undefined {
    if (this.#told) return undefined;
    const { version, reportsExit } = this.#options;
    const text = Buffer.concat(this.#chunks).toString('utf8');
    if (text === '' && !(orderly && version < 4)) return undefined;
    this.#told = true;
    this.#chunks = [];
    const code = version < 4 ? parseText(text) : parseStatus(text);
    return { kind: 'status', text, exitCode: reportsExit ? code : undefined };
  }
}

const parseText = (text: string): number | undefined => {
  if (text === '') return 0;
  const [, digits] = /exit code (\d{1,3})\s*$/.exec(text) ?? [];
  return digits === undefined ? undefined : toCode(digits);
};

const toCode = (digits: string): number | undefined =>
  /^\d{1,3}$/.test(digits) && Number(digits) <= 255 ? Number(digits) : undefined;

function parseStatus(text: string): number | undefined {
  const status = parseJson(text);
  const outcome = property(status, 'status');
  if (outcome === 'Success') return 0;
  if (outcome !== 'Failure' || property(status, 'reason') !== 'NonZeroExitCode') return undefined;
  const causes = property(property(status, 'details'), 'causes');
  if (!Array.isArray(causes)) return undefined;
  const cause: unknown = causes.find((one: unknown) => property(one, 'reason') === 'ExitCode');
  const message = property(cause, 'message');
  return typeof message === 'string' ? toCode(message) : undefined;
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const property = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;

/** What ends a session in the words of its own protocol: a metav1.Status from v4 on. */
export const toFailure = (message: string, version: StatusOptions['version']): string =>
  version < 4
    ? message
    : JSON.stringify({ metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 });
