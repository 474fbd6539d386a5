// From the words of a command line to the request that a client would send for them: method, target and headers. What
// the request means is left to `resolve`, as it is for every other request.

import type { ActionKind } from '../../core/action.ts';
import { isNodeName } from '../../core/names.ts';
import { UsageError } from '../command.ts';

/** What is asked about, as it was typed. */
export interface Asked {
  readonly action: string;
  readonly node: string;
  /** What stands after the node: `namespace/pod`, an endpoint, a path. */
  readonly rest: readonly string[];
  readonly container?: string | undefined;
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Why, in the user's words. */
  readonly reason?: string | undefined;
  /** What stands after `--`. */
  readonly command: readonly string[];
}

/** In the place of a node: the fleet's server URL, where the gateway finds out on which node the pod is. */
export const ANY_NODE = '-';

export interface AskedRequest {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
}

/** Of `kubectl exec`, `attach` and `port-forward` (client-go); which of them it is changes no decision. */
const UPGRADE = [
  ['connection', 'Upgrade'],
  ['upgrade', 'SPDY/3.1'],
  ['x-stream-protocol-version', 'v4.channel.k8s.io'],
].flat();

type Row = (asked: Asked) => {
  readonly path: string;
  readonly method?: 'POST';
  readonly isUpgrade?: boolean;
};

/** One row for every action. Paths are those that kubectl asks for where it does, and the kubelet's own elsewhere. */
const ROWS: Readonly<Record<ActionKind, Row>> = {
  healthz: ({ rest }) => ({ path: below('healthz', rest) }),
  metrics: ({ rest }) => ({ path: below('metrics', rest) }),
  stats: ({ rest }) => ({ path: below('stats', rest.length === 0 ? ['summary'] : rest) }),
  spec: () => ({ path: '/spec' }),
  pods: toPods,
  runningPods: () => ({ path: '/runningpods/' }),
  configz: () => ({ path: '/configz' }),
  flagz: () => ({ path: '/flagz' }),
  statusz: () => ({ path: '/statusz' }),
  nodeLogs: ({ rest }) => ({ path: rest.length === 0 ? '/logs/' : below('logs', rest) }),
  containerLogs: (asked) => ({ path: `${podPath(asked)}/log${toQuery(ofContainer(asked))}` }),
  exec: (asked) => ({ path: `${podPath(asked)}/exec${toQuery(toExec(asked))}`, isUpgrade: true }),
  attach: (asked) => ({ path: `${podPath(asked)}/attach${toQuery(ofStreams(asked))}`, isUpgrade: true }),
  portForward: (asked) => ({ path: `${podPath(asked)}/portforward`, isUpgrade: true }),
  run: (asked) => ({
    path: `/run/${inContainer(asked)}${toQuery([['cmd', commandOf(asked).join(' ')]])}`,
    method: 'POST',
  }),
  checkpoint: (asked) => ({ path: `/checkpoint/${inContainer(asked)}`, method: 'POST' }),
  pprof: ({ rest }) => ({ path: below('debug/pprof', rest.length === 0 ? ['profile'] : rest) }),
};

/** As people and kubectl call them. */
const ALIASES: Readonly<Record<string, ActionKind>> = {
  logs: 'containerLogs',
  'port-forward': 'portForward',
};

/** What may be asked about, for messages. */
export const ACTION_WORDS: readonly string[] = [...Object.keys(ROWS), ...Object.keys(ALIASES)];

/** What a path without a node can mean. */
const OF_FLEET: ReadonlySet<ActionKind> = new Set(['containerLogs', 'exec', 'attach', 'portForward', 'pods']);

/** Throws a UsageError for words that make no request. */
export function toAskedRequest(asked: Asked): AskedRequest {
  const { action, node, reason } = asked;
  const isFleet = node === ANY_NODE;
  if (!isFleet && !isNodeName(node))
    throw new UsageError(`${JSON.stringify(node)} is not the name of a node`);
  const kind = Object.hasOwn(ALIASES, action) ? ALIASES[action] : action;
  if (kind === undefined || !isActionKind(kind)) {
    throw new UsageError(`unknown action ${JSON.stringify(action)}: one of ${ACTION_WORDS.join(', ')}`);
  }
  const { path, method = 'GET', isUpgrade = false } = ROWS[kind](asked);
  if (isFleet && (!OF_FLEET.has(kind) || !path.includes('/pods/'))) {
    throw new UsageError(`without a node (${ANY_NODE}) only a pod by its name can be asked about`);
  }
  const why = reason === undefined ? [] : ['kubelet-gateway-reason', reason];
  return {
    method,
    target: isFleet ? path : `/nodes/${node}${path}`,
    headers: [...(isUpgrade ? UPGRADE : []), ...why],
  };
}

const isActionKind = (text: string): text is ActionKind => Object.hasOwn(ROWS, text);

function toPods({ rest: [scope, ...others] }: Asked): { readonly path: string } {
  if (others.length > 0) throw new UsageError('pods is followed by nothing, a namespace, or namespace/pod');
  if (scope === undefined) return { path: '/pods' };
  const [namespace = '', pod] = scope.split('/', 2);
  const list = `/api/v1/namespaces/${plain(namespace)}/pods`;
  return { path: pod === undefined ? list : `${list}/${plain(pod)}` };
}

const podOf = ({ action, rest: [text = '', ...others] }: Asked): readonly [string, string] => {
  const [namespace, pod, ...more] = text.split('/');
  if (namespace === undefined || pod === undefined || more.length > 0 || others.length > 0) {
    throw new UsageError(`${action} needs a pod, as namespace/pod, after the node`);
  }
  return [plain(namespace), plain(pod)];
};

function podPath(asked: Asked): string {
  const [namespace, pod] = podOf(asked);
  return `/api/v1/namespaces/${namespace}/pods/${pod}`;
}

function inContainer(asked: Asked): string {
  if (asked.container === undefined) throw new UsageError(`${asked.action} needs a container: -c NAME`);
  return [...podOf(asked), plain(asked.container)].join('/');
}

const ofContainer = ({ container }: Asked): readonly [string, string][] =>
  container === undefined ? [] : [['container', container]];

const ofStreams = (asked: Asked): readonly [string, string][] => [
  ...ofContainer(asked),
  ...(asked.stdin ? [['stdin', 'true'] satisfies [string, string]] : []),
  ['stdout', 'true'],
  [asked.tty ? 'tty' : 'stderr', 'true'],
];

const toExec = (asked: Asked): readonly [string, string][] => [
  ...commandOf(asked).map((word): [string, string] => ['command', word]),
  ...ofStreams(asked),
];

function commandOf({ action, command }: Asked): readonly string[] {
  if (command.length === 0) throw new UsageError(`${action} needs a command after --`);
  return command;
}

const below = (prefix: string, rest: readonly string[]): string =>
  ['', prefix, ...rest.flatMap((part) => part.split('/')).map(plain)].join('/');

/** What stands in a path must not end it, and is not encoded: `resolve` judges it as it is. */
function plain(text: string): string {
  if (!/^[-A-Za-z0-9._]+$/.test(text)) throw new UsageError(`${JSON.stringify(text)} cannot be in a path`);
  return text;
}

const toQuery = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.length === 0
    ? ''
    : `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
