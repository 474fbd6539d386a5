// The pods that a node runs itself, of those that are asked for, with what tells whether one has changed.

import { createHash } from 'node:crypto';
import type { PodsView } from '../core/action.ts';
import type { Readable } from './readable.ts';
import type { FleetPorts } from './ports.ts';
import { Fault } from '../core/fault.ts';
import { isNamespace, isPodName } from '../core/names.ts';
import type { Pod } from '../kubectl/pods-view.ts';
import { selectPods, toOrder, toPodText } from '../kubectl/pods-view.ts';
import { at, field, isRecord, list, text } from '../kubectl/untrusted.ts';

/** Of one node: more than that is not what a kubelet runs, and must not take all others' place. */
const MAX_PODS = 2_000;
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** Wider than a UUID: a uid is what the kubelet says it is, and is kept with each pod that was shown. */
const UID = /^[A-Za-z0-9._:-]{1,128}$/;

export interface TracedPod {
  /** What the pod is known by on its node: namespace, name and uid. Another pod of the same name has another one. */
  readonly key: string;
  /** Of all that is shown of it. */
  readonly fingerprint: string;
  readonly pod: Pod;
  /** The node that tells of it is the one that its spec names. */
  readonly isOwn: boolean;
  readonly characters: number;
}

export interface TracedPods {
  readonly pods: readonly TracedPod[];
  readonly characters: number;
}

/** Rejects when the node answers with no list of pods, or with too much. */
export async function readOwnPods(
  { pods }: Pick<FleetPorts, 'pods'>,
  { authorized, entry }: Readable,
  view: PodsView,
  signal: AbortSignal,
): Promise<TracedPods> {
  return toOwnPods(await pods({ ...authorized, entry }, signal), entry.name, view);
}

/** Of a node only what it runs itself: the rest would be another node's pods in its words. Throws as `toFewPods` does. */
const toOwnPods = (podList: unknown, node: string, view: PodsView): TracedPods =>
  toFewPods(
    selectPods(podList, view).filter((pod) => isOwn(pod, node)),
    node,
  );

/** Those with names that Kubernetes knows. Throws BadGateway where it is too much for one node. */
export function toFewPods(all: readonly Pod[], node: string): TracedPods {
  const pods: TracedPod[] = [];
  let characters = 0;
  for (const pod of all.filter(isNamed)) {
    const traced = trace(pod, node);
    characters += traced.characters;
    if (characters > MAX_CHARACTERS) throw new Fault('BadGateway', 'the node tells too much of its pods');
    if (pods.length === MAX_PODS) throw new Fault('BadGateway', 'the node tells of too many pods');
    pods.push(traced);
  }
  return { pods: pods.sort(byKey), characters };
}

/** All of one node that was named by the client, if they have names. Throws BadGateway where it is no list. */
export const toTracedPods = (podList: unknown, node: string, view: PodsView): readonly TracedPod[] =>
  selectPods(podList, view)
    .filter(isNamed)
    .map((pod) => trace(pod, node))
    .sort(byKey);

const isOwn = (pod: Pod, node: string): boolean => at(pod, 'spec', 'nodeName') === node;

/** How many pods the node tells of that its own specs give to another node. */
export const countForeign = (podList: unknown, node: string): number =>
  list(field(podList, 'items')).filter((pod) => isRecord(pod) && isNamed(pod) && !isOwn(pod, node)).length;

/** What a pod is known by is kept, and goes into tokens: a node must not choose how long it is. */
function isNamed(pod: Pod): boolean {
  const [namespace, name, uid] = ['namespace', 'name', 'uid'].map((key) => text(at(pod, 'metadata', key)));
  return isNamespace(namespace ?? '') && isPodName(name ?? '') && UID.test(uid ?? '');
}

/** Of a pod's key: what `toOrder` says of it. */
export const toNameOf = (key: string): string => key.slice(0, key.indexOf(' '));

const byKey = (a: TracedPod, b: TracedPod): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

function trace({ metadata, spec, status }: Pod, node: string): TracedPod {
  // What is not asked for is let go at once.
  const pod = { metadata, spec, status };
  const json = toPodText(pod);
  return {
    // A space comes before whatever a name may hold: keys are in the order of names.
    key: `${toOrder(pod)} ${text(at(pod, 'metadata', 'uid'))}`,
    fingerprint: createHash('sha1').update(json).digest('base64url').slice(0, 16),
    pod,
    isOwn: isOwn(pod, node),
    characters: json.length,
  };
}
