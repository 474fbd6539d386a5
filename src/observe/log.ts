// The log: pino's JSON lines on standard output, behind the Log port. Fields `time` (RFC 3339, UTC), `level` (a word)
// and `msg`, then what the caller gives. Errors are printed with their causes, secrets never.

import { pino } from 'pino';
import type { LogLevel } from '../core/configuration.ts';
import type { LogFields, TextLog } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';
import { createGatheredLines } from './gathered-lines.ts';
import { redactText } from './redact.ts';
import { createTimeText } from './time-text.ts';

/** Where lines go: a stream, or anything that takes text. */
export interface LogDestination {
  write(text: string, isUrgent: boolean): unknown;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Default: the process's standard output, with lines below `warn` a few milliseconds late. */
  readonly destination?: LogDestination | undefined;
}

export interface GatewayLog extends TextLog {
  /** From the next line on. */
  setLevel(level: LogLevel): void;
}

export function createLog({ level, destination }: LogOptions): GatewayLog {
  const output = destination === undefined ? createStandardOutput() : destination;
  let isUrgent = true;
  const timeText = createTimeText();
  const toTime = (): string => `,"time":"${timeText(Date.now())}Z"`;
  const logger = pino(
    {
      level,
      base: null,
      timestamp: toTime,
      // Errors are taken apart here, whatever their field is called.
      serializers: { err: (value: unknown) => value },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => output.write(redactText(line), isUrgent) },
  );
  const write = (at: LogLevel) => (fields: LogFields, message: string) => {
    if (!logger.isLevelEnabled(at)) return;
    isUrgent = at === 'warn' || at === 'error';
    logger[at](toPrintable(fields), message);
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    infoText: (members, message) => {
      if (!logger.isLevelEnabled('info')) return;
      output.write(redactText(`{"level":"info"${toTime()}${members},"msg":"${message}"}\n`), false);
    },
    setLevel: (next) => {
      logger.level = next;
    },
  };
}

const createStandardOutput = () =>
  createGatheredLines(process.stdout, (flush) => {
    process.once('exit', flush);
  });

/** Errors lose their text in JSON unless they are taken apart. Fields without one are printed as they are. */
function toPrintable(fields: LogFields): LogFields {
  for (const key in fields) if (fields[key] instanceof Error) return withoutErrors(fields);
  return fields;
}

function withoutErrors(fields: LogFields): LogFields {
  const printable: Record<string, unknown> = {};
  for (const key in fields) {
    const value = fields[key];
    printable[key] = value instanceof Error ? describeError(value) : value;
  }
  return printable;
}

interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** Deep enough for any honest chain, and an end for one that runs in a circle. */
const MAX_DEPTH = 8;

/** An error and its causes. A Fault was foreseen and needs no stack; of other errors only the outermost is traced. */
function describeError(error: Error, depth = 0): ErrorDescription {
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    code: 'code' in error && typeof error.code === 'string' ? error.code : undefined,
    stack: depth === 0 && !(error instanceof Fault) ? stack : undefined,
    ...(cause === undefined ? {} : { cause: describeCause(cause, depth + 1) }),
    ...(error instanceof AggregateError
      ? { errors: error.errors.map((inner: unknown) => describeCause(inner, depth + 1)) }
      : {}),
  };
}

function describeCause(cause: unknown, depth: number): unknown {
  if (depth >= MAX_DEPTH) return '…';
  return cause instanceof Error ? describeError(cause, depth) : cause;
}
