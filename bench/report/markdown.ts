// The results as a page to read.

import type { Figures } from '../measure.ts';
import type { Spread } from '../load/statistics.ts';
import type { Scenario } from '../scenarios.ts';
import type { Bar, Results, StartFigures } from './results.ts';

const round = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

const toSpreadText = ({ median, min, max }: Spread): string =>
  `${round(median)} (${round(min)}–${round(max)})`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

export function toMarkdown(results: Results): string {
  const { machine, mode, rounds, secondsEach, date } = results;
  const programs = Object.entries(machine.programs).map(([name, version]) => `${name} ${version}`);
  return `# Benchmark of ${date.slice(0, 10)} (${mode})

${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; ${programs.join(', ')}.
Load average before the run: ${machine.loadBefore}. Load, stand-in and proxy share the cores, so that requests per
second and latencies say how proxies compare and not what a machine of its own would do. The figure that holds is the
CPU time of the proxy's own processes for a request: median of ${rounds} interleaved rounds of ${secondsEach} s, with
the least and the most. Everything runs on loopback; TLS 1.3 on both sides, mutual towards the node.

![CPU time of each proxy for a request](${mode}.svg)

## Bars

${toBarTable(results.bars)}

## Requests

${results.scenarios.map(toScenarioText).join('\n\n')}
${results.streams.length === 0 ? '' : `\n## Streams\n\n${toStreamTable(results)}\n`}
${results.start === undefined ? '' : toStartText(results.start)}`;
}

const toStartText = ({ builtMs, sourceMs }: StartFigures): string =>
  `Start to ready: ${round(builtMs)} ms as it is shipped (\`npm run build\`), ${round(sourceMs)} ms from its sources, whose types are taken
off at each start.
`;

const toBarTable = (bars: readonly Bar[]): string =>
  table(
    ['bar', 'measured', 'at most', ''],
    bars.map(({ what, value, atMost, unit }) => [
      what,
      `${round(value)} ${unit}`,
      `${atMost} ${unit}`,
      value <= atMost ? 'met' : `**missed** ([why](${toProfile(what)}))`,
    ]),
  );

/** What says why a bar is missed: profiles of a request, of a stream, or what was tried. */
function toProfile(what: string): string {
  if (/^recording|copied|printed/.test(what)) return '../profiles/streams.md';
  if (/memory|opening|ready/.test(what)) return '../../docs/performance.md';
  return '../profiles/gateway.md';
}

const toScenarioText = ({ title, figures }: Scenario): string =>
  `### ${title}\n\n${table(
    ['', 'CPU µs/request', `× ${figures[0]?.name ?? ''}`, 'requests/s', 'p50 ms', 'p99 ms', 'MB/s', 'RSS MB'],
    figures.map((each) => toRow(each, figures[0]?.name === 'direct')),
  )}`;

/** `hasDirect`: the first row is no proxy, and no row is a multiple of its CPU. */
const toRow = (figures: Figures, hasDirect: boolean): string[] => {
  // The row without a proxy has no process to measure.
  const isDirect = figures.name === 'direct';
  return [
    figures.name,
    isDirect ? '–' : toSpreadText(figures.cpuUs),
    isDirect || hasDirect || !Number.isFinite(figures.ratio.median) ? '–' : toSpreadText(figures.ratio),
    round(figures.requestsPerSecond.median),
    round(figures.p50Us.median / 1000),
    round(figures.p99Us.median / 1000),
    round(figures.megabytesPerSecond.median),
    isDirect ? '–' : round(figures.rssKb.median / 1000),
  ];
};

function toStreamTable({ streams }: Results): string {
  const ways = [...new Set(streams.map(({ way }) => way))];
  const whats = [...new Set(streams.map(({ what }) => what))];
  return table(
    ['', ...ways, 'unit'],
    whats.map((what) => {
      const row = streams.filter((each) => each.what === what);
      const cells = ways.map((way) => row.find((each) => each.way === way)?.value);
      return [what, ...cells.map((value) => (value === undefined ? '–' : round(value))), row[0]?.unit ?? ''];
    }),
  );
}
