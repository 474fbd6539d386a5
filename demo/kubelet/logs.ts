// GET /containerLogs/{namespace}/{pod}/{container}: query, refusals and filters in the order and words of a kubelet 1.36
// (pkg/kubelet/server/server.go, k8s.io/cri-client/pkg/logs): the tail first, then the time, then the byte limit.

import { Readable } from 'node:stream';
import type { Answer } from './answer.ts';
import { text } from './answer.ts';
import type { LogEntry } from './container-log.ts';
import type { Container, PodSandbox } from './containers.ts';
import type { Target } from './target.ts';

interface LogQuery {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Milliseconds since the epoch. */
  readonly since: number | undefined;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
}

const INTEGER = /^[+-]?\d+$/;
const NOT_DECODED = text(400, '{"message": "Unable to decode query."}');
const INVALID = text(422, '{"message": "Invalid request."}');

const isAnswer = (value: LogQuery | Answer): value is Answer => 'status' in value;

export const containerLogs = (
  pod: PodSandbox | undefined,
  name: { readonly pod: string; readonly container: string },
  target: Target,
  now: number,
): Answer => {
  const query = parseQuery(target, now);
  if (isAnswer(query)) return query;
  if (pod === undefined) return text(404, `pod "${name.pod}" does not exist`);
  const container = [...pod.containers, ...pod.initContainers].find(
    ({ spec }) => spec.name === name.container,
  );
  if (container === undefined) {
    return text(404, `container "${name.container}" not found in pod "${name.pod}"`);
  }
  if (query.previous && container.spec.previousLog === undefined) {
    return text(400, `previous terminated container "${name.container}" in pod "${name.pod}" not found`);
  }
  return {
    status: 200,
    body: Readable.from(query.previous ? previous(container, query) : read(container, query)),
  };
};

const parseQuery = ({ query }: Target, now: number): LogQuery | Answer => {
  const first = (name: string): string | undefined => query.get(name)?.[0];
  const flag = (name: string): boolean =>
    ['true', '1', 't', 'True', 'TRUE', 'T'].includes(first(name) ?? 'false');
  const tail = first('tailLines') ?? (first('tail') === 'all' ? undefined : first('tail'));
  const numbers = [tail, first('limitBytes'), first('sinceSeconds')];
  if (numbers.some((value) => value !== undefined && !INTEGER.test(value))) return NOT_DECODED;
  const [tailLines, limitBytes, sinceSeconds] = numbers.map((value) =>
    value === undefined ? undefined : Number(value),
  );
  const sinceTime = first('sinceTime');
  const time = sinceTime === undefined ? undefined : Date.parse(sinceTime);
  if (time !== undefined && Number.isNaN(time)) return NOT_DECODED;
  if ((tailLines ?? 0) < 0 || (limitBytes ?? 1) < 1 || (sinceSeconds ?? 1) < 1) return INVALID;
  if (time !== undefined && sinceSeconds !== undefined) return INVALID;
  const stream = first('stream') ?? 'All';
  if (stream !== 'All') {
    const gate = 'Please enable PodLogsQuerySplitStreams feature gate in kubelet';
    return text(400, `unable to return the given log stream: ${JSON.stringify(stream)}. ${gate}`);
  }
  return {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    since: sinceSeconds === undefined ? time : now - sinceSeconds * 1000,
    tailLines,
    limitBytes,
  };
};

function* previous(container: Container, query: LogQuery): Generator<Buffer> {
  const lines = (container.spec.previousLog ?? '').split(/(?<=\n)/);
  const shown = query.tailLines === undefined ? lines : lines.slice(-query.tailLines || lines.length);
  yield Buffer.from(shown.join('')).subarray(0, query.limitBytes);
}

async function* read(container: Container, query: LogQuery): AsyncGenerator<Buffer> {
  const waiting: (LogEntry | undefined)[] = [];
  let wake: () => void = () => undefined;
  const withdraw = container.log.follow((entry) => {
    waiting.push(entry);
    wake();
  });
  try {
    const write = createWriter(query);
    for (const entry of takeTail(container.log.read(), query.tailLines)) {
      const bytes = write(entry);
      if (bytes === undefined) return;
      yield bytes;
    }
    let over = !query.follow || container.log.ended;
    while (!over) {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      for (const entry of waiting.splice(0)) {
        over ||= entry === undefined;
        const bytes = entry === undefined ? Buffer.alloc(0) : write(entry);
        if (bytes === undefined) return;
        if (bytes.length > 0) yield bytes;
      }
    }
  } finally {
    withdraw();
  }
}

/** The last `lines` lines; a line in parts counts as one. */
const takeTail = (entries: readonly LogEntry[], lines: number | undefined): readonly LogEntry[] => {
  if (lines === undefined) return entries;
  let from = entries.length;
  for (let left = lines; from > 0; from--) {
    const endsLine = entries[from - 1]?.whole === true || from === entries.length;
    if (endsLine && left-- === 0) break;
  }
  return entries.slice(from);
};

/** Writes entry after entry; undefined once the byte limit is used up. */
const createWriter = (query: LogQuery): ((entry: LogEntry) => Buffer | undefined) => {
  let atLineStart = true;
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY;
  return (entry) => {
    if (left <= 0) return undefined;
    if (query.since !== undefined && Date.parse(entry.time) < query.since) return Buffer.alloc(0);
    const stamp = query.timestamps && atLineStart ? `${entry.time} ` : '';
    atLineStart = entry.whole;
    const line = Buffer.concat([Buffer.from(stamp), entry.text, Buffer.from(entry.whole ? '\n' : '')]);
    const shown = line.subarray(0, Math.min(left, line.length));
    left -= shown.length;
    return shown;
  };
};
