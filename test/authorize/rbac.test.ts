import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRbacAuthorizer, ruleAllows } from '../../src/authorize/rbac.ts';
import type { AnyAttributes } from '../../src/core/attributes.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { PolicyRule, RbacObjects } from '../../src/core/rbac.ts';
import { createAttributes, createUser } from '../support/resolved.ts';

const rule = (
  verbs: readonly string[],
  resources: readonly string[],
  more: Partial<PolicyRule> = {},
): PolicyRule => ({ verbs, resources, apiGroups: [''], resourceNames: [], ...more });

const proxy = createAttributes();
const node = createAttributes({ subresource: '' });
const exec = createAttributes({
  verb: 'create',
  resource: 'pods',
  subresource: 'exec',
  namespace: 'shop',
  name: 'web-0',
});
const list = createAttributes({
  verb: 'list',
  resource: 'pods',
  subresource: '',
  namespace: 'shop',
  name: '',
});

const metricsPath = { verb: 'get', path: '/metrics' };
const paths = (...nonResourceURLs: readonly string[]): PolicyRule => ({
  ...rule(['get'], [], { apiGroups: [] }),
  nonResourceURLs,
});
const sessions = createAttributes({
  verb: 'list',
  apiGroup: 'kubelet-gateway.io',
  resource: 'sessions',
  subresource: '',
  name: '',
});

const ruleRows: readonly [string, PolicyRule, AnyAttributes, boolean][] = [
  ['the verb', rule(['get'], ['nodes/proxy']), proxy, true],
  ['another verb', rule(['create'], ['nodes/proxy']), proxy, false],
  ['any verb', rule(['*'], ['nodes/proxy']), proxy, true],
  ['verbs are case-sensitive', rule(['GET'], ['nodes/proxy']), proxy, false],
  ['no verb', rule([], ['nodes/proxy']), proxy, false],
  ['any resource, subresources included', rule(['get'], ['*']), proxy, true],
  ['the resource is not its subresource', rule(['get'], ['nodes']), proxy, false],
  ['the subresource is not its resource', rule(['get'], ['nodes/proxy']), node, false],
  ['another subresource', rule(['get'], ['nodes/metrics']), proxy, false],
  ['*/proxy is proxy of anything', rule(['get'], ['*/proxy']), proxy, true],
  ['*/exec is not proxy', rule(['get'], ['*/exec']), proxy, false],
  ['*/ is not the resource', rule(['get'], ['*/']), node, false],
  ['nodes/* is no wildcard', rule(['get'], ['nodes/*']), proxy, false],
  ['*/* is no wildcard', rule(['get'], ['*/*']), proxy, false],
  ['any API group', rule(['get'], ['nodes/proxy'], { apiGroups: ['*'] }), proxy, true],
  ['another API group', rule(['get'], ['nodes/proxy'], { apiGroups: ['apps'] }), proxy, false],
  ['no API group', rule(['get'], ['nodes/proxy'], { apiGroups: [] }), proxy, false],
  ['the named object', rule(['get'], ['nodes/proxy'], { resourceNames: ['node-1'] }), proxy, true],
  ['another object', rule(['get'], ['nodes/proxy'], { resourceNames: ['node-2'] }), proxy, false],
  ['no * among names', rule(['get'], ['nodes/proxy'], { resourceNames: ['*'] }), proxy, false],
  ['names never cover a list', rule(['list'], ['pods'], { resourceNames: ['web-0'] }), list, false],
  ['an empty name covers no list', rule(['list'], ['pods'], { resourceNames: [''] }), list, false],
  ['no names cover a list', rule(['list'], ['pods']), list, true],
  ['a path', paths('/metrics'), metricsPath, true],
  ['another path', paths('/metricsx', '/metric', '/METRICS'), metricsPath, false],
  ['a path below', paths('/metrics/*'), metricsPath, false],
  ['a prefix', paths('/met*'), metricsPath, true],
  ['any path', paths('*'), metricsPath, true],
  ['a path with another verb', { ...paths('*'), verbs: ['post'] }, metricsPath, false],
  ['all resources are no path', rule(['*'], ['*'], { apiGroups: ['*'] }), metricsPath, false],
  ['all paths are no resource', paths('*'), proxy, false],
  ['the own group', rule(['list'], ['sessions'], { apiGroups: ['kubelet-gateway.io'] }), sessions, true],
  ['the core group is not the own one', rule(['list'], ['sessions']), sessions, false],
];

describe('an RBAC rule', () => {
  for (const [what, given, attributes, want] of ruleRows) {
    it(what, () => assert.equal(ruleAllows(given, attributes), want));
  }
});

const objects: RbacObjects = {
  clusterRoles: [
    { name: 'admin', rules: [rule(['*'], ['*'], { apiGroups: ['*'] })] },
    { name: 'metrics', rules: [rule(['get'], ['nodes/metrics', 'nodes/stats'])] },
    { name: 'exec', rules: [rule(['create'], ['pods/exec']), rule(['create', 'get'], ['nodes/proxy'])] },
  ],
  roles: [{ namespace: 'shop', name: 'reader', rules: [rule(['list'], ['pods'])] }],
  clusterRoleBindings: [
    {
      name: 'admins',
      roleRef: { kind: 'ClusterRole', name: 'admin' },
      subjects: [{ kind: 'Group', name: 'sre' }],
    },
    {
      name: 'metrics',
      roleRef: { kind: 'ClusterRole', name: 'metrics' },
      subjects: [
        { kind: 'User', name: 'bob' },
        { kind: 'ServiceAccount', name: 'prometheus', namespace: 'monitoring' },
        { kind: 'ServiceAccount', name: 'homeless' },
      ],
    },
    {
      name: 'gone',
      roleRef: { kind: 'ClusterRole', name: 'gone' },
      subjects: [{ kind: 'User', name: 'eve' }],
    },
    { name: 'role', roleRef: { kind: 'Role', name: 'reader' }, subjects: [{ kind: 'User', name: 'eve' }] },
    {
      name: 'star',
      roleRef: { kind: 'ClusterRole', name: 'admin' },
      subjects: [{ kind: 'User', name: '*' }],
    },
  ],
  roleBindings: [
    {
      namespace: 'shop',
      name: 'exec',
      roleRef: { kind: 'ClusterRole', name: 'exec' },
      subjects: [
        { kind: 'User', name: 'carol' },
        { kind: 'ServiceAccount', name: 'robot' },
      ],
    },
    {
      namespace: 'shop',
      name: 'read',
      roleRef: { kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'User', name: 'carol' }],
    },
    {
      namespace: 'bank',
      name: 'read',
      roleRef: { kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'User', name: 'carol' }],
    },
  ],
};

const metrics = createAttributes({ subresource: 'metrics' });
const bindingRows: readonly [string, string, string[], AnyAttributes, string | undefined][] = [
  [
    'a group by a ClusterRoleBinding',
    'alice',
    ['sre'],
    exec,
    'ClusterRoleBinding "admins" of ClusterRole "admin" to Group "sre"',
  ],
  ['a group name is not a user name', 'sre', [], exec, undefined],
  ['a user name is not a group name', 'alice', ['bob'], metrics, undefined],
  [
    'a user by a ClusterRoleBinding',
    'bob',
    [],
    metrics,
    'ClusterRoleBinding "metrics" of ClusterRole "metrics" to User "bob"',
  ],
  ['only what the role holds', 'bob', [], proxy, undefined],
  ['names are case-sensitive', 'Bob', [], metrics, undefined],
  ['nobody', 'mallory', ['system:authenticated'], metrics, undefined],
  ['* is not everybody', 'mallory', [], metrics, undefined],
  ['system:masters is not special', 'root', ['system:masters'], metrics, undefined],
  [
    'a ServiceAccount',
    'system:serviceaccount:monitoring:prometheus',
    [],
    metrics,
    'ClusterRoleBinding "metrics" of ClusterRole "metrics" to ServiceAccount "prometheus/monitoring"',
  ],
  ['a ServiceAccount of another namespace', 'system:serviceaccount:shop:prometheus', [], metrics, undefined],
  ['a ServiceAccount without a namespace', 'system:serviceaccount::homeless', [], metrics, undefined],
  [
    'a RoleBinding in its namespace',
    'carol',
    [],
    exec,
    'RoleBinding "exec/shop" of ClusterRole "exec" to User "carol"',
  ],
  ['a RoleBinding elsewhere', 'carol', [], { ...exec, namespace: 'bank' }, undefined],
  ['a RoleBinding in all namespaces', 'carol', [], { ...list, namespace: '' }, undefined],
  ['a RoleBinding does not reach nodes', 'carol', [], proxy, undefined],
  [
    'a ServiceAccount takes the namespace of its RoleBinding',
    'system:serviceaccount:shop:robot',
    [],
    exec,
    'RoleBinding "exec/shop" of ClusterRole "exec" to ServiceAccount "robot/shop"',
  ],
  ['a Role', 'carol', [], list, 'RoleBinding "read/shop" of Role "reader" to User "carol"'],
  ['a Role of another namespace', 'carol', [], { ...list, namespace: 'bank' }, undefined],
  ['a role that does not exist', 'eve', [], metrics, undefined],
  ['a ClusterRoleBinding to a Role', 'eve', [], list, undefined],
];

describe('RBAC bindings', () => {
  const authorizer = createRbacAuthorizer(objects);
  for (const [what, name, groups, attributes, by] of bindingRows) {
    it(what, () => {
      const want: Decision =
        by === undefined
          ? { kind: 'noOpinion', reason: 'RBAC: no rule matches' }
          : { kind: 'allow', reason: `RBAC: allowed by ${by}` };
      assert.deepEqual(authorizer(createUser(name, { groups }), attributes), want);
    });
  }

  it('has no opinion where there are no objects', () => {
    const empty = { clusterRoles: [], roles: [], clusterRoleBindings: [], roleBindings: [] };
    assert.deepEqual(createRbacAuthorizer(empty)(createUser('alice'), proxy), {
      kind: 'noOpinion',
      reason: 'RBAC: no rule matches',
    });
  });
});

describe('a path that is no resource', () => {
  const roles = [
    {
      name: 'metrics',
      rules: [{ ...rule(['get'], [], { apiGroups: [] }), nonResourceURLs: ['/metrics'] }],
    },
  ];
  const bound = {
    name: 'b',
    roleRef: { kind: 'ClusterRole', name: 'metrics' },
    subjects: [{ kind: 'User', name: 'prometheus' }],
  } as const;
  const ask = (more: Partial<RbacObjects>): unknown =>
    createRbacAuthorizer({
      clusterRoles: roles,
      roles: [],
      clusterRoleBindings: [],
      roleBindings: [],
      ...more,
    })(createUser('prometheus'), { verb: 'get', path: '/metrics' });

  it('is granted by a ClusterRoleBinding', () => {
    assert.deepEqual(ask({ clusterRoleBindings: [bound] }), {
      kind: 'allow',
      reason: 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "metrics" to User "prometheus"',
    });
  });

  it('is granted by no RoleBinding, whatever its namespace', () => {
    for (const namespace of ['', 'shop']) {
      assert.deepEqual(ask({ roleBindings: [{ ...bound, namespace }] }), {
        kind: 'noOpinion',
        reason: 'RBAC: no rule matches',
      });
    }
  });
});
