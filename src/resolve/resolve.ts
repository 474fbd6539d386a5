// The stage resolve: what does a request mean, and what does that require? Pure and synchronous; it knows no node
// and asks nobody, so that a stranger who probes node names learns nothing. Its refusals are 400, 404 and 405: a 403
// always means that somebody was asked about a user, which is why an endpoint that is switched off is a 404.

import type { OptionalEndpoint } from '../core/configuration.ts';
import type { Action } from '../core/action.ts';
import type { Found, Identified, Resolved, Sought, Transport } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import { Fault } from '../core/fault.ts';
import { RECORDED_ACTIONS } from '../core/session-match.ts';
import { toRequirement } from './attributes.ts';
import type { Meaning } from './meanings.ts';
import { createMeanings } from './meanings.ts';
import { toNoRoute } from './no-route.ts';
import type { Parameters } from './parameters.ts';
import { createParameters } from './parameters.ts';
import { readReason } from './reason.ts';
import type { ActionRoute, Match, Route, RouteInput } from './route.ts';
import { createMatcher } from './route.ts';
import { NODE_ROUTES, ROOT_ROUTES, SERVER_ROUTES } from './routes.ts';
import type { Scope } from './scope.ts';
import { toScope } from './scope.ts';
import { parseTarget } from './target.ts';
import { parseUpgrade, refuseUpgrade } from './transport.ts';

export interface ResolveOptions {
  /** Those that are switched on; the others do not exist. */
  readonly endpoints: ReadonlySet<OptionalEndpoint>;
  /** Kubernetes' rights on pods/exec, pods/attach, pods/portforward and pods/log count. */
  readonly podSubresources: boolean;
  /** The gitVersion that `/version` answers. */
  readonly version: string;
}

export type Resolve = (identified: Identified) => Found;

/** The stage throws Faults: BadRequest, NotFound, MethodNotAllowed (with `allow`), NotAcceptable. */
export function createResolve(options: ResolveOptions): Resolve {
  const matchers = {
    root: createMatcher(ROOT_ROUTES),
    server: createMatcher(SERVER_ROUTES),
    proxy: createMatcher(NODE_ROUTES),
  };
  const meanings = createMeanings();
  return (identified) => {
    const known = meanings.get(identified);
    if (known !== undefined) {
      refuseUpgrade(identified.headers);
      return toResolved(identified, known, undefined);
    }
    const target = parseTarget(identified.target);
    const scope = toScope(target.segments);
    if (target.encoded && (scope.kind === 'root' || scope.segments[0] !== 'logs')) {
      throw new Fault('BadRequest', 'percent-encoding in a path is accepted in file names below /logs/ only');
    }
    const match = matchers[scope.kind](scope.segments);
    if (match === undefined) throw toNoRoute(scope);
    const { route } = match;
    check(route, identified.method, options.endpoints);
    const parameters = createParameters(target.pairs, route.ignored ?? []);
    const input = toInput(identified, match, parameters, scope, options.version);
    if (route.kind === 'answer') {
      refuseUpgrade(identified.headers);
      const answer = route.answer(input);
      parameters.finish();
      return { ...identified, answer };
    }
    if (route.kind === 'own') {
      refuseUpgrade(identified.headers);
      const own = route.own(input);
      parameters.finish();
      return { ...identified, ...own };
    }
    const transport = toTransport(route, identified);
    const action = route.build(input);
    const reason = isSession(route) ? readReason(identified.headers, parameters) : undefined;
    parameters.finish();
    const toMeaning = (node: NodeName): Meaning => ({
      node,
      action,
      transport,
      requirement: toRequirement(action, node, options),
      surface: route.surface,
    });
    if (scope.kind === 'root') {
      const on = (node: NodeName): Resolved => toResolved(identified, toMeaning(node), reason);
      return toSought(identified, action, options, on);
    }
    const meaning = toMeaning(scope.node);
    if (isOfTargetAlone(route)) meanings.keep(identified, meaning);
    return toResolved(identified, meaning, reason);
  };
}

const toResolved = (
  identified: Identified,
  { node, action, transport, requirement, surface }: Meaning,
  reason: string | undefined,
): Resolved => ({
  ...identified,
  node,
  action,
  transport,
  ...(reason === undefined ? undefined : { reason }),
  requirement,
  surface,
});

/** Whether no header field has a part in what it means, but for one that asks for an upgrade. */
const isOfTargetAlone = (route: ActionRoute): boolean =>
  route.surface === 'kubelet' && route.transport === 'http' && !isSession(route);

function toSought(identified: Identified, action: Action, options: ResolveOptions, on: Sought['on']): Sought {
  const pod = toSoughtPod(action);
  if (pod === undefined) throw new Error('a route at the root has an action, but neither a node nor a pod');
  return { ...identified, sought: action, pod, requirement: toRequirement(action, '', options), on };
}

function toSoughtPod(action: Action): Sought['pod'] | undefined {
  if ('pod' in action) return { namespace: action.pod.namespace, name: action.pod.name };
  if (action.kind !== 'pods') return undefined;
  const { namespace, name } = action.view ?? {};
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

const CHANGES_NOTHING =
  'this gateway changes no object, which is for the API server; it reads, and opens exec, attach and port-forward';

const isWrite = (method: string): boolean => ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method);

/** Reviews of one's own rights, which are sent, are no objects. */
const isKubectl = ({ kind, paths: [path], methods: [first] }: Route): boolean =>
  kind !== 'own' && first === 'GET' && (path.startsWith('/api/') || path.startsWith('/apis/'));

const isSession = ({ kind }: ActionRoute): boolean => RECORDED_ACTIONS.some((action) => action === kind);

function check(route: Route, method: string, endpoints: ReadonlySet<OptionalEndpoint>): void {
  const endpoint = route.kind === 'answer' || route.kind === 'own' ? undefined : route.endpoint;
  if (endpoint !== undefined && !endpoints.has(endpoint)) {
    throw new Fault('NotFound', `this endpoint is off: endpoints.enabled does not list ${endpoint}`);
  }
  if (route.methods.some((allowed) => allowed === method)) return;
  const words = isWrite(method) && isKubectl(route) ? `: ${CHANGES_NOTHING}` : '';
  throw new Fault('MethodNotAllowed', `the method is not allowed on this path${words}`, {
    headers: { allow: route.methods.join(', ') },
  });
}

const toInput = (
  { method, headers }: Identified,
  { names }: Match,
  parameters: Parameters,
  scope: Scope,
  gitVersion: string,
): RouteInput => ({
  method,
  names,
  parameters,
  accept: headers.all('accept'),
  ...(scope.kind === 'root' ? { prefix: '' } : { prefix: scope.prefix, within: scope.node }),
  gitVersion,
});

function toTransport(route: ActionRoute, { method, headers }: Identified): Transport {
  if (route.transport === 'upgrade') return parseUpgrade(method, headers);
  refuseUpgrade(headers);
  return { kind: 'http' };
}
