// One table of rights, put to both backends: RBAC from manifests, and an API server that decides by its own plain
// reading of the same objects. What the README says about "the RBAC people already have" rests on this.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import { createRbacAuthorizer } from '../../src/authorize/rbac.ts';
import { createSarAuthorizer } from '../../src/authorize/sar.ts';
import type { Attributes, Requirement } from '../../src/core/attributes.ts';
import type { Authorizer } from '../../src/core/decision.ts';
import { Fault } from '../../src/core/fault.ts';
import { systemClock } from '../../src/core/ports.ts';
import type { PolicyRule, RbacObjects, Subject } from '../../src/core/rbac.ts';
import type { User } from '../../src/core/user.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import type { ReviewSpec } from '../../src/kube/subject-access-review.ts';
import type { ApiServer } from '../support/api-server.ts';
import { startApiServer } from '../support/api-server.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createAttributes, createResolved, createUser } from '../support/resolved.ts';

const rule = (verbs: string[], resources: string[], resourceNames: string[] = []): PolicyRule => ({
  verbs,
  resources,
  resourceNames,
  apiGroups: [''],
});
const bind = (name: string, role: string, ...subjects: Subject[]) => ({
  name,
  roleRef: { kind: 'ClusterRole' as const, name: role },
  subjects,
});

const objects: RbacObjects = {
  clusterRoles: [
    {
      name: 'kubelet-admin',
      rules: [rule(['*'], ['nodes/proxy', 'nodes/metrics', 'nodes/pods', 'nodes/log'])],
    },
    {
      name: 'kubelet-reader',
      rules: [rule(['get'], ['nodes/metrics', 'nodes/stats', 'nodes/healthz', 'nodes/pods'])],
    },
    { name: 'proxy-reader', rules: [rule(['get'], ['nodes/proxy'])] },
    { name: 'one-node', rules: [rule(['get', 'create'], ['nodes/proxy'], ['node-2'])] },
    {
      name: 'debugger',
      rules: [rule(['create'], ['pods/exec', 'pods/attach']), rule(['get'], ['pods/log'])],
    },
  ],
  roles: [{ namespace: 'shop', name: 'web-0', rules: [rule(['create'], ['pods/exec'], ['web-0'])] }],
  clusterRoleBindings: [
    bind('admins', 'kubelet-admin', { kind: 'Group', name: 'sre' }),
    bind(
      'readers',
      'kubelet-reader',
      { kind: 'User', name: 'bob' },
      { kind: 'ServiceAccount', name: 'prometheus', namespace: 'monitoring' },
    ),
    bind('carol', 'proxy-reader', { kind: 'User', name: 'carol' }),
    bind('dan', 'one-node', { kind: 'User', name: 'dan' }),
    bind('everyone', 'missing', { kind: 'Group', name: 'system:authenticated' }),
  ],
  roleBindings: [
    { namespace: 'shop', ...bind('developers', 'debugger', { kind: 'Group', name: 'shop-dev' }) },
    {
      namespace: 'shop',
      name: 'frank',
      roleRef: { kind: 'Role', name: 'web-0' },
      subjects: [{ kind: 'User', name: 'frank' }],
    },
  ],
};

/** RBAC once more, by the documentation alone: no index, no reasons. */
function isAllowed(spec: ReviewSpec): boolean {
  assert.ok('resourceAttributes' in spec);
  const { user, groups, resourceAttributes: asked } = spec;
  const resource = asked.subresource === '' ? asked.resource : `${asked.resource}/${asked.subresource}`;
  const isSubject = ({ kind, name, namespace }: Subject): boolean =>
    kind === 'User'
      ? name === user
      : kind === 'Group'
        ? groups.includes(name)
        : `system:serviceaccount:${namespace ?? ''}:${name}` === user;
  const covers = ({ verbs, resources, resourceNames }: PolicyRule): boolean =>
    (verbs.includes('*') || verbs.includes(asked.verb)) &&
    resources.includes(resource) &&
    (resourceNames.length === 0 || resourceNames.includes(asked.name));
  const bindings = [
    ...objects.clusterRoleBindings.map((binding) => ({ ...binding, namespace: undefined })),
    ...objects.roleBindings.filter(({ namespace }) => namespace === asked.namespace),
  ];
  return bindings.some(({ roleRef, subjects, namespace }) => {
    const role =
      roleRef.kind === 'ClusterRole'
        ? objects.clusterRoles.find(({ name }) => name === roleRef.name)
        : objects.roles.find((role) => role.name === roleRef.name && role.namespace === namespace);
    return subjects.some(isSubject) && (role?.rules.some(covers) ?? false);
  });
}

const node = (verb: string, subresource: string, name = 'node-1'): Attributes =>
  createAttributes({ verb, subresource, name });
const pod = (verb: string, subresource: string, namespace: string, name: string): Attributes =>
  createAttributes({ verb, resource: 'pods', subresource, namespace, name });
const user = (name: string, ...groups: string[]): User =>
  createUser(name, { groups: [...groups, 'system:authenticated'] });

const alice = user('alice', 'sre');
const erin = user('erin', 'shop-dev');
const execShop: Requirement = [node('create', 'proxy'), pod('create', 'exec', 'shop', 'web-0')];
const execBank: Requirement = [node('create', 'proxy'), pod('create', 'exec', 'bank', 'web-0')];
const pods: Requirement = [node('get', 'pods'), node('get', 'proxy')];

/** The wanted alternative of the requirement, or undefined: refused. */
const rows: readonly [string, User, Requirement, number | undefined][] = [
  ['an admin executes', alice, execShop, 0],
  ['an admin reads pods by the fine-grained right', alice, pods, 0],
  ['an admin has no right that is not in the role', alice, [node('get', 'checkpoint')], undefined],
  ['a reader reads metrics', user('bob'), [node('get', 'metrics')], 0],
  ['a reader does not post to metrics', user('bob'), [node('create', 'metrics')], undefined],
  ['a reader does not execute', user('bob'), execShop, undefined],
  [
    'a ServiceAccount scrapes',
    user('system:serviceaccount:monitoring:prometheus'),
    [node('get', 'metrics')],
    0,
  ],
  [
    'its namesake elsewhere does not',
    user('system:serviceaccount:shop:prometheus'),
    [node('get', 'metrics')],
    undefined,
  ],
  ['get nodes/proxy reads pods by the second alternative', user('carol'), pods, 1],
  ['get nodes/proxy does not execute', user('carol'), execShop, undefined],
  ['get nodes/proxy reads no metrics', user('carol'), [node('get', 'metrics')], undefined],
  ['a named node', user('dan'), [node('create', 'proxy', 'node-2')], 0],
  ['another node', user('dan'), [node('create', 'proxy', 'node-1')], undefined],
  ['pods/exec in its namespace', erin, execShop, 1],
  ['pods/exec in another namespace', erin, execBank, undefined],
  ['pods/log does not list pods', erin, [pod('list', '', 'shop', '')], undefined],
  ['pods/log', erin, [node('get', 'proxy'), pod('get', 'log', 'shop', 'web-0')], 1],
  ['a named pod', user('frank'), execShop, 1],
  ['another pod', user('frank'), [pod('create', 'exec', 'shop', 'web-1')], undefined],
  ['a Role is not for other namespaces', user('frank'), execBank, undefined],
  ['anybody else', user('mallory'), execShop, undefined],
];

describe('both backends decide alike', () => {
  let server: ApiServer;
  let sar: Authorizer;
  let close: () => void;
  const rbac = createRbacAuthorizer(objects);

  before(async () => {
    server = await startApiServer({ decide: (spec) => ({ allowed: isAllowed(spec) }) });
    const client = createKubeClient({ clock: systemClock }, server.connection);
    close = () => client.close();
    sar = createSarAuthorizer(
      {
        reviews: (spec, signal) => client.createSubjectAccessReview(spec, signal),
        clock: systemClock,
        log: createKeptLog(),
      },
      {
        authorizedTtlMs: 1000,
        unauthorizedTtlMs: 1000,
        maxEntries: 100,
        timeoutMs: 10_000,
        maxInFlightPerUser: 10,
      },
    );
  });
  after(async () => {
    close();
    await server.close();
  });

  const decide = async (authorizer: Authorizer, who: User, requirement: Requirement) => {
    try {
      const { grant } = await createAuthorize({ authorizer })(createResolved({ user: who, requirement }));
      return requirement.findIndex((attributes) => attributes === grant.by);
    } catch (error) {
      if (error instanceof Fault && error.reason === 'Forbidden') return error.message;
      throw error;
    }
  };

  for (const [what, who, requirement, want] of rows) {
    it(what, async () => {
      const byRbac = await decide(rbac, who, requirement);
      assert.equal(typeof byRbac === 'number' ? byRbac : undefined, want);
      assert.equal(await decide(sar, who, requirement), byRbac, 'asked');
      assert.equal(await decide(sar, who, requirement), byRbac, 'kept');
    });
  }
});
