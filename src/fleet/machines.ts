// What the kubelets tell of their nodes: versions and size, which are kept for a while, and whether they are healthy,
// which is asked anew.

import type { Action } from '../core/action.ts';
import type { Located } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { Inventory, NodeInfo } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import { readBuild, readMachine, readStatus } from '../kubectl/usage/machine.ts';
import { withLimit } from './readable.ts';

/** A machine does not change, but a kubelet is upgraded. */
const MAX_AGE_MS = 600_000;

export interface MachinePorts {
  readonly clock: Clock;
  readonly inventory: () => Inventory;
  /** The node's answer to `action`, asked with a credential of the gateway's own. */
  readonly read: (located: Located, action: Action, signal: AbortSignal) => Promise<string>;
}

export interface ReadMachine {
  /** What the node told, which may be nothing. Never rejects. */
  info(located: Located): Promise<NodeInfo>;
  /** Whether its kubelet answers that it is healthy, as of `maxAgeMs` ago at most. Never rejects. */
  healthy(located: Located, signal: AbortSignal, maxAgeMs?: number): Promise<boolean>;
}

export function createMachines({ clock, inventory, read }: MachinePorts): ReadMachine {
  const known = new Map<NodeName, { readonly info: NodeInfo; readonly readAt: number }>();
  const running = new Map<NodeName, Promise<NodeInfo>>();
  const health = new Map<NodeName, { readonly answer: Promise<boolean>; readonly askedAt: number }>();
  const isHealthy = async (located: Located, signal: AbortSignal): Promise<boolean> => {
    try {
      await read(located, { kind: 'healthz', verbose: false, exclude: [] }, signal);
      return true;
    } catch {
      return false;
    }
  };
  const ask = async (
    located: Located,
    action: Action,
    parse: (body: string) => NodeInfo,
    signal: AbortSignal,
  ): Promise<NodeInfo> => {
    try {
      return parse(await read(located, action, signal));
    } catch {
      return {};
    }
  };
  const readOne = async (located: Located, signal: AbortSignal): Promise<NodeInfo> => {
    const { name } = located.entry;
    const machine = await ask(located, { kind: 'metrics', endpoint: 'cadvisor' }, readMachine, signal);
    const build = await ask(located, { kind: 'metrics', endpoint: 'kubelet' }, readBuild, signal);
    // Not all kubelets have the metric.
    const status =
      'kubeletVersion' in build ? {} : await ask(located, { kind: 'statusz' }, readStatus, signal);
    const info = { ...machine, ...build, ...status };
    for (const map of [known, health]) {
      for (const other of map.keys()) if (inventory().get(other) === undefined) map.delete(other);
    }
    // Who told nothing may do so next time.
    if (Object.keys(info).length > 0) known.set(name, { info, readAt: clock.now() });
    return info;
  };
  return {
    info: (located) => {
      const { name } = located.entry;
      const last = known.get(name);
      if (last !== undefined && clock.now() - last.readAt < MAX_AGE_MS) return Promise.resolve(last.info);
      // For all who ask at the same time: it outlives the request that began it.
      const reading =
        running.get(name) ??
        withLimit(clock, undefined, (signal) => readOne(located, signal)).finally(() => running.delete(name));
      running.set(name, reading);
      return reading;
    },
    healthy: async (located, signal, maxAgeMs = 0) => {
      const { name } = located.entry;
      if (maxAgeMs === 0) return isHealthy(located, signal);
      const last = health.get(name);
      if (last !== undefined && clock.now() - last.askedAt < maxAgeMs) return last.answer;
      // For all who ask: it outlives the request that began it.
      const answer = withLimit(clock, undefined, (limit) => isHealthy(located, limit));
      health.set(name, { answer, askedAt: clock.now() });
      return answer;
    },
  };
}
