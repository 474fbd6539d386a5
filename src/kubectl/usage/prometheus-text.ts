// Samples out of a Prometheus text (exposition format 0.0.4) that nobody vouches for. Only lines of wanted names are
// looked into; what is not well-formed is skipped. Work and memory are bounded, whatever is in it.

export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Finite. */
  readonly value: number;
  /** Milliseconds since the epoch; undefined where the line says no time, or none of this century. */
  readonly at: number | undefined;
}

const MAX_LINE_CHARACTERS = 4096;
/** Several times what the largest node writes; 16 MB of empty lines would take a second. */
const MAX_LINES = 300_000;
const MAX_SAMPLES = 50_000;
const MAX_LABELS = 32;
/** The year 2100. */
const MAX_TIME_MS = 4_102_444_800_000;

const NAME = /[A-Za-z_:][A-Za-z0-9_:]*/y;
const LABEL = /([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"/y;
const NUMBER = /^[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?$/;
const TIME = /^\d{1,13}$/;

/** The samples of `wanted` names, in the text's order, 50,000 at most, of the first 300,000 lines. */
export function* readSamples(text: string, wanted: ReadonlySet<string>): Generator<Sample, void> {
  let count = 0;
  let from = 0;
  for (let line = 0; line < MAX_LINES && from < text.length && count < MAX_SAMPLES; line += 1) {
    const newline = text.indexOf('\n', from);
    const to = newline === -1 ? text.length : newline;
    if (to - from <= MAX_LINE_CHARACTERS && text[from] !== '#') {
      const sample = readLine(text.slice(from, to), wanted);
      if (sample !== undefined) {
        count += 1;
        yield sample;
      }
    }
    from = to + 1;
  }
}

function readLine(line: string, wanted: ReadonlySet<string>): Sample | undefined {
  const name = match(NAME, line, 0)?.[0];
  if (name === undefined || !wanted.has(name)) return undefined;
  const labels = new Map<string, string>();
  let position = name.length;
  if (line[position] === '{') {
    position += 1;
    while (line[position] !== '}') {
      const label = match(LABEL, line, position);
      if (label === undefined || labels.size === MAX_LABELS) return undefined;
      labels.set(label[1] ?? '', unescape(label[2] ?? ''));
      position += label[0].length;
      if (line[position] === ',') position += 1;
      else if (line[position] !== '}') return undefined;
    }
    position += 1;
  }
  const [number = '', time, ...more] = line
    .slice(position)
    .trim()
    .split(/[ \t]+/);
  if (!NUMBER.test(number) || more.length > 0) return undefined;
  const value = Number(number);
  if (!Number.isFinite(value)) return undefined;
  if (time === undefined) return { name, labels, value, at: undefined };
  const at = TIME.test(time) ? Number(time) : NaN;
  return { name, labels, value, at: at <= MAX_TIME_MS ? at : undefined };
}

function match(pattern: RegExp, line: string, position: number): RegExpExecArray | undefined {
  pattern.lastIndex = position;
  return pattern.exec(line) ?? undefined;
}

const unescape = (value: string): string =>
  value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
