// The kubelet's own paths (pkg/kubelet/server/server.go, server/stats/handler.go). Reading is GET and nothing else,
// so that HEAD, DELETE (which resets /metrics/slis) and a POST to a reading path never reach a node. Not here, on
// purpose: /debug/flags/v (sets log levels) and /debug/pprof/ without a profile. /spec and most of /stats are for older
// kubelets; a newer one's 404 is relayed.

import type { OptionalEndpoint } from '../core/configuration.ts';
import { Fault } from '../core/fault.ts';
import { readNodeLogQuery } from './node-log-query.ts';
import { readCommand, readKubeletLogOptions, readKubeletStreams } from './options.ts';
import { badParameter } from './parameters.ts';
import { readContainer, readNamespace, readPodName, readPodRef } from './path-names.ts';
import type { ActionRoute, AnswerRoute, Route, RouteInput } from './route.ts';
import { readInteger, readPorts } from './values.ts';

type Paths = ActionRoute['paths'];
type Build = ActionRoute['build'];

const reading = (
  kind: ActionRoute['kind'],
  paths: Paths,
  build: Build,
  endpoint?: OptionalEndpoint,
): ActionRoute => ({
  kind,
  paths,
  methods: ['GET'],
  transport: 'http',
  surface: 'kubelet',
  ...(endpoint === undefined ? {} : { endpoint }),
  build,
});

const session = (kind: ActionRoute['kind'], paths: Paths, build: Build): ActionRoute => ({
  ...reading(kind, paths, build),
  methods: ['GET', 'POST'],
  transport: 'upgrade',
});

const posting = (
  kind: ActionRoute['kind'],
  paths: Paths,
  build: Build,
  endpoint: OptionalEndpoint,
): ActionRoute => ({
  ...reading(kind, paths, build, endpoint),
  methods: ['POST'],
});

/** The gateway's own redirect to the path with the slash: a kubelet makes it before it authenticates. */
const redirect = (path: string): AnswerRoute => ({
  kind: 'answer',
  paths: [path],
  methods: ['GET'],
  answer: ({ prefix, parameters }) => ({
    kind: 'redirect',
    location: `${prefix}${path}/${parameters.toQuery()}`,
  }),
});

const METRICS = ['cadvisor', 'probes', 'resource', 'slis'] as const;

/** `/exec/{namespace}/{pod}/{container}` and the same with a uid before the container. */
const containerPaths = (word: string): Paths => [
  `/${word}/{namespace}/{pod}/{container}`,
  `/${word}/{namespace}/{pod}/{uid}/{container}`,
];

export const KUBELET_ROUTES: readonly Route[] = [
  reading('healthz', ['/healthz', '/healthz/{check}'], toHealthz),
  reading('pods', ['/pods', '/pods/'], () => ({ kind: 'pods' })),
  reading('runningPods', ['/runningpods/'], () => ({ kind: 'runningPods' })),
  redirect('/runningpods'),
  reading('metrics', ['/metrics'], () => ({ kind: 'metrics', endpoint: 'kubelet' })),
  ...METRICS.map((endpoint) =>
    reading('metrics', [`/metrics/${endpoint}`], () => ({ kind: 'metrics', endpoint })),
  ),
  reading('stats', ['/stats/summary'], toSummary),
  reading('stats', ['/stats/'], () => toStats([])),
  reading('stats', ['/stats/container'], () => toStats(['container'])),
  reading('stats', ['/stats/{pod}/{container}'], ({ names }) =>
    toStats([readPodName(names), readContainer(names)]),
  ),
  reading('stats', ['/stats/{namespace}/{pod}/{uid}/{container}'], ({ names }) => {
    const { namespace, name, uid = '' } = readPodRef(names);
    return toStats([namespace, name, uid, readContainer(names)]);
  }),
  redirect('/stats'),
  reading('spec', ['/spec', '/spec/'], () => ({ kind: 'spec' })),
  reading('configz', ['/configz'], () => ({ kind: 'configz' })),
  reading('nodeLogs', ['/logs/{files...}'], toNodeLogs),
  redirect('/logs'),
  reading('containerLogs', ['/containerLogs/{namespace}/{pod}/{container}'], ({ names, parameters }) => ({
    kind: 'containerLogs',
    pod: readPodRef(names),
    container: readContainer(names),
    options: readKubeletLogOptions(parameters),
  })),
  session('exec', containerPaths('exec'), ({ names, parameters }) => ({
    kind: 'exec',
    pod: readPodRef(names),
    container: readContainer(names),
    command: readCommand(parameters),
    streams: readKubeletStreams(parameters),
  })),
  session('attach', containerPaths('attach'), ({ names, parameters }) => ({
    kind: 'attach',
    pod: readPodRef(names),
    container: readContainer(names),
    streams: readKubeletStreams(parameters),
  })),
  session(
    'portForward',
    ['/portForward/{namespace}/{pod}', '/portForward/{namespace}/{pod}/{uid}'],
    ({ names, parameters }) => ({
      kind: 'portForward',
      pod: readPodRef(names),
      ports: readPorts(parameters, 'port'),
    }),
  ),
  posting('run', containerPaths('run'), toRun, 'run'),
  posting('checkpoint', ['/checkpoint/{namespace}/{pod}/{container}'], toCheckpoint, 'checkpoint'),
  reading('pprof', ['/debug/pprof/{profile}'], toPprof, 'debug'),
  reading('flagz', ['/flagz'], () => ({ kind: 'flagz' }), 'flagz'),
  reading('statusz', ['/statusz'], () => ({ kind: 'statusz' }), 'statusz'),
];

function toHealthz({ names, parameters }: RouteInput): ReturnType<Build> {
  const check = names.has('check') ? names.get('check') : undefined;
  if (check !== undefined && !/^[-A-Za-z0-9_.]{1,128}$/.test(check)) {
    throw new Fault('BadRequest', 'the name of the health check is malformed');
  }
  const exclude = parameters.all('exclude');
  if (!exclude.every((name) => /^[-A-Za-z0-9_./]{1,128}$/.test(name))) {
    throw badParameter('exclude', 'must name a health check');
  }
  // Present is true, whatever the value (apiserver pkg/server/healthz).
  const verbose = parameters.one('verbose') !== undefined;
  return { kind: 'healthz', ...(check === undefined ? {} : { check }), verbose, exclude };
}

const toStats = (path: readonly string[]): ReturnType<Build> => ({
  kind: 'stats',
  path,
  onlyCpuAndMemory: false,
});

function toSummary({ parameters }: RouteInput): ReturnType<Build> {
  const text = parameters.one('only_cpu_and_memory') ?? 'false';
  if (text !== 'true' && text !== 'false') throw badParameter('only_cpu_and_memory', 'must be true or false');
  return { kind: 'stats', path: ['summary'], onlyCpuAndMemory: text === 'true' };
}

function toNodeLogs({ names, parameters }: RouteInput): ReturnType<Build> {
  const directory = names.files.at(-1) === '';
  const path = directory ? names.files.slice(0, -1) : names.files;
  if (path.some((name) => name.length > 255)) throw new Fault('BadRequest', 'a file name is too long');
  const query = readNodeLogQuery(parameters);
  if (query === undefined) return { kind: 'nodeLogs', path, directory };
  if (path.length > 0) throw badParameter('query', 'is for /logs/ itself');
  return { kind: 'nodeLogs', path, directory, query };
}

function toRun({ names, parameters }: RouteInput): ReturnType<Build> {
  const command = parameters.one('cmd');
  if (command === undefined || command.trim() === '') throw badParameter('cmd', 'must name a command');
  return { kind: 'run', pod: readPodRef(names), container: readContainer(names), command };
}

function toCheckpoint({ names, parameters }: RouteInput): ReturnType<Build> {
  const timeoutSeconds = readInteger(parameters, 'timeout', 0, 86_400);
  return {
    kind: 'checkpoint',
    pod: { namespace: readNamespace(names), name: readPodName(names) },
    container: readContainer(names),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
}

function toPprof({ names, parameters }: RouteInput): ReturnType<Build> {
  const profile = names.get('profile');
  if (!/^[a-z]{1,32}$/.test(profile)) throw new Fault('BadRequest', 'the name of the profile is malformed');
  const seconds = readInteger(parameters, 'seconds', 1, 3600);
  const debug = readInteger(parameters, 'debug', 0, 2);
  return {
    kind: 'pprof',
    profile,
    ...(seconds === undefined ? {} : { seconds }),
    ...(debug === undefined ? {} : { debug }),
  };
}
