// The bars that the gateway is held against, and where a run stands with each.

import type { Bar, StartFigures, StreamFigure } from './results.ts';
import type { Scenario } from '../scenarios.ts';
import { CROWDS, toCrowdName } from '../scenarios.ts';

/** CPU of the gateway for one request, as a multiple of the bare relay's, by size of the answer. */
export const RELAY_BARS = { '2 B': 1.25, '30 kB': 1.1, '1 MB': 1.1 } as const;
/** The same as a multiple of haproxy's. */
const HAPROXY_BARS = { '2 B': 2.5, '30 kB': 2, '1 MB': 1.5 } as const;

const SIZES = ['2 B', '30 kB', '1 MB'] as const;

export function toBars(
  scenarios: readonly Scenario[],
  streams: readonly StreamFigure[],
  start: StartFigures | undefined,
): readonly Bar[] {
  const cpu = (id: string, name: string): number =>
    scenarios.find((each) => each.id === id)?.figures.find((each) => each.name === name)?.cpuUs.median ?? NaN;
  const ratio = (id: string, name: string, base: string): number => cpu(id, name) / cpu(id, base);
  const p50 = (name: string): number =>
    scenarios.find((each) => each.id === 'one-client')?.figures.find((each) => each.name === name)?.p50Us
      .median ?? NaN;
  const bars: Bar[] = SIZES.flatMap((size) => [
    {
      what: `CPU, ${size}, against the bare relay (node:http and the gateway's client)`,
      value: ratio(`keep-alive-${size}`, 'gateway', 'relay'),
      atMost: RELAY_BARS[size],
      unit: 'times',
    },
    {
      what: `CPU, ${size}, against a bare relay of the gateway's own server and client`,
      value: ratio(`keep-alive-${size}`, 'gateway', 'relay, own'),
      atMost: RELAY_BARS[size],
      unit: 'times',
    },
    {
      what: `CPU, ${size}, against a bare relay of public packages (node:http, undici)`,
      value: ratio(`keep-alive-${size}`, 'gateway', 'relay, undici'),
      atMost: RELAY_BARS[size],
      unit: 'times',
    },
    {
      what: `CPU, ${size}, against haproxy`,
      value: ratio(`keep-alive-${size}`, 'gateway', 'haproxy'),
      atMost: HAPROXY_BARS[size],
      unit: 'times',
    },
  ]);
  bars.push(
    {
      what: 'added p50, one connection',
      value: (p50('gateway') - p50('direct')) / 1000,
      atMost: 0.5,
      unit: 'ms',
    },
    { what: 'start to ready', value: start?.builtMs ?? NaN, atMost: 1500, unit: 'ms' },
  );
  for (const { id, sizes } of CROWDS) {
    for (const [nodes, users] of sizes) {
      const name = toCrowdName(nodes, users);
      const value = ratio(id, name, toCrowdName(1, 1));
      bars.push({ what: `CPU, ${name}, against one of each`, value, atMost: 1.1, unit: 'times' });
    }
  }
  return [...bars, ...toStreamBars(streams)].filter(({ value }) => Number.isFinite(value));
}

function toStreamBars(streams: readonly StreamFigure[]): readonly Bar[] {
  const value = (what: string, way: string): number =>
    streams.find((each) => each.what === what && each.way === way)?.value ?? NaN;
  const bars: Bar[] = [];
  for (const protocol of ['SPDY/3.1', 'WebSocket']) {
    const echo = `echoed byte, ${protocol}, p50`;
    const open = `opening a session, ${protocol}, p50`;
    bars.push(
      {
        what: `added: ${echo}`,
        value: value(echo, 'gateway') - value(echo, 'direct'),
        atMost: 0.25,
        unit: 'ms',
      },
      {
        what: `added: ${open}`,
        value: value(open, 'gateway') - value(open, 'direct'),
        atMost: 5,
        unit: 'ms',
      },
    );
  }
  bars.push(...toRecordingBars(value));
  for (const { what, way } of streams) {
    if (way !== 'gateway' || !what.startsWith('memory of an open session')) continue;
    bars.push({
      what: `${what}, against the bare relay`,
      value: value(what, way) / value(what, 'relay'),
      atMost: 1.2,
      unit: 'times',
    });
  }
  return bars;
}

/** What recording adds to the gateway's own sessions of the same run. */
function toRecordingBars(value: (what: string, way: string) => number): readonly Bar[] {
  const kinds = ['printed text', 'printed noise', 'a file copied into a pod'];
  const bars: Bar[] = kinds.map((kind) => {
    const what = `recording: CPU of the proxy for a MB of ${kind}`;
    return {
      what,
      value: value(what, 'recorded') / value(what, 'gateway'),
      atMost: 1.15,
      unit: 'times that of a session that is not recorded',
    };
  });
  for (const protocol of ['SPDY/3.1', 'WebSocket']) {
    const what = `recording: echoed byte, ${protocol}, p99`;
    bars.push({
      what: `added: ${what}`,
      value: value(what, 'recorded') - value(what, 'gateway'),
      atMost: 1,
      unit: 'ms',
    });
  }
  for (const count of [100, 1000, 5000]) {
    const what = `recording: memory of an open session (${count} open)`;
    bars.push({
      what,
      value: value(what, 'recorded') - 1.2 * value(what, 'relay'),
      atMost: 60,
      unit: 'kB above 1.2 times the bare relay',
    });
  }
  return bars;
}
