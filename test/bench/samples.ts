// Figures of benchmarks that never ran, for what reads them.

import type { Figures } from '../../bench/measure.ts';
import type { Results } from '../../bench/report/results.ts';

const same = (value: number) => ({ median: value, min: value * 0.9, max: value * 1.2 });

export const createFigures = (name: string, cpuUs: number, more: Partial<Figures> = {}): Figures => ({
  name,
  rounds: 5,
  cpuUs: same(cpuUs),
  requestsPerSecond: same(1000),
  p50Us: same(500),
  p99Us: same(2000),
  megabytesPerSecond: same(3),
  rssKb: same(100_000),
  ratio: same(1),
  cpuRounds: [cpuUs, cpuUs, cpuUs, cpuUs, cpuUs],
  ...more,
});

export const createResults = (more: Partial<Results> = {}): Results => ({
  date: '2026-11-24T03:00:00.000Z',
  mode: 'full',
  rounds: 5,
  secondsEach: 2,
  machine: {
    processor: 'a processor',
    cores: 2,
    memoryGiB: 24,
    system: 'Linux 6.18',
    programs: { node: '24.0.0' },
    loadBefore: 0.5,
  },
  start: { builtMs: 900, sourceMs: 1400 },
  scenarios: [
    {
      id: 'keep-alive-2 B',
      title: '2 B, 16 kept-alive connections',
      figures: [
        createFigures('relay', 100),
        createFigures('gateway', 150),
        createFigures('haproxy', 40),
        createFigures('nginx', 35),
      ],
    },
  ],
  streams: [],
  bars: [],
  ...more,
});
