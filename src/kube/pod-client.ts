// Asks an API server about one pod (GET /api/v1/namespaces/{namespace}/pods/{name}): whether there is such a pod, and to
// which node it is bound. Only an answer in the API server's own words counts: a 404 of whatever stands before it does not.

import type { KubeConnection } from '../core/kube-connection.ts';
import type { Namespace, NodeName, PodName } from '../core/names.ts';
import type { Outcome } from './call.ts';
import { isNodeName } from '../core/names.ts';
import { createAgent, toApiUrl } from './agent.ts';
import { createBearer } from './bearer.ts';
import { AnswerTooLong, call } from './call.ts';
import { toRecord } from './decode.ts';
import { isReset } from './retry.ts';

export type PodAnswer =
  | { readonly kind: 'bound'; readonly node: NodeName }
  /** It has not been scheduled yet. */
  | { readonly kind: 'unbound' }
  | { readonly kind: 'absent' }
  /** Too long an object, which whoever may create pods can make. */
  | { readonly kind: 'tooLong' }
  /** The right to `get` pods of this namespace is missing. */
  | { readonly kind: 'refused' }
  /** No connection, no answer in time, or none that can be used. `error` is for the log. */
  | { readonly kind: 'away'; readonly error: Error };

export interface PodClient {
  /** Never rejects. */
  read(namespace: Namespace, name: PodName, signal: AbortSignal): Promise<PodAnswer>;
  /** Ends the connections, those in use too. */
  close(): void;
}

/** What etcd takes is 1.5 MiB of protobuf; JSON is longer. */
const MAX_ANSWER_BYTES = 4 * 2 ** 20;

/** Throws a TypeError when the connection's server cannot be asked. */
export function createPodClient(
  connection: KubeConnection,
  { maxAnswerBytes = MAX_ANSWER_BYTES }: { readonly maxAnswerBytes?: number } = {},
): PodClient {
  const agent = createAgent(connection);
  const bearer = createBearer(connection.credential);
  toApiUrl(connection.server, '/');
  const ask = async (url: URL, signal: AbortSignal): Promise<Outcome> => {
    try {
      const authorization = await bearer();
      return await call({ agent, url, method: 'GET', authorization, maxAnswerBytes }, signal);
    } catch (error) {
      return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    }
  };
  return {
    read: async (namespace, name, signal) => {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
      const url = toApiUrl(connection.server, path);
      const first = await ask(url, signal);
      // A kept-alive connection that the server has just closed.
      const again = first.kind === 'failed' && isReset(first.error) && !signal.aborted;
      return toPodAnswer(again ? await ask(url, signal) : first, namespace, name);
    },
    close: () => agent.destroy(),
  };
}

function toPodAnswer(outcome: Outcome, namespace: Namespace, name: PodName): PodAnswer {
  if (outcome.kind === 'failed') {
    const { error } = outcome;
    return error instanceof AnswerTooLong ? { kind: 'tooLong' } : { kind: 'away', error };
  }
  const { code, body } = outcome;
  try {
    if (code === 200) return parsePod(body, namespace, name);
    if (code === 403) return { kind: 'refused' };
    if (code === 404 && isNotFound(body)) return { kind: 'absent' };
    return { kind: 'away', error: new Error(`the API server answered HTTP ${code} when asked for a pod`) };
  } catch (cause) {
    return { kind: 'away', error: new Error("the API server's answer about a pod is malformed", { cause }) };
  }
}

/** Throws when it is not the pod that was asked for. */
function parsePod(body: string, namespace: Namespace, name: PodName): PodAnswer {
  const pod = toRecord(JSON.parse(body), 'the answer');
  const metadata = toRecord(pod['metadata'], 'metadata');
  if (metadata['namespace'] !== namespace || metadata['name'] !== name) {
    throw new TypeError('the answer is not the pod that was asked for');
  }
  const { nodeName = '' } = toRecord(pod['spec'], 'spec');
  if (nodeName === '') return { kind: 'unbound' };
  if (typeof nodeName !== 'string' || !isNodeName(nodeName)) {
    throw new TypeError('spec.nodeName is not the name of a node');
  }
  return { kind: 'bound', node: nodeName };
}

/** A proxy before the API server, or another server at its address, says 404 as well. */
function isNotFound(body: string): boolean {
  const { kind, reason } = toRecord(JSON.parse(body), 'the answer');
  return kind === 'Status' && reason === 'NotFound';
}
