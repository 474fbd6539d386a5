// The paths of the admin listener: the gateway's own resources in the shape of a Kubernetes API group, which curl,
// `kubectl get --raw` and `kubectl get sessions` can all read, and the metrics. Health is beside the line.

import type { Operation, SessionFilter, SessionId, View } from '../core/operation.ts';
import { FLUSHABLE_CACHES, isSessionId, OWN_API_GROUP, OWN_API_VERSION } from '../core/operation.ts';
import { Fault } from '../core/fault.ts';
import { isNamespace, isNodeName, isPodName } from '../core/names.ts';
import { negotiate, PLAIN } from '../kubectl/accept.ts';
import { toOwnDiscovery } from '../kubectl/own-discovery.ts';
import type { OwnDiscoveryPath } from '../kubectl/own-discovery.ts';
import { toOwnRequirement } from './own-attributes.ts';
import type { Parameters } from './parameters.ts';
import { badParameter } from './parameters.ts';
import type { PathNames } from './path-names.ts';
import type { AnswerRoute, OwnRoute, Route, RouteInput } from './route.ts';

const API = `/apis/${OWN_API_GROUP}/${OWN_API_VERSION}`;

/** `timeout` and `limit` come from client-go, `pretty` from people; the answer is always whole. */
const IGNORED = [
  'timeout',
  'pretty',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'includeObject',
] as const;

const own = (
  methods: OwnRoute['methods'],
  path: string,
  build: (input: RouteInput) => Operation,
): OwnRoute => ({
  kind: 'own',
  paths: [path],
  methods,
  ignored: IGNORED,
  own: (input) => {
    const operation = build(input);
    return { operation, requirement: toOwnRequirement(operation) };
  },
});

const discovery = (path: OwnDiscoveryPath): AnswerRoute => ({
  kind: 'answer',
  paths: [path],
  ignored: IGNORED,
  methods: ['GET'],
  answer: ({ accept, gitVersion }) => ({ kind: 'json', ...toOwnDiscovery(path, accept, gitVersion) }),
});

export const ADMIN_ROUTES: readonly Route[] = [
  discovery('/version'),
  discovery('/api'),
  discovery('/apis'),
  discovery(API),
  own(['GET'], '/metrics', () => ({ kind: 'readMetrics' })),
  own(['GET'], `${API}/sessions`, (input) => ({
    kind: 'listSessions',
    filter: readFilter(input.parameters),
    view: readView(input),
  })),
  own(['GET', 'DELETE'], `${API}/sessions/{id}`, (input) => {
    const id = readId(input.names);
    if (input.method === 'GET') return { kind: 'getSession', id, view: readView(input) };
    return { kind: 'endSession', id, ...readReason(input.parameters) };
  }),
  own(['GET'], `${API}/sessions/{id}/follow`, ({ names }) => ({ kind: 'followSession', id: readId(names) })),
  own(['GET'], `${API}/recordings`, (input) => ({
    kind: 'listRecordings',
    filter: readFilter(input.parameters),
    view: readView(input),
  })),
  own(['GET', 'DELETE'], `${API}/recordings/{id}`, (input) => {
    const id = readId(input.names);
    if (input.method === 'GET') return { kind: 'getRecording', id, view: readView(input) };
    return { kind: 'deleteRecording', id };
  }),
  own(['GET'], `${API}/recordings/{id}/cast`, ({ names }) => ({ kind: 'readRecording', id: readId(names) })),
  own(['GET'], `${API}/audits`, ({ parameters }) => ({ kind: 'readAudit', ...readPeriod(parameters) })),
  own(['DELETE'], `${API}/caches/{cache}`, ({ names }) => {
    const cache = FLUSHABLE_CACHES.find((known) => known === names.get('cache'));
    if (cache === undefined) throw new Fault('NotFound', `the caches are ${FLUSHABLE_CACHES.join(' and ')}`);
    return { kind: 'flushCache', cache };
  }),
];

/** A name of any other form is nobody's: it is not looked for, and never becomes a part of a file name. */
function readId(names: PathNames): SessionId {
  const id = names.get('id');
  if (!isSessionId(id)) throw new Fault('BadRequest', 'the id must be a UUID in lower case');
  return id;
}

const TABLE = { as: 'Table', group: 'meta.k8s.io', version: 'v1' } as const;

function readView({ parameters, accept }: RouteInput): View {
  const watch = parameters.one('watch');
  if (watch !== undefined && watch !== 'false' && watch !== '0') {
    throw new Fault(
      'MethodNotAllowed',
      'watch is not offered here: one session is followed at …/sessions/{id}/follow',
      {
        headers: { allow: 'GET' },
      },
    );
  }
  return negotiate(accept, [PLAIN, TABLE]) === TABLE ? 'Table' : 'Object';
}

/** The filters of a list. kubectl's `--field-selector metadata.name=ID` is not among them: ask for the one. */
function readFilter(parameters: Parameters): SessionFilter {
  const user = parameters.one('user');
  const node = parameters.one('node');
  const namespace = parameters.one('namespace');
  const pod = parameters.one('pod');
  if (node !== undefined && !isNodeName(node)) throw badParameter('node', 'is no name of a node');
  if (namespace !== undefined && !isNamespace(namespace)) {
    throw badParameter('namespace', 'is no name of a namespace');
  }
  if (pod !== undefined && !isPodName(pod)) throw badParameter('pod', 'is no name of a pod');
  return {
    ...(user === undefined ? {} : { user }),
    ...(node === undefined ? {} : { node }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(pod === undefined ? {} : { pod }),
    ...readPeriod(parameters),
  };
}

function readPeriod(parameters: Parameters): Pick<SessionFilter, 'sinceMs' | 'untilMs'> {
  const sinceMs = readTime(parameters, 'since');
  const untilMs = readTime(parameters, 'until');
  return {
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

/** RFC 3339. */
function readTime(parameters: Parameters, name: string): number | undefined {
  const text = parameters.one(name);
  if (text === undefined) return undefined;
  // A plus sign in a query is a space to most who write it.
  const time = text.replace(' ', '+');
  const ms = Date.parse(time);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(time) || Number.isNaN(ms)) {
    throw badParameter(name, 'must be a time as in 2026-11-23T18:00:00Z');
  }
  return ms;
}

const MAX_REASON_LENGTH = 256;

/** It is shown on somebody's terminal. */
function readReason(parameters: Parameters): { readonly reason?: string } {
  const reason = parameters.one('reason');
  if (reason === undefined || reason === '') return {};
  if (reason.length > MAX_REASON_LENGTH || /[\p{Cc}\p{Cf}\u2028\u2029]/u.test(reason)) {
    throw badParameter('reason', `must be one line of at most ${MAX_REASON_LENGTH} characters`);
  }
  return { reason };
}
