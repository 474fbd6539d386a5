// Bodies that a real kubelet answered (see data/README.md), made to speak of this node and its pods: what the capture says
// about the pod default/web and its one container is said of every simulated pod and container, and the rest is kept.

import { readFileSync } from 'node:fs';
import type { PodSandbox } from './containers.ts';

const read = (name: string): string => readFileSync(new URL(`data/${name}`, import.meta.url), 'utf8');

const TEMPLATE_UID = '6426f3c9-8582-4911-afec-c3e86640cae9';
const ABOUT_A_POD = /[{,]pod="[^"]+"/;
const ABOUT_THE_TEMPLATE = /[{,]pod="web"/;
const ABOUT_A_CONTAINER = /[{,]container="web"/;

export interface NodeData {
  /** Prometheus text of /metrics and what is below it. */
  metrics(endpoint: '' | 'cadvisor' | 'probes' | 'resource' | 'slis'): string;
  summary(onlyCpuAndMemory: boolean): string;
  configz(): string;
  flagz(): string;
  statusz(): string;
}

export const createNodeData = (
  nodeName: string,
  pods: readonly PodSandbox[],
  now: () => number,
  began = now(),
): NodeData => ({
  metrics: (endpoint) => {
    const file = endpoint === '' ? 'metrics.txt' : `metrics-${endpoint}.txt`;
    const lines = read(file).replaceAll('node="node-1"', `node="${nodeName}"`).split('\n');
    // Samples as old as the capture would be dropped by whoever scrapes them.
    const sampledAt = ` ${now()}`;
    const elapsedSeconds = (now() - began) / 1000;
    return lines
      .flatMap((line) => adaptLine(line, pods))
      .map((line) => (endpoint === 'resource' ? grow(line, elapsedSeconds) : line))
      .map((line) => line.replace(/ \d{13}$/, sampledAt))
      .join('\n');
  },
  summary: (onlyCpuAndMemory) => summaryJson(nodeName, pods, onlyCpuAndMemory, now()),
  configz: () => `${JSON.stringify(JSON.parse(read('configz.json')))}\n`,
  flagz: () => read('flagz.txt').replace('hostname-override=node-1', `hostname-override=${nodeName}`),
  statusz: () => read('statusz.txt'),
});

/** Cores that a simulated node, pod and container use: counters that stand still would say that nothing runs. */
const CORES = { node: 0.25, pod: 0.025, container: 0.02 };

const grow = (line: string, elapsedSeconds: number): string =>
  line.replace(
    /^((node|pod|container)_cpu_usage_seconds_total(?:\{.*\})?) (\S+)/,
    (_, series: string, of: keyof typeof CORES, value: string) =>
      `${series} ${Number(value) + CORES[of] * elapsedSeconds}`,
  );

const adaptLine = (line: string, pods: readonly PodSandbox[]): string[] => {
  if (line.startsWith('#') || !ABOUT_A_POD.test(line)) return [line];
  if (!ABOUT_THE_TEMPLATE.test(line)) return [];
  return pods.flatMap((pod) => {
    const forPod = line
      .replace(/([{,])pod="web"/, `$1pod="${pod.spec.name}"`)
      .replace(/([{,])namespace="default"/, `$1namespace="${pod.spec.namespace}"`)
      .replaceAll(TEMPLATE_UID, pod.uid);
    if (!ABOUT_A_CONTAINER.test(line)) return [forPod];
    return pod.containers.map(({ spec }) =>
      forPod.replace(/([{,])container="web"/, `$1container="${spec.name}"`),
    );
  });
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const recordsIn = (value: unknown): readonly Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter(isRecord) : [];

const only = (record: Record<string, unknown>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => names.includes(name)));

const summaryJson = (
  nodeName: string,
  pods: readonly PodSandbox[],
  onlyCpuAndMemory: boolean,
  now: number,
): string => {
  const captured: unknown = JSON.parse(read('stats-summary.json'));
  if (!isRecord(captured) || !isRecord(captured['node']))
    throw new TypeError('stats-summary.json: no summary');
  const template = recordsIn(captured['pods']).find(
    ({ podRef }) => isRecord(podRef) && podRef['name'] === 'web',
  );
  const [container] = recordsIn(template?.['containers']);
  if (template === undefined || container === undefined)
    throw new TypeError('stats-summary.json: no pod web');
  const kept = [
    'name',
    'nodeName',
    'startTime',
    'systemContainers',
    'cpu',
    'memory',
    'swap',
    'podRef',
    'containers',
  ];
  const reduce = (record: Record<string, unknown>): Record<string, unknown> =>
    onlyCpuAndMemory ? only(record, kept) : record;
  const summary = {
    node: reduce({ ...captured['node'], nodeName }),
    pods: pods.map((pod) =>
      reduce({
        ...template,
        podRef: { name: pod.spec.name, namespace: pod.spec.namespace, uid: pod.uid },
        containers: pod.containers.map(({ spec }) => reduce({ ...container, name: spec.name })),
      }),
    ),
  };
  // When it was sampled: a moment ago, in whole seconds.
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  return JSON.stringify(summary, (key, value: unknown) => (key === 'time' ? time : value), 1);
};
