// The lines of a recording (docs/recording.md: asciicast v3 with codes of the gateway's own, or JSON lines of a port-forward)
// as values. What is there may be old, damaged or somebody else's: a line that is none is told and passed over.

export interface CastHeader {
  readonly kind: 'cast';
  readonly columns: number;
  readonly rows: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly title: string;
  readonly command: string | undefined;
  /** Undefined: not said. Without a terminal, lines end without a carriage return. */
  readonly tty: boolean | undefined;
}

export interface PortForwardHeader {
  readonly kind: 'portForward';
}

export type CastEvent =
  | {
      readonly kind: 'output' | 'input';
      readonly atMs: number;
      readonly text: string;
      /** As the container had them. */
      readonly bytes: Buffer;
      readonly isError: boolean;
    }
  | { readonly kind: 'resize'; readonly atMs: number; readonly columns: number; readonly rows: number }
  /** A word of the gateway. */
  | { readonly kind: 'note'; readonly atMs: number; readonly text: string }
  | { readonly kind: 'exit'; readonly atMs: number; readonly code: number }
  /** A line of a port-forward, or an event that only the gateway's own tools know. */
  | { readonly kind: 'other'; readonly atMs: number; readonly code: string; readonly text: string };

export interface Cast {
  readonly header: CastHeader | PortForwardHeader;
  readonly events: AsyncIterable<CastEvent>;
}

/** The largest terminal that is believed. */
const MAX_SIZE = 1000;
/** Seconds: ten years. No session has been quiet for longer, and a sum of such is still a time. */
const MAX_INTERVAL = 10 * 366 * 86_400;
const MAX_MS = MAX_INTERVAL * 1000;
/** Of a recording whose beginning is gone. */
const NO_HEADER: CastHeader = {
  kind: 'cast',
  columns: 80,
  rows: 24,
  timestamp: 0,
  title: '',
  command: undefined,
  tty: undefined,
};

/** Reads the header. Where it is gone and events are there, they are shown in a terminal of the usual size. Rejects when there is nothing. */
export async function openCast(
  lines: AsyncIterable<Buffer>,
  onProblem: (problem: string) => void,
): Promise<Cast> {
  const iterator = lines[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) throw new Error('there is no recording in it');
  const rest: AsyncIterable<Buffer> = { [Symbol.asyncIterator]: () => iterator };
  const value = parse(first.value);
  const header = toHeader(value);
  if (header?.kind === 'cast') return { header, events: toEvents(rest, onProblem) };
  if (header?.kind === 'portForward') return { header, events: toPortForwardEvents(rest) };
  const isEvent = Array.isArray(value);
  const isLine = typeof fieldsOf(value)['atMs'] === 'number';
  if (!isEvent && !isLine) throw new Error('there is no recording in it');
  onProblem('its beginning is missing, with what says how large its terminal was');
  const all = toJoined(first.value, rest);
  return isEvent
    ? { header: NO_HEADER, events: toEvents(all, onProblem) }
    : { header: { kind: 'portForward' }, events: toPortForwardEvents(all) };
}

async function* toJoined(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

async function* toEvents(
  lines: AsyncIterable<Buffer>,
  onProblem: (problem: string) => void,
): AsyncGenerator<CastEvent> {
  let atMs = 0;
  let isError = false;
  let raw: Buffer | undefined;
  for await (const line of lines) {
    const value = parse(line);
    const [interval, code, data] = Array.isArray(value) ? (value as readonly unknown[]) : [];
    if (
      typeof interval !== 'number' ||
      !(interval >= 0 && interval <= MAX_INTERVAL) ||
      typeof code !== 'string' ||
      typeof data !== 'string'
    ) {
      onProblem('there is a line that is no event, which is left out');
      continue;
    }
    atMs = Math.min(atMs + interval * 1000, MAX_MS);
    if (code === 'e') isError = true;
    else if (code === 'b') raw = Buffer.from(data, 'base64');
    else {
      const event = toEvent(atMs, code, data, raw, isError);
      if (event === undefined) onProblem('there is an event that makes no sense, which is left out');
      else yield event;
      isError = false;
      raw = undefined;
    }
  }
}

function toEvent(
  atMs: number,
  code: string,
  data: string,
  raw: Buffer | undefined,
  isError: boolean,
): CastEvent | undefined {
  switch (code) {
    case 'o':
    case 'i': {
      const kind = code === 'o' ? 'output' : 'input';
      return { kind, atMs, text: data, bytes: raw ?? Buffer.from(data), isError };
    }
    case 'O':
    case 'I': {
      const bytes = Buffer.from(data, 'base64');
      const kind = code === 'O' ? 'output' : 'input';
      return { kind, atMs, text: bytes.toString('utf8'), bytes, isError };
    }
    case 'r': {
      const [, columns, rows] = /^(\d{1,5})x(\d{1,5})$/.exec(data) ?? [];
      if (columns === undefined || rows === undefined) return undefined;
      return { kind: 'resize', atMs, columns: toSize(Number(columns), 80), rows: toSize(Number(rows), 24) };
    }
    case 'm':
      return { kind: 'note', atMs, text: data };
    case 'x':
      return /^\d{1,3}$/.test(data) ? { kind: 'exit', atMs, code: Number(data) } : undefined;
    default:
      return { kind: 'other', atMs, code, text: data };
  }
}

async function* toPortForwardEvents(lines: AsyncIterable<Buffer>): AsyncGenerator<CastEvent> {
  for await (const line of lines) {
    const atMs = fieldsOf(parse(line))['atMs'];
    yield {
      kind: 'other',
      atMs: typeof atMs === 'number' ? Math.min(Math.max(0, atMs), MAX_MS) : 0,
      code: 'portForward',
      text: line.toString(),
    };
  }
}

function toHeader(value: unknown): Cast['header'] | undefined {
  const { version, kind, term, timestamp, title, command, kubeletGateway } = fieldsOf(value);
  if (kind === 'PortForward') return { kind: 'portForward' };
  if (version !== 3) return undefined;
  const { cols, rows } = fieldsOf(term);
  const { tty } = fieldsOf(kubeletGateway);
  return {
    kind: 'cast',
    columns: toSize(cols, 80),
    rows: toSize(rows, 24),
    timestamp: typeof timestamp === 'number' ? timestamp : 0,
    title: typeof title === 'string' ? title : '',
    command: typeof command === 'string' ? command : undefined,
    tty: typeof tty === 'boolean' ? tty : undefined,
  };
}

const toSize = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 ? Math.min(value, MAX_SIZE) : otherwise;

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
