// What an action requires: the kubelet's own table (pkg/kubelet/server/auth.go), any-of, in its order, with two
// differences. Whatever runs in or reaches into a container needs `create`, whichever method or transport carries it
// (a kubelet lets `get nodes/proxy` run commands by WebSocket); and, where podSubresources says so, the pod
// subresources that people already have rules for are alternatives.
//
//   healthz               get    nodes/healthz     nodes/proxy
//   pods, runningPods     get    nodes/pods        nodes/proxy
//   pods with a view      get    nodes/pods        nodes/proxy       get, list or watch pods in that namespace
//   configz               get    nodes/configz     nodes/proxy
//   metrics               get    nodes/metrics
//   stats                 get    nodes/stats
//   spec                  get    nodes/spec        (kubelets before 1.21)
//   nodeLogs              get    nodes/log
//   flagz                 get    nodes/configz
//   statusz               get    nodes/statusz
//   pprof                 get    nodes/proxy
//   containerLogs         get    nodes/proxy       get pods/log *
//   exec                  create nodes/proxy       create pods/exec *
//   attach                create nodes/proxy       create pods/attach *
//   portForward           create nodes/proxy       create pods/portforward *
//   run                   create nodes/proxy
//   checkpoint            create nodes/checkpoint
//                                                  * with podSubresources, in the pod's namespace and by its name

import type { Action, PodRef, PodsView } from '../core/action.ts';
import type { Attributes, Requirement } from '../core/attributes.ts';
import type { NodeName } from '../core/names.ts';

export interface RequirementOptions {
  /** `create` on pods/exec, pods/attach and pods/portforward and `get` on pods/log count too. */
  readonly podSubresources: boolean;
}

/** An empty node stands for all nodes, and is what is asked about before the node is known. */
export function toRequirement(action: Action, node: NodeName | '', options: RequirementOptions): Requirement {
  const get = (subresource: string): Attributes => ofNode('get', subresource, node);
  const create = (subresource: string): Attributes => ofNode('create', subresource, node);
  const orPod = (verb: 'get' | 'create', subresource: string, pod: PodRef): readonly Attributes[] =>
    options.podSubresources ? [ofPod(verb, subresource, pod)] : [];
  switch (action.kind) {
    case 'healthz':
      return [get('healthz'), get('proxy')];
    case 'pods':
      return [get('pods'), get('proxy'), ...(action.view === undefined ? [] : [ofView(action.view)])];
    case 'runningPods':
      return [get('pods'), get('proxy')];
    case 'configz':
      return [get('configz'), get('proxy')];
    case 'metrics':
      return [get('metrics')];
    case 'stats':
      return [get('stats')];
    case 'spec':
      return [get('spec')];
    case 'nodeLogs':
      return [get('log')];
    case 'flagz':
      return [get('configz')];
    case 'statusz':
      return [get('statusz')];
    case 'pprof':
      return [get('proxy')];
    case 'containerLogs':
      return [get('proxy'), ...orPod('get', 'log', action.pod)];
    case 'exec':
      return [create('proxy'), ...orPod('create', 'exec', action.pod)];
    case 'attach':
      return [create('proxy'), ...orPod('create', 'attach', action.pod)];
    case 'portForward':
      return [create('proxy'), ...orPod('create', 'portforward', action.pod)];
    case 'run':
      return [create('proxy')];
    case 'checkpoint':
      return [create('checkpoint')];
  }
}

const CORE = { apiGroup: '', version: 'v1' } as const;

const ofNode = (verb: string, subresource: string, name: NodeName | ''): Attributes => ({
  ...CORE,
  verb,
  resource: 'nodes',
  subresource,
  namespace: '',
  name,
});

const ofPod = (verb: string, subresource: string, pod: PodRef): Attributes => ({
  ...CORE,
  verb,
  resource: 'pods',
  subresource,
  namespace: pod.namespace,
  name: pod.name,
});

/** Kubernetes' own right to read pods. Without a namespace it is the cluster-wide one. */
const ofView = (view: PodsView): Attributes => ({
  ...CORE,
  verb: view.name !== undefined ? 'get' : view.watch === undefined ? 'list' : 'watch',
  resource: 'pods',
  subresource: '',
  namespace: view.namespace ?? '',
  name: view.name ?? '',
});
