// What `kubectl top` is answered: NodeMetrics and PodMetrics of the nodes that the caller may read. They may be read by
// a right on metrics.k8s.io, as in a cluster with metrics-server, or by the kubelet's own, `get` on nodes/metrics.

import type { Action, PodsView } from '../core/action.ts';
import type { Attributes, Requirement } from '../core/attributes.ts';
import type { Identified, Sought } from '../core/exchange.ts';
import type { FleetQuery } from '../core/fleet.ts';
import type { NodeName } from '../core/names.ts';
import type { NodeEntry } from '../core/node.ts';
import type { Usage } from '../kubectl/usage/view.ts';
import type { FleetAnswer, FleetPorts } from './ports.ts';
import type { Readable } from './readable.ts';
import { Fault } from '../core/fault.ts';
import { matchesLabels } from '../kubectl/label-selector.ts';
import { at, isRecord, text } from '../kubectl/untrusted.ts';
import { toMetricsList, toNodeMetrics, toPodMetrics, toPods } from '../kubectl/usage/view.ts';
import { findOnePod } from './one-pod.ts';
import { readOwnPods } from './own-pods.ts';
import { toConflict } from './pod-index.ts';
import { toPinned } from './pods-list.ts';
import { getNode, refuseAbsent, toJson, toNodes, toResolved } from './ports.ts';
import { askAll, readable, readableBy, withHeld } from './readable.ts';

type NodeQuery = Extract<FleetQuery, { kind: 'nodeMetrics' }>;
type PodQuery = Extract<FleetQuery, { kind: 'podMetrics' }>;

/** In one answer, about 20 MB; beyond it people are told to ask for less. */
const MAX_CONTAINERS = 100_000;

const ACTION: Action = { kind: 'metrics', endpoint: 'resource' };

/** Rejects with a Fault: Forbidden, NotFound, Conflict, ServiceUnavailable where no node told anything. */
export async function answerNodeUsage(
  ports: FleetPorts,
  asked: Identified,
  query: NodeQuery,
): Promise<FleetAnswer> {
  const nodes = toNodes(ports, query).filter(({ labels = {} }) =>
    matchesLabels(query.labelSelector, new Map(Object.entries(labels))),
  );
  const { nodes: permitted, held } = await readableBy(ports, nodes, (entry) =>
    toResolved(asked, entry, ACTION, toNodeRequirement(entry, query)),
  );
  refuseAbsent(ports, query);
  const { answers, headers } = await askAll(ports, permitted, asked, async ({ authorized, entry }) => {
    const usages = await ports.usage({ ...authorized, entry });
    const usage = usages.find(({ of }) => of === undefined);
    if (usage === undefined) throw new Error('the node tells nothing of itself');
    return toNodeMetrics(entry.name, entry.labels ?? {}, usage);
  });
  refuseSilence(permitted, answers);
  const [first] = answers;
  if (query.name === undefined) {
    return { ...toJson(toMetricsList('NodeMetricsList', answers)), headers: withHeld(headers, held) };
  }
  if (first !== undefined) return toJson(first);
  throw notFound('nodes', query.name);
}

/** Rejects as `answerNodeUsage` does. */
export async function answerPodUsage(
  ports: Pick<
    FleetPorts,
    'clock' | 'inventory' | 'authorize' | 'admit' | 'toRequirement' | 'pods' | 'usage' | 'places'
  >,
  asked: Identified,
  query: PodQuery,
): Promise<FleetAnswer> {
  const rights = await readableBy(ports, toNodes(ports, toScope(query)), (entry) =>
    toResolved(asked, entry, ACTION, toPodRequirement(entry, query)),
  );
  refuseAbsent(ports, query);
  const one = await findOnePod(() => ports.places, toOne(query), rights);
  const permitted = rights.nodes.filter(({ entry }) => one.isFrom(entry.name));
  const labels = await toLabels(ports, asked, query, permitted);
  const isAsked = ({ of }: Usage): boolean =>
    (query.namespace === undefined || of?.namespace === query.namespace) &&
    (query.name === undefined || of?.pod === query.name);
  let total = 0;
  const { answers, headers } = await askAll(ports, permitted, asked, async (node, signal) => {
    const usages = await ports.usage({ ...node.authorized, entry: node.entry });
    const wanted = usages.filter(isAsked);
    total += wanted.length;
    if (total > MAX_CONTAINERS) throw new Error('too many containers');
    const pods = toPods(wanted);
    const selected = pods.length === 0 ? undefined : await labels?.(node, signal);
    return pods.flatMap((pod) => {
      const found = selected?.get(`${pod.namespace}/${pod.name}`);
      if (labels !== undefined && found === undefined) return [];
      return [{ node: node.entry.name, metrics: toPodMetrics(pod, found ?? {}) }];
    });
  });
  if (total > MAX_CONTAINERS) {
    throw new Fault('BadRequest', `more than ${MAX_CONTAINERS} containers: ask for a namespace`);
  }
  refuseSilence(permitted, answers);
  const found = answers.flat();
  if (query.name === undefined || query.namespace === undefined) {
    const items = found.map(({ metrics }) => metrics);
    return { ...toJson(toMetricsList('PodMetricsList', items)), headers: withHeld(headers, rights.held) };
  }
  const [first, ...others] = found;
  if (first === undefined) {
    one.doubt();
    throw notFound('pods', query.name);
  }
  if (others.length === 0) return toJson(first.metrics);
  throw toConflict(
    { namespace: query.namespace, name: query.name },
    [first, ...others].map(({ node }) => node),
  );
}

/** The name in it is a pod's. */
const toScope = ({ within }: PodQuery): { readonly within?: NodeName } =>
  within === undefined ? {} : { within };

/** Under a node's URL it is the node that is asked about, and not where the pod is. */
function toOne({ within, namespace, name, fieldSelector }: PodQuery): Sought['pod'] | undefined {
  if (within !== undefined) return undefined;
  if (name === undefined)
    return toPinned({ fieldSelector, ...(namespace === undefined ? {} : { namespace }) });
  return namespace === undefined ? undefined : { namespace, name };
}

type Labels = ReadonlyMap<string, Readonly<Record<string, string>>>;

/**
 * Metrics carry no labels: with a selector the pods of a node are read too, which takes the right to read them.
 * Undefined without one.
 */
async function toLabels(
  ports: Pick<FleetPorts, 'clock' | 'authorize' | 'admit' | 'toRequirement' | 'pods'>,
  asked: Identified,
  { namespace, labelSelector, fieldSelector }: PodQuery,
  permitted: readonly Readable[],
): Promise<((node: Readable, signal: AbortSignal) => Promise<Labels>) | undefined> {
  if (labelSelector.length === 0 && fieldSelector.length === 0) return undefined;
  const view: PodsView = {
    ...(namespace === undefined ? {} : { namespace }),
    labelSelector,
    fieldSelector,
    as: 'Object',
    includeObject: 'None',
  };
  const action: Action = { kind: 'pods', view };
  const nodes = await readable(
    ports,
    permitted.map(({ entry }) => entry),
    (entry) => toResolved(asked, entry, action, ports.toRequirement(action, entry?.name ?? '')),
  );
  const byName = new Map(nodes.map((node) => [node.entry.name, node]));
  return async ({ entry }, signal) => {
    const node = byName.get(entry.name);
    if (node === undefined) throw new Error('the pods of this node may not be read');
    const { pods } = await readOwnPods(ports, node, view, signal);
    return new Map(pods.map(({ pod }) => [toPodKey(pod), toStrings(at(pod, 'metadata', 'labels'))]));
  };
}

const toPodKey = (pod: unknown): string =>
  `${text(at(pod, 'metadata', 'namespace'))}/${text(at(pod, 'metadata', 'name'))}`;

const toStrings = (labels: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(isRecord(labels) ? labels : {}).flatMap(([key, value]) =>
      typeof value === 'string' ? [[key, value]] : [],
    ),
  );

const metrics = (
  resource: 'nodes' | 'pods',
  verb: 'get' | 'list',
  namespace: string,
  name: string,
): Attributes => ({
  verb,
  apiGroup: 'metrics.k8s.io',
  version: 'v1beta1',
  resource,
  subresource: '',
  namespace,
  name,
});

/** A list of all takes `list`; each node of it by its name, where that is not given, takes `get`. */
const toNodeRequirement = (entry: NodeEntry | undefined, { name }: NodeQuery): Requirement => [
  metrics('nodes', name === undefined && entry === undefined ? 'list' : 'get', '', entry?.name ?? ''),
  getNode('metrics', entry?.name ?? ''),
];

const toPodRequirement = (entry: NodeEntry | undefined, { namespace, name }: PodQuery): Requirement => [
  metrics('pods', name === undefined ? 'list' : 'get', namespace ?? '', name ?? ''),
  getNode('metrics', entry?.name ?? ''),
];

/** Nodes were asked, and none told anything: an empty list would say that nothing runs. */
function refuseSilence(asked: readonly Readable[], answers: readonly unknown[]): void {
  if (asked.length === 0 || answers.length > 0) return;
  throw new Fault('ServiceUnavailable', 'no node has told what it uses: ask again in 15 seconds');
}

const notFound = (kind: 'nodes' | 'pods', name: string): Fault =>
  new Fault('NotFound', `${kind}.metrics.k8s.io ${JSON.stringify(name)} not found`, {
    details: { kind, name },
  });
