// Which node a path is about, and what is asked of it. A node has two prefixes: `/nodes/{node}`, the server URL for
// kubectl, and `/api/v1/nodes/{node}/proxy`, as the API server has it, for kubelet paths alone. The second is served at
// the root (`kubectl get --raw` drops the path of its server URL) and below the first when both name the same node.

import { Fault } from '../core/fault.ts';
import type { NodeName } from '../core/names.ts';
import { parseNodeName } from './path-names.ts';

export type Scope =
  | { readonly kind: 'root'; readonly segments: readonly string[] }
  | {
      /** `server` has kubectl's paths as well as the kubelet's, `proxy` the kubelet's alone. */
      readonly kind: 'server' | 'proxy';
      readonly node: NodeName;
      readonly prefix: string;
      readonly segments: readonly string[];
    };

/** Throws BadRequest for a malformed node name, or two different ones. */
export function toScope(segments: readonly string[]): Scope {
  if (segments[0] === 'nodes' && segments.length > 2) {
    const node = parseNodeName(segments[1] ?? '');
    const rest = segments.slice(2);
    const inner = toProxyScope(rest, `/nodes/${node}`);
    if (inner === undefined) return { kind: 'server', node, prefix: `/nodes/${node}`, segments: rest };
    if (inner.node !== node) throw new Fault('BadRequest', 'the path names two different nodes');
    return inner;
  }
  return toProxyScope(segments, '') ?? { kind: 'root', segments };
}

function toProxyScope(
  segments: readonly string[],
  before: string,
): Exclude<Scope, { kind: 'root' }> | undefined {
  const [api, version, nodes, name = '', proxy, ...rest] = segments;
  if (api !== 'api' || version !== 'v1' || nodes !== 'nodes' || proxy !== 'proxy') return undefined;
  const node = parseNodeName(name);
  return { kind: 'proxy', node, prefix: `${before}/api/v1/nodes/${node}/proxy`, segments: rest };
}
