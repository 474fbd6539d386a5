// What `kubectl get nodes` is answered: the nodes of the inventory, with what an API server said of them where one is
// followed, and otherwise with what their kubelets tell those who may know it.

import { createHash } from 'node:crypto';
import type { Action } from '../core/action.ts';
import type { Requirement } from '../core/attributes.ts';
import type { Identified } from '../core/exchange.ts';
import type { FleetQuery } from '../core/fleet.ts';
import type { NodeName } from '../core/names.ts';
import type { NodeEntry, NodeInfo } from '../core/node.ts';
import type { FleetAnswer, FleetPorts } from './ports.ts';
import type { Positions } from './positions.ts';
import type { Held, Readable } from './readable.ts';
import { Fault } from '../core/fault.ts';
import { matchesFields } from '../kubectl/field-selector.ts';
import { matchesLabels } from '../kubectl/label-selector.ts';
import { toNode, toNodesDocument } from '../kubectl/nodes-view.ts';
import { toListText } from './pods-list.ts';
import { getNode, refuseAbsent, toJson, toNodes, toResolved } from './ports.ts';
import { askAll, readable, readableBy, withHeld } from './readable.ts';

const HEALTH: Action = { kind: 'healthz', verbose: false, exclude: [] };

type NodesQuery = Extract<FleetQuery, { kind: 'nodes' }>;
type NodesPorts = Pick<FleetPorts, 'clock' | 'inventory' | 'authorize' | 'admit' | 'machines'>;

/** Rejects with a Fault. */
export async function answerNodes(
  ports: NodesPorts & { readonly positions: Positions },
  asked: Identified,
  query: NodesQuery,
): Promise<FleetAnswer> {
  const { name, view } = query;
  const { entries, held } = await describeNodes(ports, asked, query);
  const { clock, positions } = ports;
  if (name !== undefined) return toJson(toNodesDocument(entries, view, clock.now(), { name }));
  const resourceVersion = positions.next();
  const shown = new Map(entries.map((entry) => [entry.name, toFingerprint(entry)]));
  positions.keep(toListText('nodes', asked, query, query.within), resourceVersion, new Map([['', shown]]));
  const document = toNodesDocument(entries, view, clock.now(), { meta: { resourceVersion } });
  return { ...toJson(document), headers: withHeld({}, held) };
}

/** Of all that is shown of the node. */
export const toFingerprint = (entry: NodeEntry): string =>
  createHash('sha1')
    .update(JSON.stringify(toNode(entry)))
    .digest('base64url')
    .slice(0, 16);

/**
 * The nodes of the query that the caller may know of, with what is told of them; their health as of `maxAgeMs` ago at
 * most. Rejects with a Fault.
 */
export async function describeNodes(
  ports: NodesPorts,
  asked: Identified,
  query: NodesQuery,
  maxAgeMs = 0,
): Promise<{ readonly entries: readonly NodeEntry[]; readonly held: Held }> {
  const { labelSelector, fieldSelector } = query;
  const nodes = toNodes(ports, query).filter(
    ({ name, labels = {} }) =>
      matchesLabels(labelSelector, new Map(Object.entries(labels))) &&
      matchesFields(fieldSelector, { metadata: { name } }),
  );
  const { nodes: shown, held } = await readableBy(ports, nodes, (entry) =>
    toResolved(asked, entry, HEALTH, toNodeRequirement(entry?.name ?? '')),
  );
  refuseAbsent(ports, query);
  const told = await tellOf(ports, asked, shown, maxAgeMs);
  const entries = shown.map(({ entry }): NodeEntry => {
    const found = told.get(entry.name);
    const ready = entry.ready ?? found?.ready;
    return { ...entry, ...(ready === undefined ? {} : { ready }), info: { ...found?.info, ...entry.info } };
  });
  return { entries, held };
}

interface Told {
  readonly ready: boolean | undefined;
  readonly info: NodeInfo;
}

/** What is not known yet of the nodes of which the caller may know more than their names. */
async function tellOf(
  ports: NodesPorts,
  asked: Identified,
  shown: readonly Readable[],
  maxAgeMs: number,
): Promise<ReadonlyMap<NodeName, Told>> {
  const detailed = await readable(
    // They were let through to.
    { authorize: ports.authorize, admit: () => undefined },
    shown.map(({ entry }) => entry),
    (entry) => toResolved(asked, entry, HEALTH, toDetailRequirement(entry?.name ?? '')),
  ).catch((error: unknown) => {
    if (error instanceof Fault && error.reason === 'Forbidden') return [];
    throw error;
  });
  const { answers } = await askAll(ports, detailed, asked, async ({ authorized, entry }, signal) => {
    const located = { ...authorized, entry };
    const ready = entry.ready ?? (await ports.machines.healthy(located, signal, maxAgeMs));
    // A kubelet that is not there is not asked three more times.
    const isKnown = entry.info?.kubeletVersion !== undefined || !ready;
    const told: Told = { ready, info: isKnown ? {} : await ports.machines.info(located) };
    return [entry.name, told] as const;
  });
  return new Map(answers);
}

/** Who may ask a node anything may see that it is there. */
const toNodeRequirement = (name: string): Requirement => [
  getNode('', name),
  getNode('proxy', name),
  getNode('pods', name),
  getNode('metrics', name),
  getNode('stats', name),
];

/** Versions and sizes are in the Node object, and in the metrics of its kubelet. */
const toDetailRequirement = (name: string): Requirement => [
  getNode('', name),
  getNode('proxy', name),
  getNode('metrics', name),
];
