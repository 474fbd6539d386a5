// The kubelet's own authorization table (Kubernetes 1.36, pkg/kubelet/server/auth.go), its hole included: the verb comes
// from the HTTP method, so that a WebSocket exec, which is a GET, asks for no more than `get nodes/proxy`.

export interface KubeletAttributes {
  /** Empty for a method without a verb, HEAD and OPTIONS among them. */
  readonly verb: string;
  readonly subresource: string;
}

const VERBS: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

const SUBRESOURCES: readonly (readonly [string, readonly string[]])[] = [
  ['/stats', ['stats']],
  ['/metrics', ['metrics']],
  ['/logs', ['log']],
  ['/checkpoint', ['checkpoint']],
  ['/statusz', ['statusz']],
  ['/flagz', ['configz']],
  ['/pods', ['pods', 'proxy']],
  ['/runningpods', ['pods', 'proxy']],
  ['/healthz', ['healthz', 'proxy']],
  ['/configz', ['configz', 'proxy']],
];

/** Before KubeletFineGrainedAuthz (Kubernetes 1.32). */
const COARSE: ReadonlySet<string> = new Set(['/stats', '/metrics', '/logs', '/checkpoint']);

/** What a request asks for, in order; one that is allowed suffices. `path` is the decoded path. */
export const toAttributes = (method: string, path: string, coarse: boolean): readonly KubeletAttributes[] => {
  const verb = VERBS.get(method) ?? '';
  const row = SUBRESOURCES.find(
    ([prefix]) => (!coarse || COARSE.has(prefix)) && (path === prefix || path.startsWith(`${prefix}/`)),
  );
  return (row?.[1] ?? ['proxy']).map((subresource) => ({ verb, subresource }));
};

/** The body of a 403. */
export const forbiddenText = (
  user: string,
  attributes: readonly KubeletAttributes[],
  coarse: boolean,
): string => {
  const verb = attributes[0]?.verb ?? '';
  const subresources = attributes.map(({ subresource }) => subresource).join(' ');
  const tail = coarse ? `subresource=${subresources}` : `subresource(s)=[${subresources}]`;
  return `Forbidden (user=${user}, verb=${verb}, resource=nodes, ${tail})\n`;
};
