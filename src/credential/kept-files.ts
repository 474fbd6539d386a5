// A value that is read from files and read again when they change. The last good one stays in use while what lies in the
// files is not usable: halfway through a rotation, certificate and key differ.

import { statSync } from 'node:fs';
import type { Clock, Log, LogFields } from '../core/ports.ts';

export interface KeptFiles<Value> {
  /** The last good value, after a look at the files if one is due. */
  current(checkIntervalMs: number): Value | undefined;
  /** What was wrong at the last look; undefined when nothing was. */
  problem(): unknown;
}

export interface KeptFilesDependencies {
  readonly log: Log;
  readonly clock: Clock;
  /** Told whether the files hold a usable value, when that changes and at first. */
  readonly onState: (usable: boolean) => void;
}

export interface KeptFilesOptions<Value> {
  readonly files: readonly string[];
  /** Throws when what is in the files is not usable. */
  readonly read: () => Value;
  /** Differs when the value does. */
  readonly identify: (value: Value) => string;
  readonly fields: LogFields;
}

export function createKeptFiles<Value>(
  { log, clock, onState }: KeptFilesDependencies,
  { files, read, identify, fields }: KeptFilesOptions<Value>,
): KeptFiles<Value> {
  let kept: { readonly value: Value } | undefined;
  /** Of the files that `kept` was read from. */
  let version: string | undefined;
  let checkedAt = -Infinity;
  let problem: Error | undefined;

  const succeed = (): void => {
    if (problem !== undefined) log.info(fields, 'the credential is usable again');
    if (problem !== undefined || version === undefined) onState(true);
    problem = undefined;
  };
  const fail = (error: Error): void => {
    if (problem?.message !== error.message) {
      const last = kept === undefined ? 'there is none to use' : 'the last good one stays in use';
      log.error({ ...fields, error }, `the credential cannot be read; ${last}`);
    }
    if (problem === undefined) onState(false);
    problem = error;
  };
  const look = (): void => {
    try {
      const found = readVersion(files);
      if (found !== version) {
        // The version is taken before the content: a file that is replaced in between is read once more.
        const value = read();
        if (kept !== undefined && identify(value) !== identify(kept.value)) {
          log.info(fields, 'the credential was replaced');
        }
        succeed();
        kept = { value };
        version = found;
      } else succeed();
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return {
    current: (checkIntervalMs) => {
      const now = clock.now();
      // A clock that was set back does not put off the next look.
      if (now - checkedAt >= checkIntervalMs || now < checkedAt) {
        checkedAt = now;
        look();
      }
      return kept?.value;
    },
    problem: () => problem,
  };
}

/** Changes when a file was replaced or rewritten. Throws when one is missing. */
const readVersion = (files: readonly string[]): string =>
  files
    .map((file) => {
      const { dev, ino, mtimeMs, size } = statSync(file);
      return `${dev} ${ino} ${mtimeMs} ${size}`;
    })
    .join(' ');
