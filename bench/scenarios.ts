// What is measured of plain requests, and between whom.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant, Figures, RoundOptions } from './measure.ts';
import { toSpread } from './load/statistics.ts';
import { measure } from './measure.ts';
import type { BodySize, Ground } from './proxies/ground.ts';
import { BODIES } from './proxies/ground.ts';
import type { GatewayUnderTest } from './proxies/gateway.ts';
import { startGateway, toNodeName } from './proxies/gateway.ts';
import type { Identity } from './proxies/identity.ts';
import type { Proxy } from './proxies/proxy.ts';

/** One table of the report. The first contestant is what `ratio` compares with. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly figures: readonly Figures[];
}

const CONNECTIONS = 16;
/** Sixteen megabytes on their way are a queue, not a load. */
const LARGE_CONNECTIONS = 4;
/** So few that connections to nodes are reused, and so many that no two neighbours are alike. */
const NODES_IN_TURN = 16;

const contestant = (proxy: Proxy, size: BodySize, load: Partial<Contestant['load']> = {}): Contestant => ({
  proxy,
  load: { url: proxy.url + BODIES[size].path, connections: CONNECTIONS, token: proxy.token, ...load },
});

/** Answers of every size over kept-alive connections. */
export async function measureSizes(
  proxies: readonly Proxy[],
  options: RoundOptions,
): Promise<readonly Scenario[]> {
  const scenarios: Scenario[] = [];
  for (const size of ['2 B', '30 kB', '1 MB'] as const) {
    const connections = size === '1 MB' ? LARGE_CONNECTIONS : CONNECTIONS;
    const figures = await measure(
      proxies.map((proxy) => contestant(proxy, size, { connections })),
      // The code that carries a body is warm after the first size.
      { ...options, warmUpSeconds: scenarios.length === 0 ? options.warmUpSeconds : options.seconds },
    );
    scenarios.push({
      id: `keep-alive-${size}`,
      title: `${size}, ${connections} kept-alive connections`,
      figures,
    });
  }
  return scenarios;
}

/** A TLS handshake for every request. */
export async function measureNewConnections(
  proxies: readonly Proxy[],
  options: RoundOptions,
): Promise<Scenario> {
  const figures = await measure(
    proxies.map((proxy) => contestant(proxy, '2 B', { newConnections: true })),
    options,
  );
  return { id: 'new-connections', title: `2 B, a new connection for every request`, figures };
}

/** One client that asks, waits, and asks again: what the way through a proxy adds to an answer. */
export async function measureOneClient(
  { directPort }: Ground,
  proxies: readonly Proxy[],
  options: RoundOptions,
): Promise<Scenario> {
  const token = proxies[0]?.token;
  // Its process is nobody's: the CPU column of this row means nothing.
  const direct: Proxy = {
    name: 'direct',
    url: `https://127.0.0.1:${directPort}`,
    pid: process.pid,
    startMs: 0,
    ...(token === undefined ? {} : { token }),
    stop: () => Promise.resolve(),
  };
  const figures = await measure(
    [direct, ...proxies].map((proxy) => contestant(proxy, '2 B', { connections: 1 })),
    options,
  );
  return { id: 'one-client', title: '2 B, one connection, one request at a time', figures };
}

/** Milliseconds from the start of a gateway until it says that it is ready: the median of so many starts. `main`: another program. */
export async function measureStarts(
  ground: Ground,
  identity: Identity,
  starts: number,
  main?: string,
): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < starts; i += 1) {
    const gateway = await startGateway(ground, identity, {
      name: `start-${i}${main === undefined ? '' : '-built'}`,
      ...(main === undefined ? {} : { main }),
    });
    times.push(gateway.readyMs);
    await gateway.stop();
  }
  return toSpread(times).median;
}

/** The sizes that are measured against one node and one user, in groups that run apart. */
export const CROWDS = [
  {
    id: 'crowds-nodes',
    sizes: [
      [100, 1],
      [10_000, 1],
    ],
  },
  { id: 'crowds-users', sizes: [[1, 10_000]] },
  { id: 'crowds-both', sizes: [[10_000, 10_000]] },
] as const;

export const toCrowdName = (nodes: number, users: number): string => `${nodes} nodes, ${users} users`;

/**
 * Inventories and users of many sizes: what a request costs must not depend on either. A verified token is kept for a
 * minute by the clock, however little its gateway is asked meanwhile: few run beside each other, so that the share of
 * tokens that are verified again is about that of a gateway that is always asked, and rounds go on for longer than a minute.
 */
export async function measureCrowds(
  ground: Ground,
  identity: Identity,
  options: RoundOptions,
): Promise<readonly Scenario[]> {
  const users = await Promise.all(
    Array.from({ length: 10_000 }, (_, index) => identity.issue(`user-${index}`)),
  );
  const alice = await identity.issue('alice');
  const gateways: GatewayUnderTest[] = [];
  const crowd = async (nodes: number, tokens: readonly string[]): Promise<Contestant> => {
    const name = toCrowdName(nodes, tokens.length);
    const proxy = await startGateway(ground, identity, { name, nodes });
    gateways.push(proxy);
    const requestFile = join(proxy.directory, 'requests');
    const inTurn = Math.min(nodes, NODES_IN_TURN);
    const lines = Array.from({ length: Math.max(tokens.length, inTurn) }, (_, index) => {
      const node = toNodeName(Math.floor(((index % inTurn) * nodes) / inTurn) + 1);
      return `/nodes/${node}${BODIES['2 B'].path}\t${tokens[index % tokens.length] ?? ''}\n`;
    });
    writeFileSync(requestFile, lines.join(''));
    return contestant(proxy, '2 B', { requestFile });
  };
  try {
    const oneOfEach = await crowd(1, [alice]);
    const scenarios: Scenario[] = [];
    for (const { id, sizes } of CROWDS) {
      const contestants = [oneOfEach];
      for (const [nodes, count] of sizes) contestants.push(await crowd(nodes, count === 1 ? [alice] : users));
      const figures = await measure(contestants, { ...options, rounds: 2 * options.rounds });
      const names = figures.slice(1).map(({ name }) => name);
      const title = `2 B, one node and one user against ${names.join(' and ')} (${NODES_IN_TURN} nodes asked in turn)`;
      scenarios.push({ id, title, figures });
    }
    return scenarios;
  } finally {
    for (const gateway of gateways) await gateway.stop();
  }
}
