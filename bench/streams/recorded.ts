// What recording costs: the same gateway twice in one run, one that records nothing and one that must record all, stdin
// too. CPU of volume, a typed byte's way and back, and silent sessions beside those of the bare relay.

import type { GatewayUnderTest } from '../proxies/gateway.ts';
import { startGateway } from '../proxies/gateway.ts';
import type { Ground } from '../proxies/ground.ts';
import type { Identity } from '../proxies/identity.ts';
import { startRelay } from '../proxies/relay.ts';
import type { StreamFigure } from '../report/results.ts';
import { measureEcho } from './echo.ts';
import { measureOpenSessions } from './open-sessions.ts';
import { measurePassing } from './passing.ts';
import { withKubelet, withStandIn } from './streams.ts';
import type { Way } from './way.ts';

const RECORDING = `
recording:
  directory: recordings
  rules: [{ mode: required, stdin: on }]
`;

const RECORDED_KINDS = ['printed text', 'printed noise', 'a file copied into a pod'] as const;

const AMOUNTS = {
  quick: { echoes: 500, bytes: 100_000_000, rounds: 3, open: [100] },
  full: { echoes: 4000, bytes: 100_000_000, rounds: 7, open: [100, 1000, 5000] },
} as const;

interface Pair {
  readonly plain: GatewayUnderTest;
  readonly recorded: GatewayUnderTest;
}

export async function measureRecorded(
  ground: Ground,
  identity: Identity,
  mode: 'full' | 'quick',
): Promise<readonly StreamFigure[]> {
  const amounts = AMOUNTS[mode];
  const toWay = (name: Way['name'], { port, url, token }: GatewayUnderTest): Way => ({
    name,
    port,
    prefix: new URL(url).pathname,
    tls: { ca: ground.servers.certificate, servername: 'localhost' },
    token,
  });
  const figures = [
    ...(await withKubelet(ground, (port) =>
      withPair(ground, identity, 'recorded-echo', port, ({ plain, recorded }) =>
        measureEcho([toWay('gateway', plain), toWay('recorded', recorded)], amounts),
      ),
    )),
    ...(await withStandIn(ground, (port) =>
      withPair(ground, identity, 'recorded-volume', port, async ({ plain, recorded }) => {
        const gateways = [
          { way: toWay('gateway', plain), pid: plain.pid },
          { way: toWay('recorded', recorded), pid: recorded.pid, directory: recorded.directory },
        ];
        const relay = await startRelay(ground, port);
        try {
          const { tls } = toWay('relay', plain);
          const relayed: Way = { name: 'relay', port: Number(new URL(relay.url).port), prefix: '', tls };
          const silent: StreamFigure[] = [];
          for (const one of [{ way: relayed, pid: relay.pid }, ...gateways]) {
            silent.push(...(await measureOpenSessions(one, amounts.open)));
          }
          return [...(await measurePassing(gateways, RECORDED_KINDS, amounts)), ...silent];
        } finally {
          await relay.stop();
        }
      }),
    )),
  ];
  return figures.map((figure) => ({ ...figure, what: `recording: ${figure.what}` }));
}

async function withPair<T>(
  ground: Ground,
  identity: Identity,
  name: string,
  nodePort: number,
  use: (pair: Pair) => Promise<T>,
): Promise<T> {
  const plain = await startGateway(ground, identity, { name: `${name}-off`, nodePort });
  const configure = (yaml: string): string => yaml + RECORDING;
  const recorded = await startGateway(ground, identity, { name: `${name}-on`, nodePort, configure });
  try {
    return await use({ plain, recorded });
  } finally {
    await recorded.stop();
    await plain.stop();
  }
}
