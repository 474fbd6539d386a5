// What a request means, apart from how it was written. Everything after `resolve` (authorization, mapping, audit,
// recording) switches on these kinds and never on URL text; `forward` builds the kubelet's path and query from them,
// so that what is authorized is what is sent.

import type { ContainerName, Namespace, PodName, PodUid } from './names.ts';

export interface PodRef {
  readonly namespace: Namespace;
  readonly name: PodName;
  /** As the client gave it. `locate` compares it with the node's own answer: the kubelet does not for exec and run. */
  readonly uid?: PodUid;
}

/** The standard streams that an exec or attach asks for. */
export interface StreamFlags {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** v1.PodLogOptions, less what a kubelet does not take. */
export interface LogOptions {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  readonly stream?: 'All' | 'Stdout' | 'Stderr';
}

/** One comma-separated part of a label selector (apimachinery pkg/labels). */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'doesNotExist' | 'gt' | 'lt';
  readonly values: readonly string[];
}

/** One comma-separated part of a field selector (apimachinery pkg/fields). */
export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** What a client says of a watch (metav1.ListOptions). */
export interface WatchOptions {
  /** What it was shown last, in our own words. Empty or `0`: nothing. */
  readonly resourceVersion: string;
  /** Absent: as long as the server likes. */
  readonly timeoutMs?: number;
  readonly bookmarks: boolean;
  /** Absent: as the resource version says. Present: whether what is there now comes first, and then a bookmark. */
  readonly initialEvents?: boolean;
}

/** Which part of a long list. */
export interface Page {
  readonly limit?: number;
  /** A `continue` of an earlier answer, which nobody has checked. */
  readonly continuation?: string;
}

/** How kubectl wants the pods of a node shown: which of them, and as what. */
export interface PodsView {
  /** Absent: all namespaces. */
  readonly namespace?: Namespace;
  /** Present: one pod instead of a list. Needs `namespace`. */
  readonly name?: PodName;
  readonly labelSelector: readonly LabelRequirement[];
  readonly fieldSelector: readonly FieldRequirement[];
  /** Server-side table (meta.k8s.io/v1 Table), the objects themselves, or of these the metadata alone (PartialObjectMetadata). */
  readonly as: 'Table' | 'Object' | 'Metadata';
  /** What a table row carries as its `object`. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  /** Absent: the whole list. */
  readonly page?: Page;
  /** Present: not the list, but what happens to it. */
  readonly watch?: WatchOptions;
}

/** Journal query of `/logs/` (NodeLogQuery), characters already limited to an allow list. */
export interface NodeLogQuery {
  readonly query: readonly string[];
  readonly sinceTime?: string;
  readonly untilTime?: string;
  readonly tailLines?: number;
  readonly pattern?: string;
  readonly boot?: number;
}

export type Action =
  | {
      readonly kind: 'healthz';
      readonly check?: string;
      readonly verbose: boolean;
      readonly exclude: readonly string[];
    }
  | { readonly kind: 'metrics'; readonly endpoint: 'kubelet' | 'cadvisor' | 'probes' | 'resource' | 'slis' }
  /** `path` is what follows `/stats/`: `['summary']`, or an older kubelet's `['container']`, `[pod, container]` … */
  | { readonly kind: 'stats'; readonly path: readonly string[]; readonly onlyCpuAndMemory: boolean }
  | { readonly kind: 'spec' }
  /** Without `view` the kubelet's own PodList is relayed. */
  | { readonly kind: 'pods'; readonly view?: PodsView }
  | { readonly kind: 'runningPods' }
  | { readonly kind: 'configz' }
  | { readonly kind: 'flagz' }
  | { readonly kind: 'statusz' }
  /** `path` holds file names below the node's log directory; `directory` says that the target ended in a slash. */
  | {
      readonly kind: 'nodeLogs';
      readonly path: readonly string[];
      readonly directory: boolean;
      readonly query?: NodeLogQuery;
    }
  | {
      readonly kind: 'containerLogs';
      readonly pod: PodRef;
      readonly container?: ContainerName;
      readonly options: LogOptions;
    }
  | {
      readonly kind: 'exec';
      readonly pod: PodRef;
      readonly container?: ContainerName;
      readonly command: readonly string[];
      readonly streams: StreamFlags;
    }
  | {
      readonly kind: 'attach';
      readonly pod: PodRef;
      readonly container?: ContainerName;
      readonly streams: StreamFlags;
    }
  /** `ports` are in the URL only for the channel protocols; SPDY and the tunnel name them per stream. */
  | { readonly kind: 'portForward'; readonly pod: PodRef; readonly ports: readonly number[] }
  /** `command` is the kubelet's `cmd`: one string, which the kubelet splits on single spaces. */
  | {
      readonly kind: 'run';
      readonly pod: PodRef;
      readonly container: ContainerName;
      readonly command: string;
    }
  | {
      readonly kind: 'checkpoint';
      readonly pod: PodRef;
      readonly container: ContainerName;
      readonly timeoutSeconds?: number;
    }
  | { readonly kind: 'pprof'; readonly profile: string; readonly seconds?: number; readonly debug?: number };

export type ActionKind = Action['kind'];

/** Actions whose answer is an upgraded connection. */
export type StreamingAction = Extract<Action, { kind: 'exec' | 'attach' | 'portForward' }>;

/** All kinds, for tables that must be complete. */
export const ACTION_KINDS = [
  'healthz',
  'metrics',
  'stats',
  'spec',
  'pods',
  'runningPods',
  'configz',
  'flagz',
  'statusz',
  'nodeLogs',
  'containerLogs',
  'exec',
  'attach',
  'portForward',
  'run',
  'checkpoint',
  'pprof',
] as const satisfies readonly ActionKind[];
