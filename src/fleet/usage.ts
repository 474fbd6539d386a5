// What nodes and their containers use at present. `/metrics/resource` has counters, so that a rate takes two readings:
// the last one of each node is kept, and while there is none, or none that is young enough, the kubelet's own rate is
// taken (usageNanoCores of `/stats/summary`). Readings are for whoever may ask, and shared by all who ask.

import type { Action } from '../core/action.ts';
import type { Located } from '../core/exchange.ts';
import type { Inventory } from '../core/node.ts';
import type { NodeName } from '../core/names.ts';
import type { Clock } from '../core/ports.ts';
import type { Rate, Reading } from '../kubectl/usage/readings.ts';
import type { Usage } from '../kubectl/usage/view.ts';
import { readResourceMetrics, readSummary, toKey, toNanoCores } from '../kubectl/usage/readings.ts';
import { withLimit } from './readable.ts';

/** A reading this old is good enough for whoever asks next; kubelets make new ones every 10 to 15 s. */
const FRESH_MS = 5_000;
/** Counters that are closer together than this say little about a rate. */
const MIN_WINDOW_MS = 1_000;
/** The mean over more than this is not what "at present" means. */
const MAX_WINDOW_MS = 120_000;
/** The kubelet's housekeeping interval: it does not say over which time its own rate is. */
const SUMMARY_WINDOW_MS = 10_000;
/** Of all nodes together, about 50 MB; beyond it the nodes that were read longest ago are forgotten. */
const MAX_KEPT = 200_000;

export interface UsagePorts {
  readonly clock: Clock;
  readonly inventory: () => Inventory;
  /** The node's answer to `action`, asked with a credential of the gateway's own. */
  readonly read: (located: Located, action: Action, signal: AbortSignal) => Promise<string>;
}

/** The last reading that a rate could begin at, and the rate that ended at it. */
interface Point {
  readonly reading: Reading;
  readonly usage: Usage | undefined;
}

interface Known {
  readonly points: ReadonlyMap<string, Point>;
  readonly usages: readonly Usage[];
  readonly readAt: number;
}

const RESOURCE: Action = { kind: 'metrics', endpoint: 'resource' };
const SUMMARY: Action = { kind: 'stats', path: ['summary'], onlyCpuAndMemory: true };

/**
 * The node's own usage (without `of`) and its containers'. What has no rate yet is left out. Rejects when the node does
 * not answer, or when it tells nothing that is usable.
 */
export type ReadUsage = (located: Located) => Promise<readonly Usage[]>;

export function createUsage({ clock, inventory, read }: UsagePorts): ReadUsage {
  const known = new Map<NodeName, Known>();
  const running = new Map<NodeName, Promise<readonly Usage[]>>();
  let kept = 0;

  const forget = (node: NodeName): void => {
    kept -= known.get(node)?.points.size ?? 0;
    known.delete(node);
  };
  const keep = (node: NodeName, entry: Known): void => {
    forget(node);
    known.set(node, entry);
    kept += entry.points.size;
    for (const other of known.keys()) {
      if (kept > MAX_KEPT || inventory().get(other) === undefined) forget(other);
    }
  };
  const readOne = async (located: Located): Promise<readonly Usage[]> => {
    const { name } = located.entry;
    return withLimit(clock, undefined, async (signal) => {
      const readings = readResourceMetrics(await read(located, RESOURCE, signal), clock.now());
      const before = known.get(name)?.points;
      const points = new Map([...readings].map(([key, now]) => [key, toPoint(before?.get(key), now)]));
      const isCold = [...points.values()].some(({ usage }) => usage === undefined);
      const rates = isCold ? await readRates(read, located, signal) : new Map<string, Rate>();
      const usages = [...points.values()].flatMap((point) => point.usage ?? toUsage(point, rates));
      keep(name, { points, usages, readAt: clock.now() });
      if (usages.length === 0) throw new Error('the node tells no use of CPU and memory');
      return usages;
    });
  };
  return (located) => {
    const { name } = located.entry;
    const last = known.get(name);
    if (last !== undefined && last.usages.length > 0 && clock.now() - last.readAt < FRESH_MS)
      return Promise.resolve(last.usages);
    const reading = running.get(name) ?? readOne(located).finally(() => running.delete(name));
    running.set(name, reading);
    return reading;
  };
}

function toPoint(before: Point | undefined, reading: Reading): Point {
  const elapsedMs = before === undefined ? NaN : reading.cpuAt - before.reading.cpuAt;
  // The kubelet has read no new counter yet: the old rate is still its last.
  if (before !== undefined && elapsedMs >= 0 && elapsedMs < MIN_WINDOW_MS) {
    const { memoryBytes } = reading;
    return { ...before, usage: before.usage === undefined ? undefined : { ...before.usage, memoryBytes } };
  }
  const nanoCores =
    before === undefined || elapsedMs > MAX_WINDOW_MS ? undefined : toNanoCores(before.reading, reading);
  if (nanoCores === undefined) return { reading, usage: undefined };
  const { of, memoryBytes, cpuAt: at } = reading;
  return { reading, usage: { of, nanoCores, memoryBytes, at, windowMs: elapsedMs } };
}

function toUsage({ reading }: Point, rates: ReadonlyMap<string, Rate>): readonly Usage[] {
  const { of, memoryBytes, cpuAt } = reading;
  const rate = rates.get(toKey(of));
  if (rate === undefined) return [];
  const { nanoCores, at = cpuAt } = rate;
  return [{ of, nanoCores, memoryBytes, at, windowMs: SUMMARY_WINDOW_MS }];
}

/** None, where the node or the gateway's credential does not allow it: then it takes a second reading. */
async function readRates(
  read: UsagePorts['read'],
  located: Located,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Rate>> {
  try {
    return readSummary(JSON.parse(await read(located, SUMMARY, signal)));
  } catch {
    return new Map();
  }
}
