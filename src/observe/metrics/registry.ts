// The Prometheus registry: the one place that knows prom-client. It makes what the catalog lists, and the process's own
// metrics (memory, CPU, event loop, garbage collection).

import { Counter, Gauge, Histogram, Registry as PromRegistry, collectDefaultMetrics } from 'prom-client';
import { CATALOG } from './catalog.ts';
import type { LabelsOf, MetricKey, MetricSpec } from './catalog.ts';

type KeyOf<Type extends MetricSpec['type']> = {
  [Key in MetricKey]: (typeof CATALOG)[Key]['type'] extends Type ? Key : never;
}[MetricKey];

export interface Registry {
  add<Key extends KeyOf<'counter' | 'gauge'>>(key: Key, labels: LabelsOf<Key>, amount: number): void;
  set<Key extends KeyOf<'gauge'>>(key: Key, labels: LabelsOf<Key>, value: number): void;
  observe<Key extends KeyOf<'histogram'>>(key: Key, labels: LabelsOf<Key>, value: number): void;
  /** The text exposition format. */
  render(): Promise<Exposition>;
}

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

export function createRegistry(): Registry {
  const registry = new PromRegistry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<MetricKey, Counter | Gauge>();
  const gauges = new Map<MetricKey, Gauge>();
  const histograms = new Map<MetricKey, Histogram>();
  for (const [key, spec] of entries()) {
    const { name, help } = spec;
    const configuration = { name, help, labelNames: Object.keys(spec.labels), registers: [registry] };
    switch (spec.type) {
      case 'counter':
        counters.set(key, new Counter(configuration));
        break;
      case 'gauge': {
        const gauge = new Gauge(configuration);
        counters.set(key, gauge);
        gauges.set(key, gauge);
        break;
      }
      case 'histogram':
        histograms.set(key, new Histogram({ ...configuration, buckets: [...(spec.buckets ?? [])] }));
        break;
    }
  }
  return {
    add: (key, labels, amount) => counters.get(key)?.inc(labels, amount),
    set: (key, labels, value) => gauges.get(key)?.set(labels, value),
    observe: (key, labels, value) => histograms.get(key)?.observe(labels, value),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** The catalog's rows with their keys. */
export const entries = (): (readonly [MetricKey, MetricSpec])[] => {
  const keys = Object.keys(CATALOG).filter((key): key is MetricKey => key in CATALOG);
  return keys.map((key) => [key, CATALOG[key]] as const);
};
