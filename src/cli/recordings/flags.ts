// The flags of the recordings commands: which recordings, where from, and with which identity.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Namespace, NodeName, PodName } from '../../core/names.ts';
import type { SessionFilter } from '../../core/operation.ts';
import { loadConfiguration } from '../../config/load.ts';
import { parseDuration } from '../../config/schema/scalars.ts';
import { isNamespace, isNodeName, isPodName } from '../../core/names.ts';
import { systemClock } from '../../core/ports.ts';
import { createS3Store } from '../../object-store/s3.ts';
import { createDirectoryArchive } from '../../record/archive/directory-archive.ts';
import { createObjectArchive } from '../../record/archive/object-archive.ts';
import { createSpooledArchive } from '../../record/archive/spooled-archive.ts';
import { createAdminClient } from '../admin/client.ts';
import { CONNECTION_FLAGS, toConnection } from '../admin/connection.ts';
import type { Terminal } from '../command.ts';
import { UsageError } from '../command.ts';
import { printProblems } from '../problems.ts';
import { createAdminSource } from './admin-source.ts';
import { openIdentity } from './identity.ts';
import type { Reading, RecordingSource } from './source.ts';
import { createArchiveSource } from './source.ts';

const OPTIONS = {
  ...CONNECTION_FLAGS,
  directory: { type: 'string' },
  config: { type: 'string' },
  identity: { type: 'string' },
  user: { type: 'string' },
  node: { type: 'string' },
  namespace: { type: 'string' },
  pod: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  wide: { type: 'boolean' },
  speed: { type: 'string' },
  'idle-limit': { type: 'string' },
  format: { type: 'string' },
  output: { type: 'string' },
  'ignore-case': { type: 'boolean', short: 'i' },
} as const;

export const parseFlags = (args: readonly string[]) =>
  parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });

export type Flags = ReturnType<typeof parseFlags>['values'];

export const FILTER_FLAGS = ['user', 'node', 'namespace', 'pod', 'since', 'until'] as const;

/** Throws a UsageError for a flag of another command. */
export function refuseFlags(flags: Flags, names: readonly (keyof Flags)[], verb: string): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given !== undefined) throw new UsageError(`${verb} does not take --${given}`);
}

/** Times are RFC 3339, or durations before now. */
export function toFilter(flags: Flags, now: number): SessionFilter {
  const { user, node, namespace, pod } = flags;
  const sinceMs = toTime('since', flags.since, now);
  const untilMs = toTime('until', flags.until, now);
  return {
    ...(user === undefined ? {} : { user }),
    ...toName<NodeName, 'node'>('node', node, isNodeName),
    ...toName<Namespace, 'namespace'>('namespace', namespace, isNamespace),
    ...toName<PodName, 'pod'>('pod', pod, isPodName),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

function toName<Name extends string, Key extends string>(
  flag: Key,
  text: string | undefined,
  isName: (text: string) => text is Name,
): { readonly [K in Key]?: Name } {
  const result: { [K in Key]?: Name } = {};
  if (text === undefined) return result;
  if (!isName(text)) throw new UsageError(`--${flag}: there can be no ${flag} of this name`);
  result[flag] = text;
  return result;
}

function toTime(flag: string, text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return now - agoMs;
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new UsageError(`--${flag}: a time such as 2026-11-24T08:00:00Z, or 2h ago as "2h"`);
  return at;
}

/** Rejects with a UsageError when the flags name no source or more than one. */
export async function openReading(flags: Flags, terminal: Terminal): Promise<Reading> {
  const source = await openSource(flags, terminal);
  return { source, decrypt: await openIdentity(flags.identity) };
}

async function openSource(flags: Flags, terminal: Terminal): Promise<RecordingSource> {
  const { directory, config, server, kubeconfig } = flags;
  const named = [directory, config, server, kubeconfig].filter((value) => value !== undefined);
  if (named.length !== 1) {
    throw new UsageError('where from? One of --directory, --config, --server and --kubeconfig');
  }
  if (directory !== undefined) {
    return createArchiveSource(createDirectoryArchive({ clock: systemClock }, resolve(directory)));
  }
  if (config !== undefined) return openConfigured(config, terminal);
  return createAdminSource(createAdminClient(await toConnection(flags)));
}

/** What a configuration names; of an S3 store with what still waits for it here. */
async function openConfigured(file: string, terminal: Terminal): Promise<RecordingSource> {
  const loaded = await loadConfiguration(file);
  if (!loaded.ok) {
    printProblems(loaded, (text) => terminal.err(text));
    throw new UsageError(`${file}: the configuration is not usable`);
  }
  const { recording } = loaded.configuration;
  if (recording === undefined) throw new UsageError(`${file}: nothing is recorded by this configuration`);
  const clock = systemClock;
  const isSpool = recording.s3 !== undefined;
  const local = createDirectoryArchive({ clock, isSpool }, recording.directory);
  if (recording.s3 === undefined) return createArchiveSource(local);
  const objects = createS3Store(recording.s3);
  const archive = createSpooledArchive(local, createObjectArchive({ clock, objects }, recording.s3.prefix));
  return { ...createArchiveSource(archive), close: () => objects.close() };
}
