// Everything that is measured of streams: latency against a simulated node, volume and open sessions against a
// stand-in that is all stream.

import { fileURLToPath } from 'node:url';
import { demoPods, startKubelet } from '../../demo/kubelet/kubelet.ts';
import { startGateway } from '../proxies/gateway.ts';
import type { Ground } from '../proxies/ground.ts';
import { NODE_SERVER_NAME } from '../proxies/ground.ts';
import type { Identity } from '../proxies/identity.ts';
import { freePort } from '../../demo/free-port.ts';
import { startProgram } from '../proxies/process.ts';
import type { Proxy } from '../proxies/proxy.ts';
import { startRelay } from '../proxies/relay.ts';
import type { StreamFigure } from '../report/results.ts';
import { measureEcho } from './echo.ts';
import { measureOpenings } from './opening.ts';
import { measureOpenSessions } from './open-sessions.ts';
import { measurePassing } from './passing.ts';
import { measureVolume } from './volume.ts';
import type { Way } from './way.ts';

const STAND_IN = fileURLToPath(new URL('stand-in-process.ts', import.meta.url));

/** `kubectl cp`, both ways. */
const COPIES = ['a file copied into a pod', 'a file copied out of a pod'] as const;

const AMOUNTS = {
  quick: {
    echoes: 200,
    openings: 30,
    bytes: 100_000_000,
    rounds: 1,
    copyBytes: 50_000_000,
    copyRounds: 1,
    open: [100],
  },
  full: {
    echoes: 2000,
    openings: 300,
    bytes: 1_000_000_000,
    rounds: 3,
    copyBytes: 200_000_000,
    copyRounds: 5,
    open: [100, 1000, 5000],
  },
} as const;

export async function measureStreams(
  ground: Ground,
  identity: Identity,
  mode: 'full' | 'quick',
): Promise<readonly StreamFigure[]> {
  const amounts = AMOUNTS[mode];
  const client = await ground.kubeletClients.issue({ commonName: 'kubelet-gateway', usages: ['client'] });
  const directTls = {
    ca: ground.nodes.certificate,
    servername: NODE_SERVER_NAME,
    cert: client.certificate,
    key: client.key,
  };
  const toWays = (nodePort: number, relay: Proxy, gateway: Proxy): [Way, Way, Way] => {
    const tls = { ca: ground.servers.certificate, servername: 'localhost' };
    const portOf = ({ url }: Proxy): number => Number(new URL(url).port);
    return [
      { name: 'direct', port: nodePort, prefix: '', tls: directTls },
      { name: 'relay', port: portOf(relay), prefix: '', tls },
      {
        name: 'gateway',
        port: portOf(gateway),
        prefix: new URL(gateway.url).pathname,
        tls,
        ...(gateway.token === undefined ? {} : { token: gateway.token }),
      },
    ];
  };
  return [
    ...(await withKubelet(ground, async (port) =>
      withProxies(ground, identity, 'echo', port, (relay, gateway) =>
        measureEcho(toWays(port, relay, gateway), amounts),
      ),
    )),
    ...(await withStandIn(ground, async (port) =>
      withProxies(ground, identity, 'streams', port, async (relay, gateway) => {
        const [direct, viaRelay, viaGateway] = toWays(port, relay, gateway);
        const byRelay = { way: viaRelay, pid: relay.pid };
        const byGateway = { way: viaGateway, pid: gateway.pid };
        const sessions = [
          ...(await measureOpenSessions(byRelay, amounts.open)),
          ...(await measureOpenSessions(byGateway, amounts.open)),
        ];
        const openings = await measureOpenings([direct, viaRelay, viaGateway], amounts);
        const volume = await measureVolume([{ way: direct, pid: undefined }, byRelay, byGateway], amounts);
        const copies = await measurePassing([{ way: direct }, byRelay, byGateway], COPIES, {
          bytes: amounts.copyBytes,
          rounds: amounts.copyRounds,
        });
        return [...openings, ...volume, ...copies, ...sessions];
      }),
    )),
  ];
}

async function withProxies<T>(
  ground: Ground,
  identity: Identity,
  name: string,
  nodePort: number,
  use: (relay: Proxy, gateway: Proxy) => Promise<T>,
): Promise<T> {
  const relay = await startRelay(ground, nodePort);
  const gateway = await startGateway(ground, identity, { name: `gateway-${name}`, nodePort });
  try {
    return await use(relay, gateway);
  } finally {
    await gateway.stop();
    await relay.stop();
  }
}

export async function withKubelet<T>(ground: Ground, use: (port: number) => Promise<T>): Promise<T> {
  const pair = await ground.nodes.issue({ dnsNames: [NODE_SERVER_NAME], usages: ['server'] });
  const kubelet = await startKubelet({
    nodeName: 'node-1',
    ...pair,
    clientCA: ground.kubeletClients.certificate,
    authorize: () => true,
    pods: demoPods('node-1'),
  });
  try {
    return await use(kubelet.port);
  } finally {
    await kubelet.close();
  }
}

export async function withStandIn<T>(
  { directory, pki }: Ground,
  use: (port: number) => Promise<T>,
): Promise<T> {
  const port = await freePort();
  const command = [process.execPath, STAND_IN, String(port), pki] as const;
  const standIn = await startProgram('streams-stand-in', command, { directory, port });
  try {
    return await use(port);
  } finally {
    await standIn.stop();
  }
}
