// Which nodes there are, from the configuration: its own list, a node file, or the Nodes of a cluster. What is followed
// outlives the line, so that a reload forgets no node.

import type { Inventory } from '../core/node.ts';
import type { NodesSettings, NodeSource } from '../core/node-source.ts';
import type { FollowedInventory } from '../inventory/kubernetes.ts';
import type { Foundation } from './foundation.ts';
import { loadNodeList } from '../config/node-list.ts';
import { watchFiles } from '../config/watch-files.ts';
import { createKubernetesInventory } from '../inventory/kubernetes.ts';
import { createNodeCache } from '../inventory/node-cache.ts';
import { createStaticInventory } from '../inventory/static.ts';
import { createNodeStore } from '../inventory/store.ts';
import { toConnectionKey } from '../kube/agent.ts';
import type { PodClient } from '../kube/pod-client.ts';
import { createPodClient } from '../kube/pod-client.ts';
import { follow } from '../kube/watch/follow.ts';

export interface ComposedInventory {
  readonly inventory: Inventory;
  /** The API server that the nodes come from, asked about pods. Absent: there is none. */
  readonly podClient?: PodClient;
  readonly release: () => void;
}

/** Exchanges that began before a reload may still be authorized, and then look a pod up. */
const LAST_ANSWERS_MS = 30_000;

type Followed<Kind extends NodeSource['kind']> = Extract<NodeSource, { kind: Kind }>;

export function composeInventory(foundation: Foundation, { source }: NodesSettings): ComposedInventory {
  if (source.kind === 'list') {
    const inventory = createStaticInventory(source.nodes);
    foundation.metrics.inventory.nodes(source.nodes.length, 0);
    foundation.metrics.inventory.current(true);
    return { inventory, release: () => undefined };
  }
  if (source.kind === 'file') {
    const key = `file ${source.path}`;
    const taken = foundation.inventories.take(key, () => followFile(foundation, source));
    return { inventory: taken.value, release: () => taken.release() };
  }
  const podClient = createPodClient(source.connection);
  const taken = foundation.inventories.take(toKey(source), () => followCluster(foundation, source));
  const release = (): void => {
    taken.release();
    // Questions that are on their way may still be answered.
    foundation.clock.after(LAST_ANSWERS_MS, () => podClient.close());
  };
  return { inventory: taken.value, podClient, release };
}

/** Everything that makes a difference to what is followed; a secret of the connection shows as a digest. */
const toKey = ({ connection, ...rest }: Followed<'kubernetes'>): string =>
  `kubernetes ${toConnectionKey(connection)} ${JSON.stringify(rest)}`;

function followCluster(
  { clock, log, metrics }: Foundation,
  source: Followed<'kubernetes'>,
): FollowedInventory {
  const { connection, cachePath, labelSelector = '' } = source;
  const cluster = `${connection.server} ${labelSelector}`;
  return createKubernetesInventory(
    {
      feed: (follower, options) => follow({ clock }, connection, follower, options),
      ...(cachePath === undefined ? {} : { cache: createNodeCache({ log }, cachePath, cluster) }),
      clock,
      log,
      metrics: metrics.inventory,
    },
    source,
  );
}

/** A file that is not good keeps the nodes of the last good one. */
function followFile({ clock, log, metrics }: Foundation, source: Followed<'file'>): FollowedInventory {
  const { path } = source;
  const store = createNodeStore();
  const put = (nodes: Followed<'file'>['nodes']): void => {
    const changes = store.replace(nodes);
    metrics.inventory.nodes(store.size, 0);
    metrics.inventory.current(true);
    log.info({ path, nodes: store.size, changes }, 'the node file was read');
  };
  const read = async (): Promise<void> => {
    const result = await loadNodeList(path, clock.now());
    if (result.ok) {
      put(result.nodes);
      return;
    }
    metrics.inventory.current(false);
    log.error({ path, problems: result.problems }, 'the node file cannot be used; the last good one counts');
  };
  put(source.nodes);
  const list = async (): Promise<readonly string[]> => (await loadNodeList(path, clock.now())).files;
  let turn = Promise.resolve();
  const onChange = (): void => {
    turn = turn.then(read).catch((err: unknown) => log.error({ err, path }, 'the node file was not read'));
  };
  const watch = watchFiles(list, onChange, { clock, log });
  return {
    get: (name) => store.get(name),
    list: () => store.list(),
    problem: () => undefined,
    stop: () => watch.close(),
  };
}
