// What the simulated kubelet does with a request that was let in: the routes of a kubelet 1.36 (pkg/kubelet/server), with
// go-restful's 404 and 405 where a path or method below one of them is not known.

import type { Answer } from './answer.ts';
import { goError, json, muxNotFound, noSniffText, text } from './answer.ts';
import type { PodSandbox } from './containers.ts';
import type { NodeData } from './data.ts';
import type { Exchange } from './exchange.ts';
import { containerLogs } from './logs.ts';
import { nodeLogs } from './node-logs.ts';
import { podListJson, runningPodsJson } from './pod-objects.ts';
import { runCommand } from './run.ts';
import type { Abilities } from './streams/negotiate.ts';
import { serveAttach, serveExec, servePortForward } from './streams/upgrades.ts';
import type { UpgradeResult } from './streams/upgrades.ts';

export interface SimulatedNode {
  readonly nodeName: string;
  readonly pods: readonly PodSandbox[];
  readonly data: NodeData;
  readonly logDirectory: string;
  readonly startedAt: number;
  readonly now: () => number;
  readonly abilities: Abilities;
}

const notFound = (): Answer => text(404, '404: Page Not Found');
const notAllowed = (allow: string): Answer => text(405, '405: Method Not Allowed', ['Allow', allow]);

type Handler = (
  exchange: Exchange,
  node: SimulatedNode,
  rest: readonly string[],
) => UpgradeResult | Promise<UpgradeResult>;

/** Undefined: the connection was taken over. */
export const answerRequest = (
  exchange: Exchange,
  node: SimulatedNode,
): UpgradeResult | Promise<UpgradeResult> => {
  const [root = '', ...rest] = exchange.target.path.split('/').filter((segment) => segment !== '');
  return HANDLERS.get(root)?.(exchange, node, rest) ?? (HANDLERS.has(root) ? undefined : muxNotFound());
};

/** A go-restful route: these methods, with one of these numbers of segments after the first. */
const route =
  (methods: readonly string[], counts: readonly number[], handler: Handler): Handler =>
  (exchange, node, rest) => {
    if (!counts.includes(rest.length)) return notFound();
    if (!methods.includes(exchange.method)) return notAllowed(methods.join(', '));
    return handler(exchange, node, rest);
  };

/** A route that produces JSON and says so when the client does not take it. */
const jsonRoute = (
  methods: readonly string[],
  counts: readonly number[],
  body: (node: SimulatedNode) => string,
): Handler =>
  route(methods, counts, ({ request }, node) => {
    const accept = request.headers.accept ?? '*/*';
    return /\*\/\*|application\/(json|\*)/.test(accept) ? json(body(node)) : text(406, '406: Not Acceptable');
  });

const findPod = (node: SimulatedNode, namespace?: string, name?: string): PodSandbox | undefined =>
  node.pods.find(({ spec }) => spec.namespace === namespace && spec.name === name);

const HEALTH_CHECKS = ['ping', 'log', 'syncloop', 'device-plugin'];

const healthz: Handler = ({ target }) => {
  const excluded = target.query.get('exclude') ?? [];
  if (!target.query.has('verbose')) return noSniffText('ok');
  const lines = HEALTH_CHECKS.map(
    (check) => `[+]${check} ${excluded.includes(check) ? 'excluded: ok' : 'ok'}\n`,
  );
  return noSniffText(`${lines.join('')}healthz check passed\n`);
};

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

const metrics: Handler = ({ method }, node, [endpoint = '']) => {
  if (
    endpoint !== '' &&
    endpoint !== 'cadvisor' &&
    endpoint !== 'probes' &&
    endpoint !== 'resource' &&
    endpoint !== 'slis'
  ) {
    return muxNotFound();
  }
  if (endpoint === 'slis' && method === 'DELETE') return noSniffText('metrics reset\n');
  const started = ['Process-Start-Time-Unix', String(Math.floor(node.startedAt / 1000))] as const;
  return { status: 200, headers: [['Content-Type', PROMETHEUS], started], body: node.data.metrics(endpoint) };
};

const summary: Handler = (exchange, node, rest) => {
  const only = exchange.target.query.get('only_cpu_and_memory');
  const answer = jsonRoute(['GET', 'POST'], [1], ({ data }) =>
    data.summary(only?.length === 1 && only[0] === 'true'),
  );
  return rest[0] === 'summary' ? answer(exchange, node, rest) : notFound();
};

const PROFILES = ['allocs', 'block', 'goroutine', 'heap', 'mutex', 'threadcreate'];

const debug: Handler = (exchange, node, rest) => {
  if (rest[0] === 'flags') {
    const plain = [
      ['Content-Type', 'text/plain'],
      ['X-Content-Type-Options', 'nosniff'],
    ] as const;
    return exchange.method === 'PUT'
      ? { status: 200, headers: plain, body: 'successfully set klog.logging.verbosity to 2\n' }
      : { status: 406, headers: plain, body: 'unsupported http method\n' };
  }
  const profile = rest[1];
  if (profile === undefined) return notFound();
  if (exchange.method !== 'GET') return notAllowed('GET');
  if (profile === 'cmdline')
    return noSniffText(`/usr/bin/kubelet\0--hostname-override=${node.nodeName}\0--v=2`);
  if (PROFILES.includes(profile)) return noSniffText(`${profile} profile: total 0\n`);
  const { headers = [], ...unknown } = goError(404, 'Unknown profile');
  return { ...unknown, headers: [...headers, ['X-Go-Pprof', '1']] };
};

const checkpoint = route(['POST'], [3], (_exchange, node, [namespace, name, containerName = '']) => {
  const pod = findPod(node, namespace, name);
  if (pod === undefined) return text(404, 'pod does not exist');
  const container = pod.containers.find(({ spec }) => spec.name === containerName);
  if (container === undefined) return text(404, `container ${containerName} does not exist`);
  const cause =
    'rpc error: code = Unknown desc = CRIU binary not found or too old (<31600). Failed to checkpoint container ' +
    `"${container.id}": failed to check for criu version: exec: "criu": executable file not found in $PATH`;
  return text(
    500,
    `checkpointing of ${pod.spec.namespace}/${pod.spec.name}/${containerName} failed (${cause})`,
  );
});

/** `ns, pod, container` or `ns, pod, uid, container`. */
const lastOf = (rest: readonly string[]): string => rest.at(-1) ?? '';
const uidOf = (rest: readonly string[], count: number): string | undefined =>
  rest.length === count ? rest[2] : undefined;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['healthz', healthz],
  ['metrics', metrics],
  ['stats', summary],
  ['pods', jsonRoute(['GET'], [0], ({ pods }) => podListJson(pods))],
  ['runningpods', jsonRoute(['GET'], [0], ({ pods }) => runningPodsJson(pods))],
  [
    'configz',
    (_exchange, { data }) => ({
      ...json(data.configz()),
      headers: [
        ['Content-Type', 'application/json'],
        ['X-Content-Type-Options', 'nosniff'],
      ],
    }),
  ],
  ['flagz', (_exchange, { data }) => text(200, data.flagz())],
  ['statusz', (_exchange, { data }) => text(200, data.statusz())],
  [
    'logs',
    ({ method, target }, node) =>
      method === 'GET' ? nodeLogs(node.logDirectory, target.path.slice('/logs'.length)) : notAllowed('GET'),
  ],
  [
    'containerLogs',
    route(['GET'], [3], ({ target }, node, [namespace, pod = '', container = '']) =>
      containerLogs(findPod(node, namespace, pod), { pod, container }, target, node.now()),
    ),
  ],
  [
    'run',
    route(['POST'], [3, 4], (exchange, node, rest) =>
      runCommand(exchange, findPod(node, rest[0], rest[1]), lastOf(rest)),
    ),
  ],
  [
    'exec',
    route(['GET', 'POST'], [3, 4], (exchange, node, rest) =>
      serveExec(exchange, findPod(node, rest[0], rest[1]), lastOf(rest), node.abilities),
    ),
  ],
  [
    'attach',
    route(['GET', 'POST'], [3, 4], (exchange, node, rest) => {
      const name = { uid: uidOf(rest, 4), container: lastOf(rest) };
      return serveAttach(exchange, findPod(node, rest[0], rest[1]), name, node.abilities);
    }),
  ],
  [
    'portForward',
    route(['GET', 'POST'], [2, 3], (exchange, node, rest) =>
      servePortForward(exchange, findPod(node, rest[0], rest[1]), uidOf(rest, 3), node.abilities),
    ),
  ],
  ['checkpoint', checkpoint],
  ['debug', debug],
]);
