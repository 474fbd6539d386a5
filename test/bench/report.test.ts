import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toQuantile, toSpread } from '../../bench/load/statistics.ts';
import { toBars } from '../../bench/report/bars.ts';
import { joinResults } from '../../bench/report/join.ts';
import { toMarkdown } from '../../bench/report/markdown.ts';
import { toPlot, toRound } from '../../bench/report/plot.ts';
import { createFigures, createResults } from './samples.ts';

const START = { builtMs: 900, sourceMs: 1400 };

describe('spreads', () => {
  for (const [values, median, min, max] of [
    [[3], 3, 3, 3],
    [[4, 1], 2.5, 1, 4],
    [[9, 1, 5], 5, 1, 9],
    [[100, 1, 2, 3, 4], 3, 1, 100],
  ] as const) {
    it(`of ${values.join(', ')}`, () => assert.deepEqual(toSpread(values), { median, min, max }));
  }

  it('of nothing is an error and not a zero', () => assert.throws(() => toSpread([]), /no values/));

  it('quantiles lie between neighbours', () => {
    assert.equal(toQuantile([0, 10], 0.25), 2.5);
    assert.equal(toQuantile([0, 10, 20], 1), 20);
  });
});

describe('bars', () => {
  const { scenarios } = createResults();

  it('compare the medians of one run', () => {
    const bars = toBars(scenarios, [], START);
    assert.deepEqual(
      bars.map(({ what, value, atMost }) => [what, value, atMost]),
      [
        ["CPU, 2 B, against the bare relay (node:http and the gateway's client)", 1.5, 1.25],
        ['CPU, 2 B, against haproxy', 3.75, 2.5],
        ['start to ready', 900, 1500],
      ],
    );
  });

  it('add what the way through the gateway adds', () => {
    const oneClient = {
      id: 'one-client',
      title: '',
      figures: [
        createFigures('direct', 1, { p50Us: { median: 100, min: 1, max: 1 } }),
        createFigures('gateway', 1, { p50Us: { median: 350, min: 1, max: 1 } }),
      ],
    };
    const bar = toBars([oneClient], [], undefined).find(({ what }) => what === 'added p50, one connection');
    assert.equal(bar?.value, 0.25);
  });

  it('of streams compare with the direct way, and memory with the relay', () => {
    const figure = (what: string, way: string, value: number) => ({ what, way, value, unit: '' });
    const bars = toBars(
      [],
      [
        figure('echoed byte, WebSocket, p50', 'direct', 0.5),
        figure('echoed byte, WebSocket, p50', 'gateway', 0.75),
        figure('memory of an open session (100 open)', 'relay', 100),
        figure('memory of an open session (100 open)', 'gateway', 150),
      ],
      undefined,
    );
    const valueOf = (what: string) => bars.find((bar) => bar.what === what)?.value;
    assert.equal(valueOf('added: echoed byte, WebSocket, p50'), 0.25);
    assert.equal(valueOf('memory of an open session (100 open), against the bare relay'), 1.5);
  });

  it('say nothing of what was not measured', () => {
    assert.deepEqual(toBars([], [], undefined), []);
    assert.deepEqual(
      toBars([], [], START).map(({ what }) => what),
      ['start to ready'],
    );
  });
});

describe('the page', () => {
  it('says which bar is met, which is missed, and where the profile of it is', () => {
    const text = toMarkdown(createResults({ bars: toBars(createResults().scenarios, [], START) }));
    assert.match(
      text,
      /against the bare relay .node:http and the gateway's client. \| 1\.50 times \| 1\.25 times \| \*\*missed\*\* \(\[why\]\(\.\.\/profiles\//,
    );
    assert.match(
      text,
      /Start to ready: 900 ms as it is shipped \(`npm run build`\), 1400 ms from its sources/,
    );
    assert.match(text, /start to ready \| 900 ms \| 1500 ms \| met \|/);
    assert.match(text, /a processor, 2 cores, 24 GiB, Linux 6\.18; node 24\.0\.0/);
    assert.match(text, /\| gateway \| 150 \(135–180\)/);
  });
});

describe('parts of one benchmark', () => {
  it('become one, with bars of all', () => {
    const first = createResults();
    const second = createResults({
      scenarios: [],
      start: { builtMs: 5000, sourceMs: 6000 },
      machine: { ...first.machine, loadBefore: 3 },
      streams: [
        { what: 'echoed byte, WebSocket, p50', way: 'direct', value: 1, unit: 'ms' },
        { what: 'echoed byte, WebSocket, p50', way: 'gateway', value: 2, unit: 'ms' },
      ],
    });
    const joined = joinResults([first, second]);
    assert.equal(joined.start?.builtMs, 900);
    assert.equal(joined.machine.loadBefore, 3);
    assert.ok(joined.bars.some(({ what }) => what === 'added: echoed byte, WebSocket, p50'));
    assert.ok(joined.bars.some(({ what }) => what === 'CPU, 2 B, against haproxy'));
  });

  it('say how long a start takes as soon as one of them does, and otherwise nothing', () => {
    const { start, ...unstarted } = createResults();
    assert.ok(start !== undefined);
    assert.doesNotMatch(toMarkdown(unstarted), /start to ready/i);
    assert.deepEqual(joinResults([unstarted, createResults()]).start, start);
  });

  it('are not those of two machines, or of two modes', () => {
    const first = createResults();
    const other = createResults({ machine: { ...first.machine, processor: 'another' } });
    assert.throws(() => joinResults([first, other]), /different benchmarks/);
    assert.throws(() => joinResults([first, createResults({ mode: 'quick' })]), /different benchmarks/);
    assert.throws(() => joinResults([]), /no parts/);
  });
});

describe('the plot', () => {
  it('shows every proxy, its multiples of relay and haproxy, and where the gateway is to be', () => {
    const svg = toPlot(createResults().scenarios);
    for (const text of [
      'relay',
      'gateway',
      'haproxy',
      'nginx',
      '150',
      '× relay',
      '1.50',
      '× haproxy',
      '3.75',
    ]) {
      assert.ok(svg.includes(`>${text}<`), text);
    }
    assert.ok(svg.includes('1.25 × relay'));
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  });

  for (const [value, rounded] of [
    [1, 1],
    [43, 50],
    [131, 150],
    [326, 400],
    [4823, 5000],
    [990, 1000],
  ] as const) {
    it(`has a scale to ${rounded} for ${value}`, () => assert.equal(toRound(value), rounded));
  }
});
