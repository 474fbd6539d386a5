// A Log that keeps what it is told.

import type { Log, LogFields } from '../../src/core/ports.ts';

export interface LogLine {
  readonly level: keyof Log;
  readonly fields: LogFields;
  readonly message: string;
}

export interface KeptLog extends Log {
  readonly lines: readonly LogLine[];
}

export function createKeptLog(): KeptLog {
  const lines: LogLine[] = [];
  const keep =
    (level: keyof Log) =>
    (fields: LogFields, message: string): void =>
      void lines.push({ level, fields, message });
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
}
