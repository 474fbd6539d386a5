// The resource recordings: which there are, the manifest of one, its segments joined, its deletion. Encrypted ones are
// handed out as they are stored: the gateway cannot read them.

import type { SessionFilter, SessionId, View } from '../core/operation.ts';
import type { Clock } from '../core/ports.ts';
import type { RecordingArchive, RecordingSummary, StoredFile } from '../core/recording-archive.ts';
import { Fault } from '../core/fault.ts';
import { toStateWords } from '../core/recording-archive.ts';
import { toHumanDuration } from '../kubectl/human-duration.ts';
import type { Document, OwnObject, Shape } from './objects.ts';
import { toDoneDocument, toListDocument, toOneDocument } from './objects.ts';

const SHAPE: Shape = {
  kind: 'Recording',
  columns: [
    ['ID', 0, 'Audit id of the session.'],
    ['User', 0, 'Who worked in it.'],
    ['Node', 0, 'Node on which it ran.'],
    ['Pod', 0, 'Namespace and name of the pod.'],
    ['Action', 0, 'exec, attach, portForward or run.'],
    ['State', 0, 'complete, incomplete, failed, running or interrupted.'],
    ['Age', 0, 'Time since it began.'],
    ['Bytes', 0, 'Stored bytes.'],
    ['Exit', 1, 'Exit code of the command.'],
    ['Container', 1, 'The container.'],
    ['Encrypted', 1, 'Whether it is encrypted.'],
    ['Problem', 1, 'Why it is not whole.'],
  ],
};

export interface OpenRecording {
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface RecordingServer {
  list(filter: SessionFilter, view: View, signal: AbortSignal): Promise<Document>;
  /** As an object, the lines of its manifest in `status.manifest`. */
  get(id: SessionId, view: View, signal: AbortSignal): Promise<Document>;
  read(id: SessionId, signal: AbortSignal): Promise<OpenRecording>;
  delete(id: SessionId, by: string, signal: AbortSignal): Promise<Document>;
}

/** Without an archive there are none. The functions reject with NotFound. */
export function createRecordingServer({
  archive,
  clock,
}: {
  readonly archive: RecordingArchive | undefined;
  readonly clock: Clock;
}): RecordingServer {
  const find = async (id: SessionId, signal: AbortSignal): Promise<[RecordingArchive, RecordingSummary]> => {
    const summary = await archive?.summary(id, signal);
    if (archive === undefined || summary === undefined) throw notFound(id);
    return [archive, summary];
  };
  return {
    list: async (filter, view, signal) => {
      const found = (await archive?.list(filter, signal)) ?? [];
      return toListDocument(
        SHAPE,
        found.map((summary) => toOwnObject(summary, clock.now())),
        view,
      );
    },
    get: async (id, view, signal) => {
      const [stored, summary] = await find(id, signal);
      const text = (await stored.manifest(id, signal)) ?? '';
      const object = toOwnObject(summary, clock.now());
      const manifest = text.split('\n').filter((line) => line !== '');
      const files = toStoredFiles(await stored.files(id, signal));
      return toOneDocument(SHAPE, { ...object, status: { ...object.status, manifest, files } }, view);
    },
    read: async (id, signal) => {
      const [stored, summary] = await find(id, signal);
      const contentType = summary.encrypted ? 'application/octet-stream' : 'application/x-asciicast';
      return { contentType, body: join(stored, id, signal) };
    },
    delete: async (id, by, signal) => {
      if ((await archive?.delete(id, `deleted by ${by}`, signal)) !== true) throw notFound(id);
      return toDoneDocument('recordings', id);
    },
  };
}

async function* join(
  archive: RecordingArchive,
  id: SessionId,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const file of await archive.files(id, signal)) {
    if (file.isMissing === undefined) yield* archive.read(id, file, signal);
  }
}

/** Of the segments that the manifest names, those that are there, with the bytes that `cast` has of each. */
const toStoredFiles = (files: readonly StoredFile[]): readonly Pick<StoredFile, 'name' | 'bytes'>[] =>
  files
    .filter(({ proven, isMissing }) => proven && isMissing === undefined)
    .map(({ name, bytes }) => ({ name, bytes }));

const notFound = (id: SessionId): Fault =>
  new Fault('NotFound', `recordings.kubelet-gateway.io "${id}" not found`, {
    details: { kind: 'recordings', name: id },
  });

function toOwnObject(summary: RecordingSummary, now: number): OwnObject {
  const { id, startedAt, endedAt, state, encrypted, reason, problem, exitCode, ...rest } = summary;
  const { segments, bytes, missing, ...spec } = rest;
  const startedMs = Date.parse(startedAt);
  return {
    name: id,
    createdAt: startedAt,
    spec,
    status: { state, encrypted, endedAt, reason, problem, exitCode, segments, bytes, missing },
    cells: [
      id,
      spec.user,
      spec.node,
      `${spec.namespace}/${spec.pod}`,
      spec.action,
      toStateWords(summary),
      Number.isNaN(startedMs) ? '<unknown>' : toHumanDuration(now - startedMs),
      String(bytes),
      exitCode === undefined ? '' : String(exitCode),
      spec.container ?? '',
      encrypted ? 'yes' : 'no',
      problem ?? '',
    ],
  };
}
