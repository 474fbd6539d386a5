// Recordings by the admin API: their segments come joined, and are told apart by what the manifest says of their sizes.

import type { SessionFilter, SessionId } from '../../core/operation.ts';
import type { RecordingSummary, StoredFile } from '../../core/recording-archive.ts';
import type { StoredSegment } from '../../replay/segments.ts';
import type { AdminClient } from '../admin/client.ts';
import { AdminError } from '../admin/client.ts';
import { field, list, text } from '../../kubectl/untrusted.ts';
import { isSessionId } from '../../core/operation.ts';
import { isWanted, toFiles, toFound, toManifestProblems, toSummary } from '../../record/archive/summary.ts';
import type { RecordingSource } from './source.ts';
import { toNamed, toStored } from './source.ts';
import { split } from './split.ts';

const RECORDINGS = '/apis/kubelet-gateway.io/v1alpha1/recordings';
const FILTERS = ['user', 'node', 'namespace', 'pod'] as const;

export function createAdminSource(client: AdminClient): RecordingSource {
  const get = async (id: SessionId): Promise<unknown> => {
    try {
      return await client.json({ path: `${RECORDINGS}/${id}` });
    } catch (error) {
      if (error instanceof AdminError && error.code === 404) return undefined;
      throw error;
    }
  };
  return {
    async list(filter) {
      const query = toQuery(filter);
      const answer = await client.json({ path: query === '' ? RECORDINGS : `${RECORDINGS}?${query}` });
      return list(field(answer, 'items'))
        .flatMap((item) => toItem(item) ?? [])
        .filter((summary) => isWanted(summary, filter));
    },
    async summary(id) {
      const answer = await get(id);
      return answer === undefined ? undefined : toItem(answer);
    },
    async *segments(id, onProblem) {
      const answer = await get(id);
      const manifest = toManifest(answer);
      for (const problem of toManifestProblems(manifest)) onProblem(problem);
      const named = toNamed(manifest);
      const files = toStoredFiles(answer, manifest);
      const there = files.filter(({ isMissing }) => isMissing === undefined);
      for (const file of files) if (file.isMissing === true) yield toStored(file, named, NOTHING);
      const parts = split(
        client.stream({ path: `${RECORDINGS}/${id}/cast` }),
        there.map(({ bytes }) => bytes),
      );
      let at = 0;
      for await (const bytes of parts) {
        const file = there[at];
        at += 1;
        yield file === undefined ? toTail(bytes, files[0]?.name ?? '') : toStored(file, named, bytes);
      }
    },
    close: () => client.close(),
  };
}

const NOTHING: AsyncIterable<Uint8Array> = ReadableStream.from([]);

/** What comes after the segments that the manifest names is of the one that was open. */
const toTail = (bytes: AsyncIterable<Uint8Array>, like: string): StoredSegment => ({
  name: `the last segment${like.endsWith('.age') ? '.age' : ''}`,
  bytes,
  sha256: undefined,
});

/** As they lie there. A gateway that does not say has them as the manifest says. */
function toStoredFiles(answer: unknown, manifest: string): readonly StoredFile[] {
  const stored = field(field(answer, 'status'), 'files');
  if (!Array.isArray(stored)) return toFiles(manifest);
  const sizes = new Map(list(stored).map((file) => [text(field(file, 'name')), field(file, 'bytes')]));
  return toFiles(manifest).map((file) => {
    const bytes = sizes.get(file.name);
    return toFound(file, typeof bytes === 'number' ? bytes : undefined);
  });
}

const toManifest = (answer: unknown): string =>
  list(field(field(answer, 'status'), 'manifest'))
    .map((line) => `${text(line)}\n`)
    .join('');

function toItem(item: unknown): RecordingSummary | undefined {
  const id = text(field(field(item, 'metadata'), 'name'));
  if (!isSessionId(id)) return undefined;
  const spec = field(item, 'spec');
  const status = field(item, 'status');
  // The words of a manifest are those of the API: it is read as one.
  const begin = { kind: 'Begin', startedAt: field(field(item, 'metadata'), 'creationTimestamp') };
  const end = { ...fieldsOf(status), kind: 'End' };
  const state = field(status, 'state');
  const hasEnd = state !== 'running' && state !== 'interrupted';
  const lines = [
    { ...begin, encrypted: field(status, 'encrypted'), kubeletGateway: spec },
    ...(hasEnd ? [end] : []),
  ];
  const manifest = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const [segments, bytes, missing] = ['segments', 'bytes', 'missing'].map((name) => field(status, name));
  const problem = field(status, 'problem');
  return {
    ...toSummary(id, manifest, state === 'running'),
    segments: typeof segments === 'number' ? segments : 0,
    bytes: typeof bytes === 'number' ? bytes : 0,
    ...(typeof missing === 'number' ? { missing } : {}),
    ...(typeof problem === 'string' ? { problem } : {}),
  };
}

const fieldsOf = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});

function toQuery(filter: SessionFilter): string {
  const query = new URLSearchParams();
  for (const name of FILTERS) {
    const value = filter[name];
    if (value !== undefined) query.set(name, value);
  }
  if (filter.sinceMs !== undefined) query.set('since', new Date(filter.sinceMs).toISOString());
  if (filter.untilMs !== undefined) query.set('until', new Date(filter.untilMs).toISOString());
  return query.toString();
}
