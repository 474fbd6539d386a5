// The audit policy's semantics, row by row (apiserver pkg/audit/policy/checker.go).

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditPolicyRule } from '../../../src/core/audit-policy.ts';
import type { AuditQuestion } from '../../../src/observe/audit/policy.ts';
import { createEvaluator } from '../../../src/observe/audit/policy.ts';
import { createUser } from '../../support/resolved.ts';

const alice = createUser('alice', { groups: ['sre', 'system:authenticated'] });

const ask = (verb: string, object: string, namespace = '', name = ''): AuditQuestion => {
  const [resource = '', subresource = ''] = object.split('/');
  return { user: alice, verb, subject: { kind: 'resource', resource, subresource, namespace, name } };
};
const exec = ask('create', 'pods/exec', 'shop', 'web-0');
const metrics = ask('get', 'nodes/metrics', '', 'node-1');
const list = ask('list', 'pods', 'shop');
const path = (text: string): AuditQuestion => ({
  user: alice,
  verb: 'get',
  subject: { kind: 'nonResource', path: text },
});
const nobody: AuditQuestion = { ...path('/nodes/node-1/exec'), user: undefined };

type Match = Omit<AuditPolicyRule, 'level'>;

const ROWS: readonly (readonly [string, Match, AuditQuestion, boolean])[] = [
  ['an empty rule matches a resource', {}, exec, true],
  ['an empty rule matches a path', {}, path('/version'), true],
  ['an empty rule matches nobody in particular', {}, nobody, true],
  ['empty lists match anything', { users: [], verbs: [], resources: [], nonResourceURLs: [] }, exec, true],
  ['a user', { users: ['bob', 'alice'] }, exec, true],
  ['another user', { users: ['bob'] }, exec, false],
  ['a user, when nobody signed in', { users: ['alice'] }, nobody, false],
  ['a group', { userGroups: ['ops', 'sre'] }, exec, true],
  ['another group', { userGroups: ['ops'] }, exec, false],
  ['a group, when nobody signed in', { userGroups: ['system:authenticated'] }, nobody, false],
  ['a verb', { verbs: ['create'] }, exec, true],
  ['the verb of the HTTP method', { verbs: ['get'] }, exec, false],
  ['user and verb, of which one differs', { users: ['alice'], verbs: ['get'] }, exec, false],
  [
    'the resource alone does not mean its subresources',
    { resources: [{ resources: ['pods'] }] },
    exec,
    false,
  ],
  ['the resource', { resources: [{ resources: ['pods'] }] }, list, true],
  ['the subresource', { resources: [{ resources: ['pods/exec'] }] }, exec, true],
  ['another subresource', { resources: [{ resources: ['pods/log'] }] }, exec, false],
  ['all subresources', { resources: [{ resources: ['pods/*'] }] }, exec, true],
  ['all subresources, with the resource itself', { resources: [{ resources: ['pods/*'] }] }, list, true],
  ['all subresources of another resource', { resources: [{ resources: ['nodes/*'] }] }, exec, false],
  ['a subresource of all', { resources: [{ resources: ['*/exec'] }] }, exec, true],
  ['another subresource of all', { resources: [{ resources: ['*/log'] }] }, exec, false],
  ['everything', { resources: [{ resources: ['*'] }] }, exec, true],
  ['every resource of the core group', { resources: [{ group: '' }] }, metrics, true],
  ['every resource of every group', { resources: [{ group: '*' }] }, metrics, true],
  ['another group of resources', { resources: [{ group: 'apps', resources: ['*'] }] }, metrics, false],
  ['a second entry', { resources: [{ group: 'apps' }, { resources: ['nodes/metrics'] }] }, metrics, true],
  ['a name', { resources: [{ resources: ['pods/exec'], resourceNames: ['web-0'] }] }, exec, true],
  ['another name', { resources: [{ resources: ['pods/exec'], resourceNames: ['web-1'] }] }, exec, false],
  ['a resource, asked about a path', { resources: [{ group: '' }] }, path('/version'), false],
  ['a namespace', { namespaces: ['shop'] }, exec, true],
  ['another namespace', { namespaces: ['kube-system'] }, exec, false],
  ['the empty namespace is cluster-scoped', { namespaces: [''] }, metrics, true],
  ['the empty namespace is no namespace', { namespaces: [''] }, exec, false],
  ['a namespace, asked about a path', { namespaces: [''] }, path('/version'), false],
  ['namespace and resource', { namespaces: ['shop'], resources: [{ resources: ['pods/*'] }] }, exec, true],
  [
    'namespace and other resource',
    { namespaces: ['shop'], resources: [{ resources: ['nodes'] }] },
    exec,
    false,
  ],
  ['a path', { nonResourceURLs: ['/version'] }, path('/version'), true],
  ['a longer path', { nonResourceURLs: ['/version'] }, path('/version/x'), false],
  ['paths below', { nonResourceURLs: ['/api*'] }, path('/apis'), true],
  ['paths elsewhere', { nonResourceURLs: ['/api*'] }, path('/version'), false],
  ['all paths', { nonResourceURLs: ['*'] }, path('/'), true],
  ['a path, asked about a resource', { nonResourceURLs: ['*'] }, exec, false],
];

describe('a rule of the audit policy', () => {
  for (const [name, rule, question, expected] of ROWS) {
    it(`${name}: ${expected ? 'matches' : 'does not match'}`, () => {
      const evaluate = createEvaluator({ rules: [{ level: 'Metadata', ...rule }], omitStages: [] });
      assert.equal(evaluate(question).level, expected ? 'Metadata' : 'None');
    });
  }
});

describe('the audit policy', () => {
  it('goes by the first rule that matches', () => {
    const evaluate = createEvaluator({
      rules: [{ level: 'None', users: ['alice'] }, { level: 'Metadata' }],
      omitStages: [],
    });
    assert.equal(evaluate(exec).level, 'None');
    assert.equal(evaluate({ ...exec, user: createUser('bob') }).level, 'Metadata');
  });
  it('records nothing that no rule matches', () => {
    assert.equal(createEvaluator({ rules: [], omitStages: [] })(exec).level, 'None');
  });
  it('that is absent records everything at Metadata', () => {
    assert.deepEqual(createEvaluator(undefined)(nobody), { level: 'Metadata', omitStages: new Set() });
  });
  it('omits the stages of the rule and its own', () => {
    const evaluate = createEvaluator({
      rules: [{ level: 'Request', omitStages: ['Panic'] }],
      omitStages: ['RequestReceived'],
    });
    assert.deepEqual(evaluate(exec), { level: 'Request', omitStages: new Set(['RequestReceived', 'Panic']) });
  });
});
