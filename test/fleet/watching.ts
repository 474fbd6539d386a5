// Nodes of a test's own making, and watches of them on a clock that stands still.

import type { PodsView, WatchOptions } from '../../src/core/action.ts';
import type { Authorizer } from '../../src/core/decision.ts';
import type { Authorized, Identified } from '../../src/core/exchange.ts';
import type { Fault } from '../../src/core/fault.ts';
import type { NodeEntry } from '../../src/core/node.ts';
import type { Places } from '../../src/fleet/one-pod.ts';
import type { FleetAnswer } from '../../src/fleet/ports.ts';
import type { WatchAnswer } from '../../src/fleet/watches.ts';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import { createByteBudget } from '../../src/core/byte-budget.ts';
import { answerNodes } from '../../src/fleet/nodes-answer.ts';
import { answerPods } from '../../src/fleet/pods-answer.ts';
import { createFleetWatch } from '../../src/fleet/watch-answer.ts';
import type { WatchPorts } from '../../src/fleet/watches.ts';
import { createWatches } from '../../src/fleet/watches.ts';
import { toRequirement } from '../../src/resolve/attributes.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createResolved, createUser, nodeName } from '../support/resolved.ts';

export interface WatchEvent {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly metadata: {
      readonly name?: string;
      readonly resourceVersion?: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly status?: { readonly phase?: string };
    readonly message?: string;
    readonly code?: number;
    readonly columnDefinitions?: unknown;
    readonly rows?: readonly { readonly cells: readonly string[] }[];
  };
}

export const VIEW: PodsView = { labelSelector: [], fieldSelector: [], as: 'Object', includeObject: 'None' };
export const FROM_NOW: WatchOptions = { resourceVersion: '0', bookmarks: false };

/** `node/name=phase`, with `#uid` and `@app` where they matter. */
export const pod = (node: string, name: string, phase = 'Running', more: object = {}): object => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}`, ...more },
  spec: { nodeName: node },
  status: { phase },
});

/** A few turns of the event loop: for what nobody has to wait for. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const entryOf = (name: string): NodeEntry => ({
  name: nodeName(name),
  address: '127.0.0.1',
  port: 1,
  fingerprint: name,
  serverName: name,
  certificateAuthority: '',
});

const ALLOW: Authorizer = () => ({ kind: 'allow', reason: 'test' });

/** `where`: what an API server says of any pod that is asked about alone; without it there is none. */
export function createFleet(
  pods: Record<string, readonly object[]>,
  authorizer: Authorizer = ALLOW,
  where?: Places['where'],
) {
  const clock = createFakeClock(Date.parse('2026-11-23T17:20:00Z'));
  const reads: string[] = [];
  const unhealthy = new Set<string>();
  const delays = new Map<string, Promise<unknown>>();
  const doubted: string[] = [];
  const closed = new Map<string, Fault>();
  const watches = createWatches({ clock });
  const authorize = createAuthorize({ authorizer });
  const ports = {
    clock,
    authorize,
    admit: (authorized: Authorized): void => {
      const fault = closed.get(authorized.node);
      if (fault !== undefined) throw fault;
    },
    inventory: () => ({
      get: (name: string) => (name in pods ? entryOf(name) : undefined),
      list: () => Object.keys(pods).map(entryOf),
    }),
    toRequirement: (action: Parameters<typeof toRequirement>[0], node: Parameters<typeof toRequirement>[1]) =>
      toRequirement(action, node, { podSubresources: true }),
    pods: async ({ entry: { name } }: { readonly entry: NodeEntry }): Promise<unknown> => {
      reads.push(name);
      await delays.get(name);
      const items = pods[name];
      if (items === undefined) throw new Error('gone');
      return { kind: 'PodList', items };
    },
    places: where && { where, doubt: (_: unknown, node: string) => void doubted.push(node) },
    machines: {
      info: () => Promise.resolve({}),
      healthy: ({ entry }: { readonly entry: NodeEntry }) => Promise.resolve(!unhealthy.has(entry.name)),
    },
  };
  /** Asked for again while a watch runs. */
  const again: string[] = [];
  const use = (askAgain: WatchPorts['again']): void => watches.use({ ...ports, again: askAgain });
  use((resolved) => {
    again.push('node' in resolved ? resolved.node : '');
    return authorize(resolved);
  });
  const held: { readonly node: string }[] = [];
  const watch = createFleetWatch({
    clock,
    watches,
    toRequirement: ports.toRequirement,
    during: async (exchange, work) => {
      held.push({ node: 'node' in exchange ? exchange.node : '' });
      return work();
    },
  });
  const listing = { ...ports, positions: watches.positions, budget: createByteBudget(1e9) };
  return {
    clock,
    pods,
    reads,
    unhealthy,
    /** Nodes of which it was said that they do not have the pod. */
    doubted,
    /** Nodes that nobody is let through to, and why. */
    closed,
    /** What reading a node waits for. */
    delays,
    watches,
    watch,
    again,
    use,
    held,
    asked: (name = 'alice'): Identified => createResolved({ user: createUser(name) }),
    list: (view: PodsView, asked: Identified): Promise<FleetAnswer> => answerPods(listing, asked, view),
    listNodes: (asked: Identified): Promise<FleetAnswer> =>
      answerNodes(listing, asked, { kind: 'nodes', labelSelector: [], fieldSelector: [], view: 'Object' }),
    /** Watches all pods of the view. */
    open: async (
      view: PodsView,
      options: WatchOptions = FROM_NOW,
      asked: Identified = createResolved(),
    ): Promise<Followed> => {
      const answer = await watch.ofFleet(asked, { kind: 'pods', view: { ...view, watch: options } });
      if (answer === undefined) throw new Error('no watch');
      return follow(answer, asked);
    },
  };
}

export interface Followed {
  readonly answer: WatchAnswer;
  readonly asked: Identified;
  readonly events: readonly WatchEvent[];
  /** The types and names, or rows, of what has come since it was asked for last. */
  news(): Promise<readonly string[]>;
  /** Resolves when the watch has ended. */
  readonly ended: Promise<void>;
}

export function follow(answer: WatchAnswer, asked: Identified): Followed {
  const events: WatchEvent[] = [];
  let told = 0;
  const read = async (): Promise<void> => {
    for await (const line of answer.body) if (line !== '') events.push(JSON.parse(line) as WatchEvent);
  };
  return {
    answer,
    asked,
    events,
    ended: read(),
    news: async () => {
      await settle();
      const fresh = events.slice(told);
      told = events.length;
      return fresh.map(({ type, object }) => {
        if (object.kind === 'Status') return `${type} ${object.code ?? 0} ${object.message ?? ''}`;
        if (object.rows !== undefined) return `${type} ${object.rows[0]?.cells.slice(0, 3).join(' ') ?? ''}`;
        return `${type} ${object.metadata.name ?? ''} ${object.status?.phase ?? ''}`.trim();
      });
    },
  };
}
