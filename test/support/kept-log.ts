// A Log that keeps what it is told.

import type { Log, LogFields, TextLog } from '../../src/core/ports.ts';

export interface LogLine {
  readonly level: keyof Log;
  readonly fields: LogFields;
  readonly message: string;
}

export interface KeptLog extends TextLog {
  readonly lines: readonly LogLine[];
}

export function createKeptLog(): KeptLog {
  const lines: LogLine[] = [];
  const keep =
    (level: keyof Log) =>
    (fields: LogFields, message: string): void =>
      void lines.push({ level, fields, message });
  const info = keep('info');
  return {
    lines,
    debug: keep('debug'),
    info,
    warn: keep('warn'),
    error: keep('error'),
    infoText: (members, message) => {
      const fields: unknown = JSON.parse(`{${members.slice(1)}}`);
      info(Object.fromEntries(Object.entries(fields ?? {})), message);
    },
  };
}
