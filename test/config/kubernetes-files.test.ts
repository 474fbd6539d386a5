// Kubernetes' own formats: what kube-apiserver would refuse is refused, and so is what it would take and the gateway
// does not carry. Nothing is ignored in silence.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import type { Json, JsonObject, SetUp } from './set-up.ts';
import { createSetUp, load, minimal, problemsOf, warningsOf } from './set-up.ts';

let setUp: SetUp;
before(async () => {
  setUp = await createSetUp();
});

const loadAuthentication = (file: JsonObject | string) =>
  load(
    setUp,
    { ...minimal(), authentication: { configurationFile: 'authentication.yaml' } },
    { 'authentication.yaml': typeof file === 'string' ? file : stringify(file) },
  );

const jwt = (more: JsonObject = {}, issuer: JsonObject = {}): JsonObject => ({
  issuer: { url: 'https://idp.example.org', audiences: ['gateway'], ...issuer },
  claimMappings: { username: { claim: 'sub', prefix: '' } },
  ...more,
});

const authentication = (...entries: readonly JsonObject[]): JsonObject => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AuthenticationConfiguration',
  jwt: [...entries],
});

const username = (mapping: JsonObject): JsonObject => jwt({ claimMappings: { username: mapping } });
const expression = (text: string): JsonObject => username({ expression: text });
const rules = (...list: readonly JsonObject[]): JsonObject => jwt({ claimValidationRules: [...list] });
const userRules = (...list: readonly JsonObject[]): JsonObject => jwt({ userValidationRules: [...list] });
const mapped = (more: JsonObject): JsonObject =>
  jwt({ claimMappings: { username: { claim: 'sub', prefix: '' }, ...more } });
const extra = (...entries: readonly JsonObject[]): JsonObject => mapped({ extra: [...entries] });
const USES_EMAIL =
  'jwt[0].claimMappings.username.expression: uses claims.email: claims.email_verified must be used in it, in the valueExpression of an extra or in the expression of a claimValidationRule';

type Row = readonly [what: string, file: JsonObject, ...expected: string[]];

describe('AuthenticationConfiguration', () => {
  const rows: readonly Row[] = [
    ['a minimal one', authentication(jwt())],
    ['v1beta1', { ...authentication(jwt()), apiVersion: 'apiserver.config.k8s.io/v1beta1' }],
    [
      'v1alpha1',
      { ...authentication(jwt()), apiVersion: 'apiserver.config.k8s.io/v1alpha1' },
      'apiVersion: must be one of apiserver.config.k8s.io/v1, apiserver.config.k8s.io/v1beta1 (did you mean "apiserver.config.k8s.io/v1beta1"?)',
    ],
    [
      'no issuer, and no client authority',
      authentication(),
      'authentication: nobody could sign in: there is neither a JWT issuer in configurationFile nor a clientCAFile nor a tokenReview',
    ],
    ...(
      [
        ['http://idp.example.org', 'must be an https URL'],
        ['idp.example.org', 'must be a URL'],
        ['https://u@idp.example.org', 'must not hold a user name or password'],
        ['https://idp.example.org/?', 'must not hold a query'],
        ['https://idp.example.org/#', 'must not hold a fragment'],
      ] as const
    ).map(([url, message]): Row => [url, authentication(jwt({}, { url })), `jwt[0].issuer.url: ${message}`]),
    [
      'the same issuer twice',
      authentication(jwt(), jwt()),
      'jwt[1].issuer.url: another issuer has it already',
    ],
    [
      'the same discovery document twice',
      authentication(
        jwt({}, { discoveryURL: 'https://d.example.org/x' }),
        jwt({}, { url: 'https://other.example.org', discoveryURL: 'https://d.example.org/x' }),
      ),
      'jwt[1].issuer.discoveryURL: another issuer has it already',
    ],
    [
      'a discovery URL that is the issuer',
      authentication(jwt({}, { discoveryURL: 'https://idp.example.org/' })),
      'jwt[0].issuer.discoveryURL: must differ from url; leave it out',
    ],
    [
      'no audience',
      authentication(jwt({}, { audiences: [] })),
      'jwt[0].issuer.audiences: must name at least one audience',
    ],
    [
      'an audience twice',
      authentication(jwt({}, { audiences: ['a', 'a'], audienceMatchPolicy: 'MatchAny' })),
      'jwt[0].issuer.audiences[1]: this audience is listed twice',
    ],
    [
      'two audiences without a policy',
      authentication(jwt({}, { audiences: ['a', 'b'] })),
      'jwt[0].issuer.audienceMatchPolicy: must be MatchAny when there is more than one audience',
    ],
    [
      'two audiences with it',
      authentication(jwt({}, { audiences: ['a', 'b'], audienceMatchPolicy: 'MatchAny' })),
    ],
    [
      'an authority that is none',
      authentication(jwt({}, { certificateAuthority: 'x' })),
      'jwt[0].issuer.certificateAuthority: there is no PEM certificate in it',
    ],
    [
      'an egress selector',
      authentication(jwt({}, { egressSelectorType: 'cluster' })),
      'jwt[0].issuer.egressSelectorType: egress selectors are not supported: the gateway dials the issuer directly',
    ],
    [
      'no prefix',
      authentication(username({ claim: 'sub' })),
      'jwt[0].claimMappings.username.prefix: is required with claim; it may be ""',
    ],
    ['a username expression', authentication(expression('"oidc:" + claims.sub'))],
    [
      'a claim and an expression',
      authentication(username({ claim: 'sub', prefix: '', expression: 'claims.sub' })),
      'jwt[0].claimMappings.username.prefix: cannot be set together with expression',
      'jwt[0].claimMappings.username.expression: cannot be set together with claim',
    ],
    [
      'a prefix with an expression',
      authentication(username({ prefix: 'x', expression: 'claims.sub' })),
      'jwt[0].claimMappings.username.prefix: cannot be set together with expression',
    ],
    [
      'neither claim nor expression',
      authentication(username({})),
      'jwt[0].claimMappings.username: needs a claim or an expression',
    ],
    [
      'an expression that does not parse',
      authentication(expression('claims.sub +')),
      'jwt[0].claimMappings.username.expression: is not valid: Unexpected token: EOF (line 1, column 13 of the expression)',
    ],
    [
      'a variable that does not exist',
      authentication(expression('user.username')),
      'jwt[0].claimMappings.username.expression: is not valid: Unknown variable: user (line 1, column 1 of the expression)',
    ],
    [
      'a function that is not carried',
      authentication(expression('quantity(claims.sub).asInteger()')),
      'jwt[0].claimMappings.username.expression: calls the function asInteger, which is not carried',
    ],
    [
      'a username that is no string',
      authentication(expression('claims.sub == "a"')),
      'jwt[0].claimMappings.username.expression: must evaluate to string, and evaluates to bool',
    ],
    ['an e-mail address as the name', authentication(expression('claims.email')), USES_EMAIL],
    ['an e-mail address in other words', authentication(expression('claims["email"]')), USES_EMAIL],
    ['an optional e-mail address', authentication(expression('claims.?email.orValue("")')), USES_EMAIL],
    [
      'an e-mail address that is verified in the expression',
      authentication(expression('claims.email_verified ? claims.email : claims.sub')),
    ],
    [
      'an e-mail address that is verified in a rule',
      authentication(
        jwt({
          claimMappings: { username: { expression: 'claims.email' } },
          claimValidationRules: [{ expression: 'claims.?email_verified.orValue(true) == true' }],
        }),
      ),
    ],
    [
      'an e-mail address that is verified in an extra',
      authentication(
        jwt({
          claimMappings: {
            username: { expression: 'claims.email' },
            extra: [{ key: 'example.org/verified', valueExpression: 'string(claims.email_verified)' }],
          },
        }),
      ),
    ],
    [
      'an e-mail address that is verified in a user rule, which is too late',
      authentication(
        jwt({
          claimMappings: { username: { expression: 'claims.email' } },
          userValidationRules: [{ expression: 'user.username != "email_verified"' }],
        }),
      ),
      USES_EMAIL,
    ],
    [
      'a groups expression alone',
      authentication(mapped({ groups: { expression: 'claims.roles.split(",")' } })),
    ],
    [
      'groups that are no strings',
      authentication(mapped({ groups: { expression: '[1, 2]' } })),
      'jwt[0].claimMappings.groups.expression: must evaluate to string or list(string), and evaluates to list<int>',
    ],
    ['a uid expression', authentication(mapped({ uid: { expression: 'claims.sub' } }))],
    [
      'a uid of both kinds',
      authentication(mapped({ uid: { claim: 'sub', expression: 'claims.sub' } })),
      'jwt[0].claimMappings.uid.expression: cannot be set together with claim',
    ],
    [
      'a uid with a prefix',
      authentication(
        jwt({
          claimMappings: { username: { claim: 'sub', prefix: '' }, uid: { claim: 'sub', prefix: 'x' } },
        }),
      ),
      'jwt[0].claimMappings.uid.prefix: unknown key',
    ],
    [
      'extra attributes',
      authentication(extra({ key: 'example.org/tenant', valueExpression: 'claims.tenant' })),
    ],
    ...(
      [
        ['tenant', 'must be a path below a domain, such as example.org/tenant'],
        ['example.org/', 'must be a path below a domain, such as example.org/tenant'],
        ['-x/tenant', 'must be a path below a domain, such as example.org/tenant'],
        ['Example.org/tenant', 'must be in lower case'],
        ['example.org/Tenant', 'must be in lower case'],
        ['k8s.io/tenant', 'must not be below k8s.io, which is reserved'],
        ['authentication.kubernetes.io/credential-id', 'must not be below kubernetes.io, which is reserved'],
      ] as const
    ).map(([key, message]): Row => [
      `the extra key ${key}`,
      authentication(extra({ key, valueExpression: 'claims.tenant' })),
      `jwt[0].claimMappings.extra[0].key: ${message}`,
    ]),
    [
      'a domain that only looks reserved',
      authentication(extra({ key: 'notk8s.io/x', valueExpression: '"x"' })),
    ],
    [
      'an extra key twice',
      authentication(
        extra(
          { key: 'example.org/a', valueExpression: '"x"' },
          { key: 'example.org/a', valueExpression: '"y"' },
        ),
      ),
      'jwt[0].claimMappings.extra[1].key: another entry has this key already',
    ],
    [
      'an extra without a value',
      authentication(extra({ key: 'example.org/a' })),
      'jwt[0].claimMappings.extra[0].valueExpression: is required',
    ],
    [
      'user validation rules',
      authentication(userRules({ expression: 'user.username != "x"', message: 'no' })),
    ],
    [
      'a user rule that is no truth value',
      authentication(userRules({ expression: 'user.username' })),
      'jwt[0].userValidationRules[0].expression: must evaluate to bool, and evaluates to string',
    ],
    [
      'a user rule about a field that is not there',
      authentication(userRules({ expression: 'user.name == "x"' })),
      'jwt[0].userValidationRules[0].expression: is not valid: No such key: name (line 1, column 6 of the expression)',
    ],
    [
      'a user rule twice',
      authentication(userRules({ expression: 'user.uid == ""' }, { expression: 'user.uid == ""' })),
      'jwt[0].userValidationRules[1].expression: another rule has this expression already',
    ],
    [
      'a claim rule with an expression',
      authentication(rules({ expression: 'claims.exp - claims.nbf <= 86400' })),
    ],
    [
      'a claim rule of both kinds',
      authentication(rules({ claim: 'hd', expression: 'true', message: 'no' })),
      'jwt[0].claimValidationRules[0].expression: cannot be set together with claim',
      'jwt[0].claimValidationRules[0].message: is only for rules with an expression',
    ],
    [
      'a claim rule of neither kind',
      authentication(rules({ message: 'no' })),
      'jwt[0].claimValidationRules[0]: needs a claim or an expression',
    ],
    [
      'a required value with an expression',
      authentication(rules({ expression: 'true', requiredValue: 'x' })),
      'jwt[0].claimValidationRules[0].requiredValue: is only for rules with a claim',
    ],
    [
      'a rule twice',
      authentication(rules({ expression: 'claims.a == "x"' }, { expression: 'claims.a == "x"' })),
      'jwt[0].claimValidationRules[1].expression: another rule has this expression already',
    ],
    [
      'two rules about a claim',
      authentication(jwt({ claimValidationRules: [{ claim: 'hd' }, { claim: 'hd', requiredValue: 'x' }] })),
      'jwt[0].claimValidationRules[1].claim: another rule is about this claim already',
    ],
    [
      'anonymous access everywhere',
      { ...authentication(jwt()), anonymous: { enabled: true } },
      'anonymous.conditions: is required: anonymous access to every path is not offered',
    ],
    [
      'anonymous access at paths',
      { ...authentication(jwt()), anonymous: { enabled: true, conditions: [{ path: '/version' }] } },
    ],
    ...['version', '/version?x', '/a#b'].map((path): Row => [
      `anonymous access at ${path}`,
      { ...authentication(jwt()), anonymous: { enabled: true, conditions: [{ path }] } },
      'anonymous.conditions[0].path: must be a path that begins with "/", without query or fragment: it is compared as it is',
    ]),
    [
      'conditions of what is off',
      { ...authentication(jwt()), anonymous: { enabled: false, conditions: [{ path: '/version' }] } },
      'anonymous.conditions: are only for enabled: true',
    ],
    ['no anonymous access', { ...authentication(jwt()), anonymous: { enabled: false } }],
    [
      'a slip',
      authentication(jwt({}, { audience: ['x'] })),
      'jwt[0].issuer.audience: unknown key (did you mean "audiences"?)',
    ],
    [
      'too many issuers',
      authentication(
        ...Array.from({ length: 65 }, (_, n) => jwt({}, { url: `https://idp-${n}.example.org` })),
      ),
      'jwt: must have at most 64 entries',
    ],
  ];
  for (const [what, file, ...expected] of rows) {
    it(what, async () => assert.deepEqual(problemsOf(await loadAuthentication(file)), expected));
  }

  it('names the file and the line of a problem', async () => {
    const result = await loadAuthentication(
      'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous:\n  enabled: perhaps\n',
    );
    assert.ok(!result.ok);
    assert.equal(result.problems[0]?.file, '/etc/kubelet-gateway/authentication.yaml');
    assert.equal(result.problems[0].line, 4);
  });

  it('becomes values with the defaults of Kubernetes', async () => {
    const result = await loadAuthentication(
      authentication(
        jwt({ claimValidationRules: [{ claim: 'hd' }] }, { certificateAuthority: setUp.authority }),
      ),
    );
    assert.ok(result.ok);
    assert.deepEqual(result.configuration.authentication.issuers.jwt, [
      {
        issuer: {
          url: 'https://idp.example.org',
          certificateAuthority: setUp.authority,
          audiences: ['gateway'],
        },
        claimValidationRules: [{ claim: 'hd', requiredValue: '' }],
        claimMappings: { username: { claim: 'sub', prefix: '' } },
      },
    ]);
  });
});

describe('audit Policy', () => {
  const policy = (rules: Json, more: JsonObject = {}): JsonObject => ({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    rules,
    ...more,
  });
  const loadPolicy = (file: JsonObject, mode = 'blocking-strict') =>
    load(
      setUp,
      { ...minimal(), audit: { stdout: true, policyFile: 'policy.yaml', mode } },
      { 'policy.yaml': stringify(file) },
    );

  const rows: readonly Row[] = [
    ['a minimal one', policy([{ level: 'Metadata' }])],
    [
      'with metadata and managed fields',
      policy([{ level: 'None', omitManagedFields: true }], { metadata: { name: 'x' } }),
    ],
    ['no rules', policy([]), 'rules: must have at least one rule'],
    [
      'no level',
      policy([{ verbs: ['get'] }]),
      'rules[0].level: is required: must be one of None, Metadata, Request, RequestResponse',
    ],
    [
      'v1beta1',
      { ...policy([{ level: 'None' }]), apiVersion: 'audit.k8s.io/v1beta1' },
      'apiVersion: must be audit.k8s.io/v1',
    ],
    [
      'resources and other URLs',
      policy([{ level: 'None', namespaces: ['a'], nonResourceURLs: ['/x'] }]),
      'rules[0].nonResourceURLs: a rule is about resources or about other URLs, not both',
    ],
    [
      'a relative URL and a star in the middle',
      policy([{ level: 'None', nonResourceURLs: ['x', '/a*b', '/a*', '*'] }]),
      'rules[0].nonResourceURLs[0]: must be "*" or begin with "/"',
      'rules[0].nonResourceURLs[1]: may hold "*" only as its last character',
    ],
    [
      'a group with a version',
      policy([{ level: 'None', resources: [{ group: 'apps/v1' }] }]),
      'rules[0].resources[0].group: must be an API group such as "apps", or "" for the core group; a version does not belong here',
    ],
    [
      'names without resources',
      policy([{ level: 'None', resources: [{ group: '', resourceNames: ['x'] }] }]),
      'rules[0].resources[0].resourceNames: needs resources beside it',
    ],
    [
      'a stage that there is not',
      policy([{ level: 'None' }], { omitStages: ['Started'] }),
      'omitStages[0]: must be one of RequestReceived, ResponseStarted, ResponseComplete, Panic',
    ],
  ];
  for (const [what, file, ...expected] of rows) {
    it(what, async () => assert.deepEqual(problemsOf(await loadPolicy(file)), expected));
  }

  it('warns where bodies are asked for, and where strictness is given up', async () => {
    const file = policy(
      [{ level: 'Request', omitStages: ['RequestReceived'] }, { level: 'RequestResponse' }],
      { omitStages: ['RequestReceived'] },
    );
    const givesUp =
      'and blocking-strict can then not see to it that nothing is dialled before it is written down';
    assert.deepEqual(warningsOf(await loadPolicy(file)).toSorted(), [
      `omitStages: the stage RequestReceived is omitted, ${givesUp}`,
      'rules[0].level: is treated as Metadata: the gateway records no bodies',
      `rules[0].omitStages: RequestReceived is omitted, ${givesUp}`,
      'rules[1].level: is treated as Metadata: the gateway records no bodies',
    ]);
    const relaxed = warningsOf(await loadPolicy(file, 'blocking'));
    assert.ok(relaxed.every((warning) => !warning.includes('omitted')));
  });
});

describe('RBAC manifests', () => {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const roleRef = (kind: string, name: string): JsonObject => ({
    apiGroup: 'rbac.authorization.k8s.io',
    kind,
    name,
  });
  const object = (kind: string, more: JsonObject): JsonObject => ({
    apiVersion,
    kind,
    metadata: { name: 'x' },
    ...more,
  });
  const rule: JsonObject = { apiGroups: [''], resources: ['nodes/proxy'], verbs: ['get'] };
  const loadManifests = (...objects: readonly JsonObject[]) =>
    load(setUp, minimal(), { 'rbac.yaml': objects.map((one) => stringify(one)).join('---\n') });

  const rows: readonly Row[] = [
    [
      'another kind',
      { apiVersion: 'v1', kind: 'ConfigMap' },
      'kind: must be one of ClusterRole, Role, ClusterRoleBinding, RoleBinding, List',
    ],
    [
      'no kind',
      { apiVersion },
      'kind: is required: must be one of ClusterRole, Role, ClusterRoleBinding, RoleBinding, List',
    ],
    [
      'an old version',
      object('ClusterRole', { apiVersion: 'rbac.authorization.k8s.io/v1beta1' }),
      'apiVersion: must be rbac.authorization.k8s.io/v1',
    ],
    [
      'aggregation',
      object('ClusterRole', { aggregationRule: { clusterRoleSelectors: [] }, rules: [] }),
      'aggregationRule: aggregation is not supported: nobody fills in the rules here; write the aggregated rules out',
    ],
    [
      'a rule without anything',
      object('ClusterRole', { rules: [{ verbs: [] }] }),
      'rules[0].apiGroups: must name at least one API group ("" is the core group)',
      'rules[0].resources: must name at least one resource',
      'rules[0].verbs: must name at least one verb',
    ],
    [
      'a rule without resources',
      object('ClusterRole', { rules: [{ verbs: ['get'] }] }),
      'rules[0].apiGroups: must name at least one API group ("" is the core group)',
      'rules[0].resources: must name at least one resource',
    ],
    [
      'a rule about both',
      object('ClusterRole', { rules: [{ ...rule, nonResourceURLs: ['/x'] }] }),
      'rules[0].nonResourceURLs: a rule is about resources or about other URLs, not both',
    ],
    [
      'a slip',
      object('ClusterRole', { rules: [{ ...rule, verb: ['get'] }] }),
      'rules[0].verb: unknown key (did you mean "verbs"?)',
    ],
    [
      'a Role without namespace',
      object('Role', { rules: [rule] }),
      'metadata.namespace: is required here: no namespace is assumed',
    ],
    [
      'a ClusterRoleBinding to a Role',
      object('ClusterRoleBinding', { roleRef: roleRef('Role', 'x') }),
      'roleRef.kind: must be ClusterRole',
    ],
    [
      'a ServiceAccount without namespace',
      object('ClusterRoleBinding', {
        roleRef: roleRef('ClusterRole', 'x'),
        subjects: [{ kind: 'ServiceAccount', name: 'x' }],
      }),
      'subjects[0].namespace: is required for a ServiceAccount',
    ],
    [
      'a subject of another kind',
      object('ClusterRoleBinding', {
        roleRef: roleRef('ClusterRole', 'x'),
        subjects: [{ kind: 'Robot', name: 'x' }],
      }),
      'subjects[0].kind: must be one of User, Group, ServiceAccount',
    ],
    [
      'a mistake within a List',
      {
        apiVersion: 'v1',
        kind: 'List',
        items: [object('ClusterRole', { rules: [] }), { kind: 'ClusterRol' }],
      },
      'items[1].kind: must be one of ClusterRole, Role, ClusterRoleBinding, RoleBinding, List (did you mean "ClusterRole"?)',
    ],
  ];
  for (const [what, file, ...expected] of rows) {
    it(what, async () => assert.deepEqual(problemsOf(await loadManifests(file)), expected));
  }

  it('refuses the same object twice', async () => {
    const role = object('ClusterRole', { rules: [rule] });
    assert.deepEqual(problemsOf(await loadManifests(role, role)), [
      'metadata.name: another ClusterRole has this name already',
    ]);
  });

  it('reads all kinds, Lists and what a cluster adds', async () => {
    const result = await loadManifests(
      object('ClusterRole', { metadata: { name: 'a', uid: 'u', managedFields: [] }, rules: [rule] }),
      object('Role', { metadata: { name: 'b', namespace: 'n' }, rules: null }),
      {
        apiVersion: 'v1',
        kind: 'List',
        metadata: { resourceVersion: '' },
        items: [
          object('RoleBinding', {
            metadata: { name: 'c', namespace: 'n' },
            roleRef: roleRef('Role', 'b'),
            subjects: [{ kind: 'ServiceAccount', name: 's', namespace: 'n' }],
          }),
          object('ClusterRoleBinding', {
            roleRef: roleRef('ClusterRole', 'a'),
            subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'alice' }],
          }),
        ],
      },
    );
    assert.deepEqual(problemsOf(result), []);
    assert.deepEqual(warningsOf(result), []);
    assert.ok(result.ok && result.configuration.authorization.mode === 'RBAC');
    assert.deepEqual(result.configuration.authorization.rbac, {
      clusterRoles: [
        {
          name: 'a',
          rules: [{ apiGroups: [''], resources: ['nodes/proxy'], resourceNames: [], verbs: ['get'] }],
        },
      ],
      roles: [{ namespace: 'n', name: 'b', rules: [] }],
      roleBindings: [
        {
          namespace: 'n',
          name: 'c',
          roleRef: { kind: 'Role', name: 'b' },
          subjects: [{ kind: 'ServiceAccount', name: 's', namespace: 'n' }],
        },
      ],
      clusterRoleBindings: [
        {
          name: 'x',
          roleRef: { kind: 'ClusterRole', name: 'a' },
          subjects: [{ kind: 'User', name: 'alice' }],
        },
      ],
    });
  });

  it('warns of what has no effect', async () => {
    const result = await loadManifests(
      object('ClusterRole', {
        rules: [
          { verbs: ['get'], nonResourceURLs: ['/metrics'] },
          { ...rule, resources: ['nodes/*'] },
        ],
      }),
      object('Role', {
        metadata: { name: 'r', namespace: 'n' },
        rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }],
      }),
      object('RoleBinding', { metadata: { name: 'b', namespace: 'n' }, roleRef: roleRef('Role', 'x') }),
    );
    assert.deepEqual(warningsOf(result), [
      'authorization.rbac.manifestFiles: the binding "b" names the Role "x", which is in no manifest',
      'rules[1].resources[0]: matches nothing: RBAC knows "*", "resource/subresource" and "*/subresource", and no other patterns',
      'rules[0]: matches nothing: nonResourceURLs are granted by a ClusterRole only',
    ]);
    assert.deepEqual(warningsOf(await loadManifests(object('ClusterRole', { rules: [rule] }))), [
      'authorization.rbac.manifestFiles: there is no binding in the manifests, so nobody may do anything',
    ]);
  });
});

describe('kubeconfig', () => {
  const cluster: JsonObject = { server: 'https://10.0.0.1:6443' };
  const kubeconfig = (clusterOf: JsonObject, user: JsonObject, more: JsonObject = {}): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: clusterOf }],
    users: [{ name: 'u', user }],
    ...more,
  });
  const review: JsonObject = { mode: 'SubjectAccessReview', podSubresources: 'disabled' };
  const loadKubeconfig = (file: JsonObject) =>
    load(
      setUp,
      { ...minimal(), authorization: { ...review, subjectAccessReview: { kubeconfigFile: 'kube/config' } } },
      { 'kube/config': stringify(file), 'kube/token': 'secret-token' },
    );
  const PLUGIN = 'use a certificate or a token file';

  const rows: readonly Row[] = [
    ['a token', kubeconfig(cluster, { token: 't' })],
    [
      'switches that are off',
      kubeconfig({ ...cluster, 'insecure-skip-tls-verify': false, 'proxy-url': '' }, { token: 't' }),
    ],
    [
      'no verification',
      kubeconfig({ ...cluster, 'insecure-skip-tls-verify': true }, { token: 't' }),
      'clusters[0].cluster.insecure-skip-tls-verify: is not supported: the certificate of the API server is always verified',
    ],
    [
      'a proxy',
      kubeconfig({ ...cluster, 'proxy-url': 'http://proxy' }, { token: 't' }),
      'clusters[0].cluster.proxy-url: proxies are not supported',
    ],
    [
      'plain HTTP',
      kubeconfig({ server: 'http://10.0.0.1' }, { token: 't' }),
      'clusters[0].cluster.server: must be an https URL without user name, password or query',
    ],
    [
      'an exec plugin',
      kubeconfig(cluster, { exec: { command: 'aws' } }),
      `users[0].user.exec: exec plugins are not supported: the gateway runs no programs; ${PLUGIN}`,
    ],
    [
      'an auth provider',
      kubeconfig(cluster, { 'auth-provider': { name: 'gcp' } }),
      `users[0].user.auth-provider: auth-provider plugins are not supported: ${PLUGIN}`,
    ],
    [
      'impersonation',
      kubeconfig(cluster, { token: 't', as: 'root' }),
      'users[0].user.as: impersonation is not supported here',
    ],
    [
      'a password',
      kubeconfig(cluster, { username: 'a', password: 'b' }),
      `users[0].user.username: basic authentication is not supported: ${PLUGIN}`,
      `users[0].user.password: basic authentication is not supported: ${PLUGIN}`,
    ],
    [
      'nothing to show',
      kubeconfig(cluster, {}),
      'users[0].user: needs a client certificate with its key, a token, or a tokenFile',
    ],
    [
      'no such context',
      kubeconfig(cluster, { token: 't' }, { 'current-context': 'd' }),
      'current-context: there is no context of this name (did you mean "c"?)',
    ],
    [
      'no such user',
      kubeconfig(cluster, { token: 't' }, { users: [] }),
      'contexts[0].context.user: there is no user of this name',
    ],
    [
      'a certificate file that is missing',
      kubeconfig({ ...cluster, 'certificate-authority': 'ca.crt' }, { token: 't' }),
      'clusters[0].cluster.certificate-authority: cannot read /etc/kubelet-gateway/kube/ca.crt: there is no such file',
    ],
  ];
  for (const [what, file, ...expected] of rows) {
    it(what, async () => {
      assert.deepEqual(problemsOf(await loadKubeconfig(file)), expected);
    });
  }

  it('becomes a connection, with inline data and files', async () => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const inline = await loadKubeconfig(
      kubeconfig(
        {
          ...cluster,
          'certificate-authority-data': base64(setUp.authority),
          'tls-server-name': 'kubernetes',
        },
        { 'client-certificate-data': base64(setUp.certificate), 'client-key': '../gateway.key' },
      ),
    );
    assert.deepEqual(problemsOf(inline), []);
    assert.ok(inline.ok && inline.configuration.authorization.mode === 'SubjectAccessReview');
    const { connection } = inline.configuration.authorization.subjectAccessReview;
    assert.equal(connection.certificateAuthority, setUp.authority);
    assert.equal(connection.tlsServerName, 'kubernetes');
    assert.ok(connection.credential.kind === 'certificate');
    assert.equal(connection.credential.key.reveal(), setUp.key);

    const file = await loadKubeconfig(kubeconfig(cluster, { tokenFile: 'token', token: 'other' }));
    assert.ok(file.ok && file.configuration.authorization.mode === 'SubjectAccessReview');
    assert.deepEqual(file.configuration.authorization.subjectAccessReview.connection, {
      server: 'https://10.0.0.1:6443',
      credential: { kind: 'tokenFile', path: '/etc/kubelet-gateway/kube/token' },
    });
    assert.ok(!JSON.stringify(file).includes('secret-token'));
  });

  it('is not needed in a pod', async () => {
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
    const inPod = { ...minimal(), authorization: { ...review, subjectAccessReview: { inCluster: true } } };
    const files = { [`../../${folder}/ca.crt`]: '', [`../../${folder}/token`]: '' };
    assert.deepEqual(problemsOf(await load(setUp, inPod, files)), [
      'authorization.subjectAccessReview.inCluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod of a cluster',
    ]);
    const pod: SetUp = {
      ...setUp,
      files: new Map([...setUp.files, [`${folder}/ca.crt`, setUp.authority], [`${folder}/token`, 't']]),
    };
    const variables = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const result = await load(pod, inPod, {}, { variables });
    assert.ok(result.ok && result.configuration.authorization.mode === 'SubjectAccessReview');
    assert.deepEqual(result.configuration.authorization.subjectAccessReview.connection, {
      server: 'https://[fd00::1]:443',
      certificateAuthority: setUp.authority,
      credential: { kind: 'tokenFile', path: `${folder}/token` },
    });
    assert.deepEqual(problemsOf(await load(setUp, inPod, {}, { variables })), [
      `authorization.subjectAccessReview.inCluster: cannot read ${folder}/ca.crt: there is no such file`,
      `authorization.subjectAccessReview.inCluster: cannot read ${folder}/token: there is no such file`,
    ]);
  });
});
