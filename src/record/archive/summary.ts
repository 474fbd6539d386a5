// What a manifest says of its recording. A manifest may be old, cut, or somebody else's: nothing in it is taken for granted,
// and what it does not say is empty.

import type { SessionFilter, SessionId } from '../../core/operation.ts';
import type { RecordingPoint } from '../../core/recording-mark.ts';
import type { RecordingSummary, StoredFile, StoredState } from '../../core/recording-archive.ts';
import { RECORDING_STATES } from '../../core/recording.ts';
import { NO_PREVIOUS, digestOf } from '../manifest.ts';
import { isSegmentName } from '../segment-name.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The lines that are whole: what is after the last line end was torn by the death of a gateway. */
const toWholeLines = (manifest: string): readonly string[] => manifest.split('\n').slice(0, -1);

/** `isRunning`: a session of this process writes it. */
export function toSummary(id: SessionId, manifest: string, isRunning: boolean): RecordingSummary {
  const entries = toWholeLines(manifest).map(toFields);
  const begin = entries.find(({ kind }) => kind === 'Begin') ?? {};
  const end = entries.find(({ kind }) => kind === 'End');
  const segments = toNamedFiles(entries);
  const subject = isFields(begin['kubeletGateway']) ? begin['kubeletGateway'] : {};
  const { exitCode } = end ?? {};
  return {
    id,
    state: toState(end, isRunning),
    encrypted: begin['encrypted'] === true,
    startedAt: toText(begin['startedAt']) ?? '',
    ...optional('endedAt', end?.['endedAt']),
    user: toText(subject['user']) ?? '',
    node: toText(subject['node']) ?? '',
    action: toText(subject['action']) ?? '',
    namespace: toText(subject['namespace']) ?? '',
    pod: toText(subject['pod']) ?? '',
    ...optional('container', subject['container']),
    ...optional('reason', end?.['reason']),
    ...optional('problem', end?.['problem']),
    ...(typeof exitCode === 'number' ? { exitCode } : {}),
    segments: segments.length,
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** The segments that it names, in its order. Names that could lead elsewhere are left out. */
export const toFiles = (manifest: string): readonly NamedFile[] =>
  toNamedFiles(toWholeLines(manifest).map(toFields));

const toNamedFiles = (entries: readonly Fields[]): readonly NamedFile[] =>
  entries.flatMap(({ kind, file, bytes, sha256, cut }) =>
    kind === 'Segment' && typeof file === 'string' && isSegmentName(file)
      ? [
          {
            name: file,
            bytes: Number.isSafeInteger(bytes) ? Math.max(0, Number(bytes)) : 0,
            proven: true,
            sha256: typeof sha256 === 'string' ? sha256 : undefined,
            isCut: cut === true,
          },
        ]
      : [],
  );

/** What a manifest says of a segment. */
export interface NamedFile extends StoredFile {
  readonly sha256: string | undefined;
  /** It was open when its gateway died. */
  readonly isCut: boolean;
}

/** `bytes`: of what is there in its place. Undefined: nothing is. */
export function toFound({ name, bytes: named }: StoredFile, bytes: number | undefined): StoredFile {
  if (bytes === undefined) return { name, bytes: 0, proven: true, problem: 'is missing', isMissing: true };
  return {
    name,
    bytes,
    proven: true,
    ...(bytes === named
      ? {}
      : { problem: `is not what the manifest says: it has ${bytes} bytes, not ${named}` }),
  };
}

/** What a manifest shows of what was done to it, in words. Whoever makes all of it anew is found by the audit log alone. */
export function toManifestProblems(manifest: string): readonly string[] {
  const numbers = toFiles(manifest).map(({ name }) => Number(name.slice(0, name.indexOf('.'))));
  const gap = numbers.findIndex((number, at) => number !== at + 1);
  return [
    ...(hasLinks(manifest)
      ? []
      : ['its manifest has lines that do not follow from each other: one was changed, added or taken out']),
    ...(gap < 0 ? [] : [`its manifest names segment ${numbers[gap] ?? 0} where segment ${gap + 1} would be`]),
  ];
}

/** Of the last whole line, which stands for all before it. */
export const lastDigest = (manifest: string): string => {
  const last = toWholeLines(manifest).at(-1);
  return last === undefined ? NO_PREVIOUS : digestOf(last);
};

/** Whether its whole lines name each other. Whoever makes all of them anew is not found by that. */
export function hasLinks(manifest: string): boolean {
  let previous = NO_PREVIOUS;
  for (const line of toWholeLines(manifest)) {
    if (toFields(line)['previous'] !== previous) return false;
    previous = digestOf(line);
  }
  return true;
}

/** Points of which the audit log may have been told last: a crash can take the end of the log as well. */
const MAX_PASSED = 16;

/** Where the manifest says that the audit log was told of it, from its beginning on. None where its lines do not name each other. */
export function toPassed(manifest: string): readonly RecordingPoint[] {
  const lines = toWholeLines(manifest);
  if (lines.length === 0 || !hasLinks(manifest)) return [];
  const entries = lines.map(toFields);
  /** The line that names so many segments; the first line names none. */
  const naming = [0, ...entries.flatMap(({ kind }, line) => (kind === 'Segment' ? [line] : []))];
  const reached = entries.flatMap(({ reached: segments }) =>
    typeof segments === 'number' && segments > 0 && naming[segments] !== undefined ? [segments] : [],
  );
  return [0, ...reached.slice(-MAX_PASSED)].map((segments) => ({
    manifest: digestOf(lines[naming[segments] ?? 0] ?? ''),
    segments,
  }));
}

/** One that cannot be read is listed as such: it neither hides the others nor itself. `why`: the end of a sentence. */
export const toUnreadable = (id: SessionId, why: string): RecordingSummary => ({
  ...toSummary(id, '', false),
  problem: `its manifest ${why}`,
});

export function isWanted(summary: RecordingSummary, filter: SessionFilter): boolean {
  const { user, node, namespace, pod, sinceMs, untilMs } = filter;
  const startedMs = Date.parse(summary.startedAt);
  return (
    (user === undefined || summary.user === user) &&
    (node === undefined || summary.node === node) &&
    (namespace === undefined || summary.namespace === namespace) &&
    (pod === undefined || summary.pod === pod) &&
    (sinceMs === undefined || startedMs >= sinceMs) &&
    (untilMs === undefined || startedMs < untilMs)
  );
}

/** The newest first; those that do not say when they began come last. */
export const byNewest = (a: RecordingSummary, b: RecordingSummary): number =>
  b.startedAt.localeCompare(a.startedAt) || a.id.localeCompare(b.id);

function toState(end: Fields | undefined, isRunning: boolean): StoredState {
  if (end === undefined) return isRunning ? 'running' : 'interrupted';
  return RECORDING_STATES.find((state) => state === end['state']) ?? 'incomplete';
}

function toFields(line: string): Fields {
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

const toText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const optional = <Name extends string>(name: Name, value: unknown): { readonly [Key in Name]?: string } => {
  const result: { [Key in Name]?: string } = {};
  if (typeof value === 'string') result[name] = value;
  return result;
};
