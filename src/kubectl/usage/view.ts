// NodeMetrics and PodMetrics as `kubectl top` reads them (k8s.io/metrics pkg/apis/metrics/v1beta1).

import type { ContainerRef } from './readings.ts';

/** Of a node, or of one container. */
export interface Usage {
  readonly of: ContainerRef | undefined;
  readonly nanoCores: number;
  readonly memoryBytes: number;
  /** The end of the window, in milliseconds since the epoch. */
  readonly at: number;
  /** What the rate is the mean of. */
  readonly windowMs: number;
}

export interface PodUsage {
  readonly namespace: string;
  readonly name: string;
  readonly containers: readonly [Usage, ...Usage[]];
}

type Labels = Readonly<Record<string, string>>;

const API_VERSION = 'metrics.k8s.io/v1beta1';

export const toNodeMetrics = (name: string, labels: Labels, usage: Usage): object => ({
  kind: 'NodeMetrics',
  apiVersion: API_VERSION,
  metadata: { name, creationTimestamp: null, labels },
  ...toMoment(usage),
  usage: toQuantities(usage),
});

export const toPodMetrics = ({ namespace, name, containers }: PodUsage, labels: Labels): object => ({
  kind: 'PodMetrics',
  apiVersion: API_VERSION,
  metadata: { name, namespace, creationTimestamp: null, labels },
  // Of the container that was read first: no number in it is older.
  ...toMoment(containers.reduce((oldest, one) => (one.at < oldest.at ? one : oldest))),
  containers: containers.map((usage) => ({
    name: usage.of?.container ?? '',
    usage: toQuantities(usage),
  })),
});

export const toMetricsList = (
  kind: 'NodeMetricsList' | 'PodMetricsList',
  items: readonly object[],
): object => ({
  kind,
  apiVersion: API_VERSION,
  metadata: {},
  items,
});

const toMoment = ({ at, windowMs }: Usage): object => ({
  timestamp: new Date(at).toISOString(),
  window: `${windowMs / 1000}s`,
});

const toQuantities = ({ nanoCores, memoryBytes }: Usage): object => ({
  cpu: `${nanoCores}n`,
  memory: memoryBytes % 1024 === 0 ? `${memoryBytes / 1024}Ki` : `${memoryBytes}`,
});

/** In the order of namespaces and names. */
export function toPods(usages: readonly Usage[]): readonly PodUsage[] {
  const pods = new Map<string, { readonly of: ContainerRef; readonly containers: [Usage, ...Usage[]] }>();
  for (const usage of usages) {
    const { of } = usage;
    if (of === undefined) continue;
    const key = `${of.namespace}/${of.pod}`;
    const pod = pods.get(key);
    if (pod === undefined) pods.set(key, { of, containers: [usage] });
    else pod.containers.push(usage);
  }
  return [...pods]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { of, containers }]) => ({ namespace: of.namespace, name: of.pod, containers }));
}
