// Recordings by the admin API: their segments come joined, and are told apart by what the manifest says of their sizes.

import type { SessionFilter, SessionId } from '../../core/operation.ts';
import type { RecordingSummary } from '../../core/recording-archive.ts';
import type { StoredSegment } from '../../replay/segments.ts';
import type { AdminClient } from '../admin/client.ts';
import { AdminError } from '../admin/client.ts';
import { field, list, text } from '../../kubectl/untrusted.ts';
import { isSessionId } from '../../core/operation.ts';
import { isWanted, toFiles, toSummary } from '../../record/archive/summary.ts';
import type { RecordingSource } from './source.ts';
import { UNNAMED, toNamed } from './source.ts';
import type { Named } from './source.ts';
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
    async *segments(id) {
      const manifest = toManifest(await get(id));
      const files = toFiles(manifest);
      const named = toNamed(manifest);
      const parts = split(
        client.stream({ path: `${RECORDINGS}/${id}/cast` }),
        files.map(({ bytes }) => bytes),
      );
      let at = 0;
      for await (const bytes of parts) {
        const file = files[at];
        at += 1;
        yield file === undefined ? toTail(bytes, files[0]?.name ?? '') : toSegment(file.name, bytes, named);
      }
    },
    close: () => client.close(),
  };
}

const toSegment = (
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  named: ReadonlyMap<string, Named>,
): StoredSegment => ({ ...(named.get(name) ?? UNNAMED), name, bytes });

/** What comes after the segments that the manifest names is of the one that was open. */
const toTail = (bytes: AsyncIterable<Uint8Array>, like: string): StoredSegment => ({
  name: `the last segment${like.endsWith('.age') ? '.age' : ''}`,
  bytes,
  ...UNNAMED,
});

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
  const { segments, bytes } = { segments: field(status, 'segments'), bytes: field(status, 'bytes') };
  return {
    ...toSummary(id, manifest, state === 'running'),
    segments: typeof segments === 'number' ? segments : 0,
    bytes: typeof bytes === 'number' ? bytes : 0,
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
