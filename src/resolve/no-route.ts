// What a path without a route is told. Each message says where the thing is, or that it is nowhere; none repeats the
// path, and none depends on which nodes there are.

import { Fault } from '../core/fault.ts';
import { KUBELET_ROUTES } from './kubelet-paths.ts';
import type { Scope } from './scope.ts';

/** The first segments of the kubelet's paths. */
const KUBELET_WORDS: ReadonlySet<string> = new Set(
  KUBELET_ROUTES.flatMap(({ paths }) => paths.map((path) => path.split('/')[1] ?? '')),
);

const API_WORDS: ReadonlySet<string> = new Set(['version', 'api', 'apis', 'openapi']);

export function toNoRoute(scope: Scope): Fault {
  return new Fault('NotFound', scope.kind === 'root' ? atRoot(scope.segments) : atNode(scope.segments));
}

function atRoot([first = '']: readonly string[]): string {
  if (KUBELET_WORDS.has(first))
    return 'the paths of a kubelet are under /nodes/{node}/ here, not at the root';
  if (API_WORDS.has(first)) {
    return "the server could not find the requested resource: nodes, pods, their metrics and reviews of one's own rights are offered here";
  }
  if (first === 'nodes') return 'a node is a server URL, /nodes/{node}, and has nothing at its root';
  return 'the gateway has no such path';
}

function atNode([first = '', second = '']: readonly string[]): string {
  if (first === 'openapi') return 'OpenAPI documents are not offered';
  if (first === 'debug' && second === 'flags') return 'changing the flags of a kubelet is not offered';
  if (API_WORDS.has(first))
    return 'the server could not find the requested resource: pods, the node itself, their metrics and reviews are offered here';
  return 'the gateway has no such path for a node';
}
