// What a kubelet says of the use of CPU and memory: counters of /metrics/resource (KEP-727), and the kubelet's own rates
// of /stats/summary (k8s.io/kubelet pkg/apis/stats/v1alpha1). Both come from a node, which may be hostile.

import type { ContainerName, Namespace, PodName } from '../../core/names.ts';
import { isContainerName, isNamespace, isPodName } from '../../core/names.ts';
import { at, field, list, text, time } from '../untrusted.ts';
import { readSamples } from './prometheus-text.ts';

/** Several times what a kubelet is made for; the rest is left out. */
const MAX_CONTAINERS = 5_000;
/** A million cores, and the safe integers: beyond it a node only boasts. */
const MAX_NANO_CORES = 1e15;
const isAmount = (value: unknown, max: number): value is number =>
  typeof value === 'number' && value >= 0 && value <= max;

export interface ContainerRef {
  readonly namespace: Namespace;
  readonly pod: PodName;
  readonly container: ContainerName;
}

/** Without one it is the node itself. */
export interface Reading {
  readonly of: ContainerRef | undefined;
  /** Since the container, or the node, began. */
  readonly cpuSeconds: number;
  /** When the counter was read, in milliseconds since the epoch. */
  readonly cpuAt: number;
  readonly memoryBytes: number;
}

/** What a rate or a reading is of: a container's names, or `` for the node. */
export const toKey = (of: ContainerRef | undefined): string =>
  of === undefined ? '' : `${of.namespace}/${of.pod}/${of.container}`;

const NODE_CPU = 'node_cpu_usage_seconds_total';
const NODE_MEMORY = 'node_memory_working_set_bytes';
const CONTAINER_CPU = 'container_cpu_usage_seconds_total';
const CONTAINER_MEMORY = 'container_memory_working_set_bytes';
const WANTED = new Set([NODE_CPU, NODE_MEMORY, CONTAINER_CPU, CONTAINER_MEMORY]);

interface Parts {
  readonly of: ContainerRef | undefined;
  cpu?: { readonly seconds: number; readonly at: number };
  memoryBytes?: number;
}

/** By `toKey`. `now` stands for the time of a line without one. What has not both CPU and memory is left out. */
export function readResourceMetrics(body: string, now: number): ReadonlyMap<string, Reading> {
  const found = new Map<string, Parts>();
  for (const { name, labels, value, at: sampledAt } of readSamples(body, WANTED)) {
    const of = name === NODE_CPU || name === NODE_MEMORY ? undefined : toRef((key) => labels.get(key));
    if (of === 'none') continue;
    const key = toKey(of);
    const parts = found.get(key) ?? { of };
    if (!found.has(key) && found.size > MAX_CONTAINERS) continue;
    found.set(key, parts);
    if (name === NODE_CPU || name === CONTAINER_CPU) {
      if (isAmount(value, Number.MAX_SAFE_INTEGER)) parts.cpu = { seconds: value, at: sampledAt ?? now };
    } else if (isAmount(value, Number.MAX_SAFE_INTEGER)) parts.memoryBytes = Math.round(value);
  }
  const readings = new Map<string, Reading>();
  for (const [key, { of, cpu, memoryBytes }] of found) {
    if (cpu === undefined || memoryBytes === undefined) continue;
    readings.set(key, { of, cpuSeconds: cpu.seconds, cpuAt: cpu.at, memoryBytes });
  }
  return readings;
}

function toRef(read: (name: string) => string | undefined): ContainerRef | 'none' {
  const namespace = read('namespace') ?? '';
  const pod = read('pod') ?? '';
  const container = read('container') ?? '';
  if (!isNamespace(namespace) || !isPodName(pod) || !isContainerName(container)) return 'none';
  return { namespace, pod, container };
}

export interface Rate {
  readonly nanoCores: number;
  /** When the kubelet made it; undefined where it does not say. */
  readonly at: number | undefined;
}

/** By `toKey`. */
export function readSummary(summary: unknown): ReadonlyMap<string, Rate> {
  const rates = new Map<string, Rate>();
  const add = (key: string, stats: unknown): void => {
    const nanoCores = at(stats, 'cpu', 'usageNanoCores');
    if (!isAmount(nanoCores, MAX_NANO_CORES) || rates.size > MAX_CONTAINERS) return;
    rates.set(key, { nanoCores: Math.round(nanoCores), at: time(at(stats, 'cpu', 'time')) });
  };
  add('', field(summary, 'node'));
  for (const pod of list(field(summary, 'pods'))) {
    const names = { namespace: at(pod, 'podRef', 'namespace'), pod: at(pod, 'podRef', 'name') };
    for (const container of list(field(pod, 'containers'))) {
      const of = toRef((key) => text(field({ ...names, container: field(container, 'name') }, key)));
      if (of !== 'none') add(toKey(of), container);
    }
  }
  return rates;
}

/** The mean rate between two readings, in billionths of a core; undefined where the counter began anew. */
export function toNanoCores(
  before: Pick<Reading, 'cpuSeconds' | 'cpuAt'>,
  now: Pick<Reading, 'cpuSeconds' | 'cpuAt'>,
): number | undefined {
  const seconds = now.cpuSeconds - before.cpuSeconds;
  const elapsedMs = now.cpuAt - before.cpuAt;
  if (seconds < 0 || elapsedMs <= 0) return undefined;
  const rate = Math.round((seconds * 1e12) / elapsedMs);
  return rate <= MAX_NANO_CORES ? rate : undefined;
}
