// Who else holds nodes/proxy in the cluster, and with it a way to every kubelet that passes the gateway by. Reads
// ClusterRoles and ClusterRoleBindings alone: a RoleBinding reaches no node.

import type { Attributes } from '../core/attributes.ts';
import type { KubeConnection } from '../core/kube-connection.ts';
import type { PolicyRule } from '../core/rbac.ts';
import type { Clock } from '../core/ports.ts';
import type { Finding } from './finding.ts';
import { createAgent, toApiUrl } from '../kube/agent.ts';
import { createBearer } from '../kube/bearer.ts';
import { toRecord } from '../kube/decode.ts';
import { parsePage } from '../kube/watch/answers.ts';
import { ApiError, get, readText } from '../kube/watch/get.ts';
import { info, quoteForeign, toPlain } from './finding.ts';

export interface GrantDependencies {
  readonly clock: Clock;
  /** Whether a rule covers a question (authorize/rbac.ts). */
  readonly allows: (rule: PolicyRule, attributes: Attributes) => boolean;
}

export interface GrantOptions {
  readonly connection: KubeConnection;
  readonly timeoutMs: number;
  /** Who the gateway itself is to a kubelet: `User gateway`, `Group readers`, `ServiceAccount namespace name`. */
  readonly own?: ReadonlySet<string>;
}

const BASE = '/apis/rbac.authorization.k8s.io/v1';
const PAGE_SIZE = 500;
const MAX_PAGES = 100;
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
/** More are counted and not named. */
const MAX_NAMED = 40;

interface Holder {
  readonly subject: string;
  readonly role: string;
  readonly binding: string;
}

/** Never rejects: what cannot be read is said. */
export async function judgeGrants(dependencies: GrantDependencies, options: GrantOptions): Promise<Finding> {
  try {
    const [roles, bindings] = await readAll(dependencies, options);
    return toFinding(toHolders(roles, bindings, dependencies.allows), options.own ?? new Set());
  } catch (error) {
    const why =
      error instanceof ApiError && error.code === 403
        ? "the gateway's own account may not list clusterroles and clusterrolebindings"
        : quoteForeign(error instanceof Error ? error.message : 'unknown error');
    return info('grants-not-seen', `who else holds nodes/proxy was not looked at: ${why}`);
  }
}

async function readAll(
  { clock }: GrantDependencies,
  { connection, timeoutMs }: GrantOptions,
): Promise<readonly [readonly unknown[], readonly unknown[]]> {
  const agent = createAgent(connection);
  const bearer = createBearer(connection.credential);
  const abort = new AbortController();
  const cancel = clock.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)));
  const list = async (resource: string): Promise<readonly unknown[]> => {
    const items: unknown[] = [];
    let continuation = '';
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const url = toApiUrl(connection.server, `${BASE}/${resource}`);
      url.searchParams.set('limit', String(PAGE_SIZE));
      if (continuation !== '') url.searchParams.set('continue', continuation);
      const body = await get({ agent, url, authorization: await bearer() }, abort.signal);
      const found = parsePage(await readText(body, MAX_PAGE_BYTES));
      items.push(...found.items);
      if (found.continuation === '') return items;
      continuation = found.continuation;
    }
    throw new Error(`there are more than ${MAX_PAGES * PAGE_SIZE} ${resource}`);
  };
  try {
    return [await list('clusterroles'), await list('clusterrolebindings')];
  } finally {
    cancel();
    agent.destroy();
  }
}

const question = (verb: string): Attributes => ({
  verb,
  apiGroup: '',
  version: 'v1',
  resource: 'nodes',
  subresource: 'proxy',
  namespace: '',
  // A rule that names single nodes is one too: any of its names would do.
  name: '',
});

/** Everybody with get or create on nodes/proxy. A get alone runs commands at a kubelet, by WebSocket. */
function toHolders(
  roles: readonly unknown[],
  bindings: readonly unknown[],
  allows: GrantDependencies['allows'],
): readonly Holder[] {
  const granting = new Set(
    roles.flatMap((role) => {
      const record = toRecord(role, 'the role');
      const rules = toList(record['rules']).map(toRule);
      const isGranting = rules.some((rule) =>
        ['get', 'create'].some((verb) => allows({ ...rule, resourceNames: [] }, question(verb))),
      );
      return isGranting ? [toName(record)] : [];
    }),
  );
  return bindings.flatMap((binding) => {
    const record = toRecord(binding, 'the binding');
    const role = toText(toRecord(record['roleRef'], 'roleRef')['name']);
    if (!granting.has(role)) return [];
    return toList(record['subjects']).map((each) => {
      const { kind, name, namespace } = toRecord(each, 'the subject');
      const subject = [toText(kind), ...(namespace === undefined ? [] : [toText(namespace)]), toText(name)];
      return { subject: subject.join(' '), role, binding: toName(record) };
    });
  });
}

function toRule(value: unknown): PolicyRule {
  const rule = toRecord(value, 'the rule');
  const texts = (key: string): readonly string[] => toList(rule[key]).map(toText);
  return {
    verbs: texts('verbs'),
    apiGroups: texts('apiGroups'),
    resources: texts('resources'),
    resourceNames: texts('resourceNames'),
  };
}

const toName = (record: Readonly<Record<string, unknown>>): string =>
  toText(toRecord(record['metadata'], 'metadata')['name']);

/** Go writes null, or nothing, for an empty list. */
const toList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const toText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Bound in every cluster by the API server itself, or without a holder that could use them from outside. */
const BUILT_IN = new Set(['Group system:masters']);

const CONTROLLER = 'system:controller:';

/**
 * The controllers of the control plane, whose roles an API server makes and mends by itself (kubernetes
 * plugin/pkg/auth/authorizer/rbac/bootstrappolicy): two of them get all that there is, and nobody can take it from them.
 */
const isController = ({ subject, role, binding }: Holder): boolean =>
  role === binding &&
  role.startsWith(CONTROLLER) &&
  subject === `ServiceAccount kube-system ${role.slice(CONTROLLER.length)}`;

function toFinding(holders: readonly Holder[], own: ReadonlySet<string>): Finding {
  const others = holders.filter(
    (holder) => !BUILT_IN.has(holder.subject) && !isController(holder) && !own.has(holder.subject),
  );
  if (others.length === 0)
    return info(
      'grants',
      'nobody but system:masters, the controllers of the control plane and the gateway holds nodes/proxy in the cluster',
    );
  const named = others
    .slice(0, MAX_NAMED)
    .map(({ subject, role, binding }) => toPlain(`${subject} (ClusterRole ${role}, by ${binding})`));
  const more = others.length > MAX_NAMED ? `, and ${others.length - MAX_NAMED} more` : '';
  return {
    id: 'nodes-proxy-granted',
    severity: 'warning',
    what: `these hold nodes/proxy in the cluster: ${named.join('; ')}${more}`,
    why: 'With it they reach every kubelet directly, and through the API server, and pass the gateway by; a get alone runs commands there, by WebSocket.',
    todo: "Leave it to the gateway's own credentials and the API server's. Give others nodes/metrics, nodes/stats, nodes/pods or nodes/healthz instead, and close the port 10250 to everyone but the gateway and the API server.",
  };
}
