// Turns the PodList of a kubelet into what kubectl expects of an API server: one pod or a list, as objects or as a
// server-side Table (KEP-601). The list comes from a node, which may be hostile: whatever is in it, the answer is
// well-formed, and never shows a pod of another namespace than the view names.

import type { PodsView } from '../core/action.ts';
import { Fault } from '../core/fault.ts';
import { matchesFields } from './field-selector.ts';
import { toHumanDuration } from './human-duration.ts';
import { matchesLabels } from './label-selector.ts';
import { toStatusCells } from './pod-status.ts';
import { at, field, isRecord, list, text, time } from './untrusted.ts';

type Pod = Readonly<Record<string, unknown>>;

/**
 * `now` in milliseconds since the epoch. Throws NotFound when the view names one pod and the node does not have it,
 * BadGateway when the node's answer is no list.
 */
export function renderPods(
  podList: unknown,
  view: PodsView,
  now: number,
): { readonly contentType: string; readonly body: string } {
  const pods = select(podList, view);
  try {
    return { contentType: 'application/json', body: JSON.stringify(toAnswer(pods, view, now)) };
  } catch (error) {
    if (error instanceof Fault) throw error;
    // JSON.stringify recurses; a document nested a million deep ends here.
    throw new Fault('BadGateway', NO_LIST, { cause: error });
  }
}

const NO_LIST = 'the node did not answer with a list of pods';

function select(podList: unknown, view: PodsView): readonly Pod[] {
  const items = field(podList, 'items');
  // A node without pods says `"items":null`.
  if (!isRecord(podList) || !(items === null || Array.isArray(items))) throw new Fault('BadGateway', NO_LIST);
  return list(items)
    .filter(isRecord)
    .filter(
      (pod) =>
        (view.namespace === undefined || at(pod, 'metadata', 'namespace') === view.namespace) &&
        (view.name === undefined || at(pod, 'metadata', 'name') === view.name) &&
        matchesLabels(view.labelSelector, labelsOf(pod)) &&
        matchesFields(view.fieldSelector, pod),
    )
    .map((pod) => ({
      pod,
      order: `${text(at(pod, 'metadata', 'namespace'))}/${text(at(pod, 'metadata', 'name'))}`,
    }))
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    .map(({ pod }) => pod);
}

function toAnswer(pods: readonly Pod[], view: PodsView, now: number): object {
  const shown = view.name === undefined ? pods : [onlyOne(pods, view.name)];
  if (view.as === 'Table') {
    return {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: {},
      columnDefinitions: COLUMNS,
      rows: shown.map((pod) => ({
        cells: toCells(pod, now).map(printable),
        object: toRowObject(pod, view.includeObject),
      })),
    };
  }
  const objects = shown.map(toPodObject);
  const [first] = objects;
  if (view.name !== undefined && first !== undefined) return first;
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: objects };
}

function onlyOne(pods: readonly Pod[], name: string): Pod {
  const [pod] = pods;
  if (pod !== undefined) return pod;
  throw new Fault('NotFound', `pods "${name}" not found`, { details: { kind: 'pods', name } });
}

/** A kubelet leaves `kind` and `apiVersion` out of its items; nothing but a pod's three parts is passed on. */
const toPodObject = (pod: Pod): object => ({
  kind: 'Pod',
  apiVersion: 'v1',
  ...part(pod, 'metadata'),
  ...part(pod, 'spec'),
  ...part(pod, 'status'),
});

function part(pod: Pod, name: string): object {
  const value = field(pod, name);
  return isRecord(value) ? { [name]: value } : {};
}

function toRowObject(pod: Pod, include: PodsView['includeObject']): object | null {
  switch (include) {
    case 'None':
      return null;
    case 'Metadata':
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', ...part(pod, 'metadata') };
    case 'Object':
      return toPodObject(pod);
  }
}

function labelsOf(pod: Pod): ReadonlyMap<string, string> {
  const labels = at(pod, 'metadata', 'labels');
  const entries = isRecord(labels) ? Object.entries(labels) : [];
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

const column = (name: string, priority: number, description: string, format = ''): object => ({
  name,
  type: 'string',
  format,
  description,
  priority,
});

/** Priority 1 is shown by `-o wide` only. */
const COLUMNS = [
  column('Name', 0, 'Name of the pod, unique in its namespace.', 'name'),
  column('Ready', 0, 'Containers that are ready, of all that should be.'),
  column('Status', 0, 'The phase of the pod, or why it is not simply running.'),
  column('Restarts', 0, 'Restarts of the containers, and how long ago the last one was.'),
  column('Age', 0, 'Time since the pod was created.'),
  column('IP', 1, 'Address of the pod.'),
  column('Node', 1, 'Node on which the pod runs.'),
  column('Nominated Node', 1, 'Node that a preemption has set aside for the pod.'),
  column('Readiness Gates', 1, 'Readiness gates that have passed, of all.'),
] as const;

const NONE = '<none>';

/** A node's words end up in a terminal: nothing in a cell may steer it. */
const printable = (cell: string): string => cell.replace(/\p{Cc}/gu, '\uFFFD');

function toCells(pod: Pod, now: number): readonly string[] {
  const { ready, status, restarts } = toStatusCells(pod, now);
  const created = time(at(pod, 'metadata', 'creationTimestamp'));
  return [
    text(at(pod, 'metadata', 'name')),
    ready,
    status,
    restarts,
    created === undefined ? '<unknown>' : toHumanDuration(now - created),
    text(field(list(at(pod, 'status', 'podIPs'))[0], 'ip')) || text(at(pod, 'status', 'podIP')) || NONE,
    text(at(pod, 'spec', 'nodeName')) || NONE,
    text(at(pod, 'status', 'nominatedNodeName')) || NONE,
    toReadinessGates(pod),
  ];
}

function toReadinessGates(pod: Pod): string {
  const gates = list(at(pod, 'spec', 'readinessGates')).map((gate) => text(field(gate, 'conditionType')));
  if (gates.length === 0) return NONE;
  const conditions = list(at(pod, 'status', 'conditions'));
  const passed = gates.filter((gate) =>
    conditions.some(
      (condition) => field(condition, 'type') === gate && field(condition, 'status') === 'True',
    ),
  );
  return `${passed.length}/${gates.length}`;
}
