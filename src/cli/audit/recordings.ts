// Where `audit verify` finds recordings: in a directory, or where a configuration says, an S3 store and what still waits
// for it in the spool of this host.

import { resolve } from 'node:path';
import type { S3Settings } from '../../core/recording-store.ts';
import type { PatientReads } from '../../object-store/patient-reads.ts';
import type { RecordedSource } from '../../chain/verify/recorded.ts';
import { createDirectorySource, isOwnName, isRecordingId } from '../../chain/verify/recorded.ts';
import { loadConfiguration } from '../../config/load.ts';
import { systemClock } from '../../core/ports.ts';
import { createPatientReads } from '../../object-store/patient-reads.ts';
import { createS3Store } from '../../object-store/s3.ts';
import { MANIFEST_NAME } from '../../record/manifest.ts';
import {
  toEntriesPrefix,
  toManifestKey,
  toSegmentKey,
  toTombstoneKey,
} from '../../record/store/object-keys.ts';
import type { Terminal } from '../command.ts';
import { UsageError } from '../command.ts';
import { printProblems } from '../problems.ts';

export interface OpenSource {
  readonly source: RecordedSource | undefined;
  close(): void;
}

/** Rejects with a UsageError. Without either there is no source. */
export async function openRecorded(
  { recordings, config }: { readonly recordings?: string | undefined; readonly config?: string | undefined },
  terminal: Terminal,
): Promise<OpenSource> {
  const nothing = (): void => undefined;
  if (recordings !== undefined && config !== undefined) {
    throw new UsageError('--recordings or --config: recordings are looked for in one place');
  }
  if (recordings !== undefined) {
    return { source: createDirectorySource(resolve(recordings)), close: nothing };
  }
  if (config === undefined) return { source: undefined, close: nothing };
  const loaded = await loadConfiguration(config);
  if (!loaded.ok) {
    printProblems(loaded, (text) => terminal.err(text));
    throw new UsageError(`${config}: the configuration is not usable`);
  }
  const { recording } = loaded.configuration;
  if (recording === undefined) throw new UsageError(`${config}: nothing is recorded by this configuration`);
  const { directory, s3 } = recording;
  if (s3 === undefined) return { source: createDirectorySource(directory), close: nothing };
  const objects = createS3Store(s3);
  const spool = createDirectorySource(directory, { mustExist: false });
  const store = createObjectSource(createPatientReads(objects, systemClock), s3);
  return { source: joinSources(spool, store), close: () => objects.close() };
}

function createObjectSource(
  objects: PatientReads,
  { bucket, prefix }: Pick<S3Settings, 'bucket' | 'prefix'>,
): RecordedSource {
  return {
    async *names() {
      for await (const name of objects.folders(prefix)) {
        if (!isOwnName(name)) yield { name, isRecording: isRecordingId(name) };
      }
    },
    async open(id, file) {
      if (file !== MANIFEST_NAME) return objects.get(toSegmentKey(prefix, id, file));
      const whole = await objects.get(toManifestKey(prefix, id));
      return whole ?? joinEntries(objects, toEntriesPrefix(prefix, id));
    },
    hasTombstone: (id) => hasAny(objects, toTombstoneKey(prefix, id)),
    nameOf: (id, file) =>
      `s3://${bucket}/${prefix}${[id, file].filter((part) => part !== undefined).join('/')}`,
  };
}

/** Of a recording that has no end yet the manifest's lines are an object each. Undefined: there is none. */
async function joinEntries(
  objects: PatientReads,
  prefix: string,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if (!(await hasAny(objects, prefix))) return undefined;
  return (async function* () {
    for await (const { key } of objects.list(prefix)) {
      const chunks = await objects.get(key);
      if (chunks !== undefined) yield* chunks;
    }
  })();
}

async function hasAny(objects: PatientReads, prefix: string): Promise<boolean> {
  for await (const { key } of objects.list(prefix)) return key !== '';
  return false;
}

/** What is in the spool comes first: there the manifest is the newest, and a segment is in one of both. */
const joinSources = (spool: RecordedSource, store: RecordedSource): RecordedSource => ({
  async *names() {
    const waiting = new Set<string>();
    for await (const entry of spool.names()) {
      waiting.add(entry.name);
      yield entry;
    }
    for await (const entry of store.names()) if (!waiting.has(entry.name)) yield entry;
  },
  open: async (id, file) => (await spool.open(id, file)) ?? store.open(id, file),
  hasTombstone: async (id) => (await store.hasTombstone(id)) || spool.hasTombstone(id),
  nameOf: (id, file) => store.nameOf(id, file),
});
