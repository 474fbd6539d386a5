// The names in a path, as brands. A name that Kubernetes could not have given to anything is refused here, and so
// never reaches an authorizer, a node or a log as something else.

import type { PodRef } from '../core/action.ts';
import { Fault } from '../core/fault.ts';
import type { ContainerName, Namespace, NodeName, PodName } from '../core/names.ts';
import { isContainerName, isNamespace, isNodeName, isPodName, isPodUid } from '../core/names.ts';

/** What a path pattern's placeholders stand for in one request. */
export interface PathNames {
  /** The segment at a placeholder. A pattern without it is a defect of the route table. */
  get(placeholder: string): string;
  has(placeholder: string): boolean;
  /** The segments that a `{files...}` at the end of the pattern stands for. */
  readonly files: readonly string[];
}

export function parseNodeName(text: string): NodeName {
  if (text.includes(':')) throw refusal('node', 'a scheme or a port is not accepted in it');
  if (!isNodeName(text)) throw refusal('node', 'it must be a DNS-1123 subdomain');
  return text;
}

export function readNamespace(names: PathNames): Namespace {
  const text = names.get('namespace');
  if (!isNamespace(text)) throw refusal('namespace', 'it must be a DNS-1123 label');
  return text;
}

export function readPodName(names: PathNames): PodName {
  const text = names.get('pod');
  if (!isPodName(text)) throw refusal('pod', 'it must be a DNS-1123 subdomain');
  return text;
}

export function readContainer(names: PathNames): ContainerName {
  return parseContainer(names.get('container'));
}

export function parseContainer(text: string): ContainerName {
  if (!isContainerName(text)) throw refusal('container', 'it must be a DNS-1123 label');
  return text;
}

export function readPodRef(names: PathNames): PodRef {
  const ref = { namespace: readNamespace(names), name: readPodName(names) };
  if (!names.has('uid')) return ref;
  const uid = names.get('uid');
  if (!isPodUid(uid)) throw new Fault('BadRequest', 'the uid of the pod is malformed');
  return { ...ref, uid };
}

const refusal = (what: string, rule: string): Fault =>
  new Fault('BadRequest', `the name of the ${what} is malformed: ${rule}`);
