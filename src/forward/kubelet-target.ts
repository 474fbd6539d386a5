// The request line that a kubelet is sent, built from an action's validated parts alone, in one canonical form: what
// was authorized is what is sent. Paths and parameters: pkg/kubelet/server/server.go.

import type { Action, LogOptions, PodRef, StreamFlags } from '../core/action.ts';
import type { Transport } from '../core/exchange.ts';
import { rememberLasting } from '../core/lasting.ts';

export interface KubeletTarget {
  readonly method: 'GET' | 'POST';
  /** Origin-form (RFC 9112 §3.2.1): path and query. */
  readonly target: string;
}

/**
 * Throws a plain Error (a defect of the gateway) when a container is still missing, or when an action that needs an
 * upgraded connection comes without one.
 */
export function toKubeletTarget(action: Action, transport: Transport): KubeletTarget {
  return { method: toMethod(action, transport), target: toTarget(action) };
}

const toTarget = rememberLasting((action: Action) => toPath(action) + toQuery(toParameters(action)));

/**
 * A session by SPDY is always a POST, even when the client wrote GET: for a POST the kubelet asks its own authorizer
 * for `create`. By WebSocket there is only GET (RFC 6455 §4.1).
 */
function toMethod(action: Action, transport: Transport): 'GET' | 'POST' {
  switch (action.kind) {
    case 'run':
    case 'checkpoint':
      return 'POST';
    case 'exec':
    case 'attach':
    case 'portForward':
      if (transport.kind === 'http') throw new Error(`${action.kind} needs an upgraded connection`);
      return transport.kind === 'spdy' ? 'POST' : 'GET';
    default:
      return 'GET';
  }
}

function toPath(action: Action): string {
  switch (action.kind) {
    case 'healthz':
      return path('healthz', action.check);
    case 'metrics':
      return path('metrics', action.endpoint === 'kubelet' ? undefined : action.endpoint);
    case 'stats':
      return action.path.length === 0 ? '/stats/' : path('stats', ...action.path);
    case 'spec':
      return '/spec/';
    case 'pods':
    case 'configz':
    case 'flagz':
    case 'statusz':
      return path(action.kind);
    case 'runningPods':
      return '/runningpods/';
    case 'nodeLogs':
      return path('logs', ...action.path) + (action.directory || action.path.length === 0 ? '/' : '');
    case 'containerLogs':
      // This path has no form with a uid.
      return path('containerLogs', action.pod.namespace, action.pod.name, present(action.container));
    case 'exec':
    case 'attach':
    case 'run':
      return path(action.kind, ...toPodSegments(action.pod), present(action.container));
    case 'checkpoint':
      return path('checkpoint', action.pod.namespace, action.pod.name, action.container);
    case 'portForward':
      return path('portForward', ...toPodSegments(action.pod));
    case 'pprof':
      return path('debug', 'pprof', action.profile);
  }
}

const toPodSegments = (pod: PodRef): readonly (string | undefined)[] => [pod.namespace, pod.name, pod.uid];

const path = (...segments: readonly (string | undefined)[]): string =>
  segments
    .filter((segment) => segment !== undefined)
    .map((segment) => `/${encodeURIComponent(segment)}`)
    .join('');

function present(container: string | undefined): string {
  if (container === undefined) throw new Error('the container is not known yet');
  return container;
}

/** A false or absent value is not written. */
type Parameter = readonly [name: string, value: string | number | boolean | undefined];

function toParameters(action: Action): readonly Parameter[] {
  switch (action.kind) {
    case 'healthz':
      return [['verbose', action.verbose], ...repeat('exclude', action.exclude)];
    case 'stats':
      return [['only_cpu_and_memory', action.onlyCpuAndMemory]];
    case 'nodeLogs': {
      const query = action.query;
      if (query === undefined) return [];
      const { sinceTime, untilTime, tailLines, pattern, boot } = query;
      return [
        ...repeat('query', query.query),
        ...Object.entries({ sinceTime, untilTime, tailLines, pattern, boot }),
      ];
    }
    case 'containerLogs':
      return toLogParameters(action.options);
    case 'exec':
      return [...repeat('command', action.command), ...toStreamParameters(action.streams)];
    case 'attach':
      return toStreamParameters(action.streams);
    case 'portForward':
      return repeat('port', action.ports);
    case 'run':
      return [['cmd', action.command]];
    case 'checkpoint':
      return [['timeout', action.timeoutSeconds]];
    case 'pprof':
      return [
        ['seconds', action.seconds],
        ['debug', action.debug],
      ];
    default:
      return [];
  }
}

const repeat = (name: string, values: readonly (string | number)[]): readonly Parameter[] =>
  values.map((value) => [name, value]);

const toLogParameters = (options: LogOptions): readonly Parameter[] => [
  ['follow', options.follow],
  ['previous', options.previous],
  ['timestamps', options.timestamps],
  ['sinceSeconds', options.sinceSeconds],
  ['sinceTime', options.sinceTime],
  ['tailLines', options.tailLines],
  ['limitBytes', options.limitBytes],
  ['stream', options.stream],
];

/** The kubelet counts no other value than `1`. */
const toStreamParameters = (streams: StreamFlags): readonly Parameter[] => [
  ['input', streams.stdin ? 1 : false],
  ['output', streams.stdout ? 1 : false],
  ['error', streams.stderr && !streams.tty ? 1 : false],
  ['tty', streams.tty ? 1 : false],
];

function toQuery(parameters: readonly Parameter[]): string {
  const pairs = parameters
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
