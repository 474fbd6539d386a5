// Turns the PodList of a kubelet into what kubectl expects of an API server: one pod, a list or the events of a watch, as
// objects, their metadata alone or a server-side Table. The list comes from a node, which may be hostile: whatever is in
// it, the answer is well-formed, and never shows a pod of another namespace than the view names.

import type { PodsView } from '../core/action.ts';
import { Fault } from '../core/fault.ts';
import { matchesFields } from './field-selector.ts';
import { matchesLabels } from './label-selector.ts';
import { POD_COLUMNS, toPodCells } from './pods-table.ts';
import { at, field, isRecord, list, text } from './untrusted.ts';

export type Pod = Readonly<Record<string, unknown>>;

/** What a list says of itself (metav1.ListMeta). */
export interface ListMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
}

const NO_LIST = 'the node did not answer with a list of pods';

/** JSON.stringify recurses: a document nested a million deep is a BadGateway. */
function orUnreadable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('BadGateway', NO_LIST, { cause: error });
  }
}

/**
 * `now` in milliseconds since the epoch. Throws NotFound when the view names one pod and the node does not have it,
 * BadGateway when the node's answer is no list.
 */
export function renderPods(
  podList: unknown,
  view: PodsView,
  now: number,
): { readonly contentType: string; readonly body: string } {
  return renderSelected(selectPods(podList, view), view, now);
}

/** The same of pods that were selected before. */
export const renderSelected = (
  pods: readonly Pod[],
  view: PodsView,
  now: number,
  meta: ListMeta = {},
): { readonly contentType: string; readonly body: string } =>
  orUnreadable(() => ({
    contentType: 'application/json',
    body: JSON.stringify(toAnswer(pods, view, now, meta)),
  }));

/** Length of the pod as JSON, and that text. Throws BadGateway. */
export const toPodText = (pod: Pod): string => orUnreadable(() => JSON.stringify(toPodObject(pod)));

/** Throws BadGateway for what is no list. In the order of their namespaces and names. */
export function selectPods(podList: unknown, view: PodsView): readonly Pod[] {
  const items = field(podList, 'items');
  // A node without pods says `"items":null`.
  if (!isRecord(podList) || !(items === null || Array.isArray(items))) throw new Fault('BadGateway', NO_LIST);
  return list(items)
    .filter(isRecord)
    .filter((pod) => isInView(view, pod))
    .map((pod) => ({ pod, order: toOrder(pod) }))
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    .map(({ pod }) => pod);
}

/** What pods are sorted by: namespace and name. */
export const toOrder = (pod: Pod): string =>
  `${text(at(pod, 'metadata', 'namespace'))}/${text(at(pod, 'metadata', 'name'))}`;

export const isInView = (view: PodsView, pod: Pod): boolean =>
  (view.namespace === undefined || at(pod, 'metadata', 'namespace') === view.namespace) &&
  (view.name === undefined || at(pod, 'metadata', 'name') === view.name) &&
  matchesLabels(view.labelSelector, labelsOf(pod)) &&
  matchesFields(view.fieldSelector, pod);

function toAnswer(pods: readonly Pod[], view: PodsView, now: number, meta: ListMeta): object {
  const shown = view.name === undefined ? pods : [onlyOne(pods, view.name)];
  if (view.as === 'Table') {
    return toTable(
      meta,
      POD_COLUMNS,
      shown.map((pod) => toRow(pod, view, toPodCells(pod, now))),
    );
  }
  const toOne = view.as === 'Metadata' ? toMetadataObject : toPodObject;
  const [first] = shown;
  if (view.name !== undefined && first !== undefined) return toOne(first);
  const [kind, apiVersion] =
    view.as === 'Metadata' ? ['PartialObjectMetadataList', 'meta.k8s.io/v1'] : ['PodList', 'v1'];
  return { kind, apiVersion, metadata: meta, items: shown.map(toOne) };
}

/**
 * The object of a watch event. `cells`: those of a pod that is no longer there. The columns are in a watch's first event
 * alone, as an API server has it.
 */
export function toEventObject(
  pod: Pod,
  view: PodsView,
  resourceVersion: string,
  { cells, withColumns }: { readonly cells: () => readonly string[]; readonly withColumns: boolean },
): object {
  const metadata = field(pod, 'metadata');
  const versioned = { ...pod, metadata: { ...(isRecord(metadata) ? metadata : {}), resourceVersion } };
  switch (view.as) {
    case 'Table':
      return toTable({ resourceVersion }, withColumns ? POD_COLUMNS : undefined, [
        toRow(versioned, view, cells()),
      ]);
    case 'Metadata':
      return toMetadataObject(versioned);
    case 'Object':
      return toPodObject(versioned);
  }
}

const toTable = (
  metadata: ListMeta,
  columnDefinitions: readonly object[] | undefined,
  rows: readonly object[],
): object => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
  ...(columnDefinitions === undefined ? {} : { columnDefinitions }),
  rows,
});

const toRow = (pod: Pod, { includeObject }: PodsView, cells: readonly string[]): object => ({
  cells,
  object:
    includeObject === 'None' ? null : includeObject === 'Object' ? toPodObject(pod) : toMetadataObject(pod),
});

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

const toMetadataObject = (pod: Pod): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  ...part(pod, 'metadata'),
});

function part(pod: Pod, name: string): object {
  const value = field(pod, name);
  return isRecord(value) ? { [name]: value } : {};
}

function labelsOf(pod: Pod): ReadonlyMap<string, string> {
  const labels = at(pod, 'metadata', 'labels');
  const entries = isRecord(labels) ? Object.entries(labels) : [];
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
