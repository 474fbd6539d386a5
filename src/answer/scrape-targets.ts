// What /sd/prometheus answers: the nodes whose metrics the caller may read, in the format of Prometheus's HTTP service
// discovery (http_sd). A node that the caller may not scrape is not named.

import type { Attributes } from '../core/attributes.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Identified } from '../core/exchange.ts';
import type { Inventory, NodeEntry } from '../core/node.ts';
import type { User } from '../core/user.ts';
import { Fault } from '../core/fault.ts';

/** Questions asked at a time, below an authorizer's own bound for a user. */
const CONCURRENCY = 20;

/** `host`, `host:port`, `[v6]`, `[v6]:port`: what may stand as a target. */
const HOST = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

export interface ScrapeTarget {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const NODE_LABEL = '__meta_kubelet_gateway_node';

const metricsOf = (node: string): Attributes => ({
  verb: 'get',
  apiGroup: '',
  version: 'v1',
  resource: 'nodes',
  subresource: 'metrics',
  namespace: '',
  name: node,
});

/**
 * Lists the targets for the caller, all at the address under which the caller reached the gateway. Throws a Fault
 * when that address is not one, while no node is known yet, or when the authorizer cannot decide.
 */
export function createScrapeTargets(ports: {
  readonly inventory: () => Inventory;
  readonly authorizer: Authorizer;
}): (identified: Identified) => Promise<readonly ScrapeTarget[]> {
  return async (identified) => {
    const host = identified.headers.first('host') ?? '';
    if (!HOST.test(host))
      throw new Fault('BadRequest', 'the Host header is not a host name with an optional port');
    const inventory = ports.inventory();
    // An empty list would tell Prometheus to forget every node.
    const problem = inventory.problem?.();
    if (problem !== undefined) throw new Fault('ServiceUnavailable', problem);
    const nodes = await readable(ports.authorizer, identified.authentication.user, [...inventory.list()]);
    return nodes.map((node) => ({
      targets: [host],
      labels: { [NODE_LABEL]: node.name, __metrics_path__: `/nodes/${node.name}/metrics` },
    }));
  };
}

export const toNodeNames = (targets: readonly ScrapeTarget[]): readonly string[] =>
  targets.flatMap(({ labels }) => labels[NODE_LABEL] ?? []);

async function readable(
  authorizer: Authorizer,
  user: User,
  nodes: readonly NodeEntry[],
): Promise<readonly NodeEntry[]> {
  // An empty name asks for all names: one question instead of ten thousand for whoever may scrape the whole fleet.
  const everywhere = await authorizer(user, metricsOf(''));
  if (everywhere.kind === 'allow') return nodes;
  const allowed: NodeEntry[] = [];
  for (let at = 0; at < nodes.length; at += CONCURRENCY) {
    const some = nodes.slice(at, at + CONCURRENCY);
    const decisions = await Promise.all(some.map(async (node) => authorizer(user, metricsOf(node.name))));
    allowed.push(...some.filter((_, index) => decisions[index]?.kind === 'allow'));
  }
  return allowed;
}
