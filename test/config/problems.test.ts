// Bad configurations: what is said, and where. Every row spoils a valid configuration in one way.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import type { Json, JsonObject, SetUp } from './set-up.ts';
import { load, minimal, problemsOf, warningsOf } from './set-up.ts';
import { createSetUp } from './set-up.ts';

let setUp: SetUp;
before(async () => {
  setUp = await createSetUp();
});

/** Sets `value` at `path`, making what is missing on the way; undefined removes it. */
function withValue(configuration: JsonObject, path: string, value: Json | undefined): JsonObject {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  // Lists are reached into by position, as mappings are by key.
  const holder = keys.reduce<JsonObject>((at, key) => (at[key] ??= {}) as JsonObject, configuration);
  if (value === undefined) Reflect.deleteProperty(holder, last);
  else holder[last] = value;
  return configuration;
}

type Row = readonly [path: string, value: Json | undefined, ...expected: string[]];

const DURATION = 'must be a duration with units, such as "30s", "5m", "1h30m" or "366d"';

const rows: readonly Row[] = [
  ['apiVersion', 'v1', 'apiVersion: must be kubelet-gateway.io/v1alpha1'],
  ['kind', undefined, 'kind: is required, and must be GatewayConfiguration'],
  ['listners', [], 'listners: unknown key (did you mean "listeners"?)'],
  ['somethingElse', 1, 'somethingElse: unknown key'],
  ['__proto__x', 1, '__proto__x: unknown key'],
  // listeners
  ['listeners', undefined, 'listeners: is required'],
  ['listeners', [], 'listeners: must name at least one listener'],
  ['listeners', {}, 'listeners: must be a list, not a mapping'],
  ['listeners', null, 'listeners: has no value: give it one, or leave the key out'],
  [
    'listeners.0.name',
    'Main',
    'listeners[0].name: must be lower-case letters, digits and "-", begin and end with a letter or digit, and have at most 63',
  ],
  ['listeners.0.port', '8443', 'listeners[0].port: must be a number, not a string'],
  ['listeners.0.port', 65_536, 'listeners[0].port: must be at most 65535'],
  ['listeners.0.port', 1.5, 'listeners[0].port: must be a whole number, not a number'],
  [
    'listeners.0.address',
    'https://x',
    'listeners[0].address: must be a host name or an IP address, without scheme, port or brackets',
  ],
  ['listeners.0.tls', undefined, 'listeners[0].tls: is required'],
  ['listeners.0.tls.certificateFile', '', 'listeners[0].tls.certificateFile: must not be empty'],
  [
    'listeners.0.tls.privateKeyFile',
    'none.key',
    'listeners[0].tls.privateKeyFile: cannot read /etc/kubelet-gateway/none.key: there is no such file',
  ],
  [
    'listeners.0.tls.minVersion',
    'VersionTLS11',
    'listeners[0].tls.minVersion: must be one of VersionTLS12, VersionTLS13 (did you mean "VersionTLS12"?)',
  ],
  [
    'listeners.0.tls.minVerison',
    'VersionTLS12',
    'listeners[0].tls.minVerison: unknown key (did you mean "minVersion"?)',
  ],
  [
    'listeners.0.clientCertificates',
    { request: 'yes' },
    'listeners[0].clientCertificates.request: must be true or false, not a string',
  ],
  [
    'listeners.0.trustedProxies',
    ['10.0.0.0/33', 'all'],
    'listeners[0].trustedProxies[0]: must be an IP address or a range of them, such as "10.0.0.0/8"',
    'listeners[0].trustedProxies[1]: must be an IP address or a range of them, such as "10.0.0.0/8"',
  ],
  ['admin', { port: 8443 }, 'listeners[0].port: another listener has this address and port already'],
  // authentication
  [
    'authentication',
    {},
    'authentication: nobody could sign in: there is neither a JWT issuer in configurationFile nor a clientCAFile nor a tokenReview',
  ],
  [
    'authentication.jwt',
    { algorithms: ['HS256'] },
    'authentication.jwt.algorithms[0]: must be one of RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512 (did you mean "RS256"?)',
  ],
  [
    'authentication.jwt',
    { algorithms: ['RS256', 'RS256'] },
    'authentication.jwt.algorithms[1]: this algorithm is listed twice',
  ],
  ['authentication.jwt', { clockSkew: '30' }, `authentication.jwt.clockSkew: ${DURATION}`],
  ['authentication.jwt', { clockSkew: 30 }, `authentication.jwt.clockSkew: ${DURATION}`],
  ['authentication.jwt', { clockSkew: '6m' }, 'authentication.jwt.clockSkew: must be at most 5m'],
  ['authentication.tokenCache', { ttl: '61s' }, 'authentication.tokenCache.ttl: must be at most 1m'],
  // authorization
  [
    'authorization.podSubresources',
    undefined,
    'authorization.podSubresources: must be set explicitly, to enabled or disabled: enabled lets rights on pods/exec and the like count',
  ],
  ['authorization.podSubresources', true, 'authorization.podSubresources: must be one of enabled, disabled'],
  ['authorization.rbac', undefined, 'authorization.rbac: is required in mode RBAC'],
  [
    'authorization.rbac.manifestFiles',
    [],
    'authorization.rbac.manifestFiles: must name at least one manifest file',
  ],
  [
    'authorization.mode',
    'SubjectAccessReview',
    'authorization.subjectAccessReview: is required in mode SubjectAccessReview',
  ],
  ['authorization.mode', 'AlwaysAllow', 'authorization.mode: must be one of SubjectAccessReview, RBAC'],
  [
    'authorization.subjectAccessReview',
    {},
    'authorization.subjectAccessReview: needs exactly one of kubeconfigFile and inCluster',
  ],
  [
    'authorization.subjectAccessReview',
    { kubeconfigFile: 'gateway.crt', inCluster: true },
    'authorization.subjectAccessReview: needs exactly one of kubeconfigFile and inCluster',
  ],
  [
    'authorization.subjectAccessReview',
    { inCluster: false },
    'authorization.subjectAccessReview.inCluster: must be true, or be left out',
  ],
  // nodes
  ['nodes.list', [], 'nodes.list: must name at least one node'],
  ['nodes', [], 'nodes: must be a mapping: put the nodes below the key list'],
  ['nodes', {}, 'nodes: needs exactly one of list, file and kubernetes'],
  ['nodes.file', 'nodes.yaml', 'nodes: needs exactly one of list, file and kubernetes'],
  ['nodes.lists', [], 'nodes.lists: unknown key (did you mean "list"?)'],
  [
    'nodes.allowedAddresses',
    ['localhost'],
    'nodes.allowedAddresses[0]: must be an IP address or a range of them, such as "10.0.0.0/8"',
  ],
  ['nodes.list.0.labels', { a: 1 }, 'nodes.list[0].labels.a: must be a string: quote it'],
  [
    'nodes',
    { kubernetes: { certificateAuthorityFile: 'kubelet-ca.crt' } },
    'nodes.kubernetes: needs exactly one of kubeconfigFile and inCluster',
  ],
  [
    'nodes',
    { kubernetes: { inCluster: true, serverName: 'a{b}', certificateAuthorityFile: 'kubelet-ca.crt' } },
    'nodes.kubernetes.serverName: must be {node}, {address}, system:node:{node}, or a host name in which {node} may stand',
  ],
  [
    'nodes.list.0.name',
    'Node_1',
    'nodes.list[0].name: must be the name of a node: a DNS-1123 subdomain such as "node-1.example.org"',
  ],
  ...['10.0.0.256', '[::1]', 'node 1', 'https://node-1', 'node-1:10250', '10.1'].map((address): Row => [
    'nodes.list.0.address',
    address,
    'nodes.list[0].address: must be a host name or an IP address, without scheme, port or brackets',
  ]),
  ...(
    [
      ['0.0.0.0', 'an unspecified address'],
      ['127.0.0.1', 'a loopback address'],
      ['169.254.169.254', 'the address of a metadata service'],
      ['::', 'an unspecified address'],
      ['::1', 'a loopback address'],
      ['fe80::1', 'a link-local address'],
      ['::ffff:10.0.0.1', 'an IPv4 address in the form of an IPv6 address'],
      ['224.0.0.1', 'a multicast address'],
      ['ff02::1', 'a multicast address'],
    ] as const
  ).map(([address, what]): Row => [
    'nodes.list.0.address',
    address,
    `nodes.list[0].address: is ${what}, which must be listed in nodes.allowedAddresses`,
  ]),
  ['nodes.list.0.port', 0, 'nodes.list[0].port: must be at least 1'],
  [
    'nodes.list.0.certificateAuthorityFile',
    undefined,
    'nodes.list[0].certificateAuthorityFile: is required, unless there are certificatePins',
  ],
  [
    'nodes.list.1',
    { name: 'node-1', address: 'n', certificateAuthorityFile: 'kubelet-ca.crt' },
    'nodes.list[1].name: another node has this name already',
  ],
  [
    'nodes.list.1',
    { name: 'node-2', address: '127.0.0.1', port: 8443, certificateAuthorityFile: 'kubelet-ca.crt' },
    'nodes.list[1].address: is a listener of the gateway itself',
  ],
  // credentials
  [
    'credentials.0',
    { name: 'reader', certificateFile: 'a' },
    'credentials[0]: needs exactly one of: certificateFile with privateKeyFile, bearerTokenFile, serviceAccountToken, userCertificate',
  ],
  [
    'credentials.0.bearerTokenFile',
    'token',
    'credentials[0]: needs exactly one of: certificateFile with privateKeyFile, bearerTokenFile, serviceAccountToken, userCertificate',
  ],
  [
    'credentials.0.certificateFile',
    '{name}.crt',
    'credentials[0].certificateFile: may hold no braces but those of {node}',
  ],
  [
    'credentials.1',
    { name: 'reader', bearerTokenFile: 'token' },
    'credentials[1].name: another credential has this name already',
  ],
  // mappings
  [
    'credentialMappings.0.credential',
    'raeder',
    'credentialMappings[0].credential: there is no credential of this name (did you mean "reader"?)',
  ],
  [
    'credentialMappings.0.nodes',
    ['node-1', 'node-9'],
    'credentialMappings[0].nodes[1]: there is no node of this name (did you mean "node-1"?)',
  ],
  [
    'credentialMappings.0.actions',
    ['portforward'],
    'credentialMappings[0].actions[0]: must be one of healthz, metrics, stats, spec, pods, runningPods, configz, flagz, statusz, nodeLogs, containerLogs, exec, attach, portForward, run, checkpoint, pprof (did you mean "portForward"?)',
  ],
  [
    'credentialMappings.0.users',
    [],
    'credentialMappings[0].users: matches nothing when empty; leave it out to match any',
  ],
  ['credentialMappings.0.users', [''], 'credentialMappings[0].users[0]: must not be empty'],
  [
    'credentialMappings.0.when',
    'user.name == "ann"',
    'credentialMappings[0].when: the expression is not valid: No such key: name (line 1, column 6 of the expression)',
  ],
  [
    'credentialMappings.0.when',
    'user.username',
    'credentialMappings[0].when: the expression must evaluate to bool, and evaluates to string',
  ],
  [
    'credentialMappings.0.when',
    'user.username.matches(user.uid)',
    'credentialMappings[0].when: the expression calls matches with a pattern that is not a string literal',
  ],
  ['credentialMappings', [], 'credentialMappings: must name at least one rule'],
  // the rest
  ['endpoints', { enabled: ['debug', 'debug'] }, 'endpoints.enabled[1]: this endpoint is listed twice'],
  [
    'endpoints',
    { enabled: ['pprof'] },
    'endpoints.enabled[0]: must be one of run, checkpoint, debug, flagz, statusz',
  ],
  ['forwarding', { connectTimeout: '0s' }, 'forwarding.connectTimeout: must be at least 100ms'],
  ['forwarding', { maxConnectionsPerNode: 0 }, 'forwarding.maxConnectionsPerNode: must be at least 1'],
  ['sessions', { exec: { idle: '-1h' } }, `sessions.exec.idle: ${DURATION}`],
  [
    'sessions',
    { portforward: { idle: '1h' } },
    'sessions.portforward: unknown key (did you mean "portForward"?)',
  ],
  ['audit', undefined, 'audit: is required'],
  ['audit', {}, 'audit: needs a file, or stdout: true, or both'],
  ['audit', { colour: 'red' }, 'audit: needs a file, or stdout: true, or both', 'audit.colour: unknown key'],
  ['audit.mode', 'strict', 'audit.mode: must be one of blocking-strict, blocking, batch'],
  [
    'audit.file',
    { path: 'a', maxSize: '1K' },
    'audit.file.maxSize: must be a quantity of bytes such as "100Mi" or "128Ki" (suffixes Ki, Mi, Gi, Ti, k, M, G, T)',
  ],
  ['audit.file', { path: 'a', maxSize: '1k' }, 'audit.file.maxSize: must be at least 1Mi'],
  ['shutdown', { grace: '2 s' }, `shutdown.grace: ${DURATION}`],
  ['log', { level: 'trace' }, 'log.level: must be one of debug, info, warn, error'],
];

describe('a configuration with one mistake', () => {
  for (const [path, value, ...expected] of rows) {
    it(`${path} = ${value === undefined ? 'nothing' : JSON.stringify(value)}`, async () => {
      assert.deepEqual(problemsOf(await load(setUp, withValue(minimal(), path, value))), expected);
    });
  }
});

type WarningRow = readonly [what: string, spoil: Readonly<Record<string, Json>>, ...expected: string[]];

const second: JsonObject = {
  name: 'node-2',
  address: '10.0.0.12',
  certificateAuthorityFile: 'kubelet-ca.crt',
};
const legacy: JsonObject = { name: 'legacy', bearerTokenFile: 'token' };

const warnings: readonly WarningRow[] = [
  ['nothing', {}],
  [
    'a credential without a rule',
    { 'credentials.1': { name: 'spare', bearerTokenFile: 'token' } },
    'credentials[1]: is not used by any of credentialMappings',
  ],
  [
    'a rule behind one that matches everything',
    { 'credentialMappings.1': { credential: 'reader', users: ['alice'] } },
    'credentialMappings[1]: is never reached: credentialMappings[0] matches everything that it does',
  ],
  [
    'a rule that an earlier one covers only in part',
    {
      'credentialMappings.0': { credential: 'reader', users: ['alice'] },
      'credentialMappings.1': { credential: 'reader', users: ['alice', 'bob'] },
    },
  ],
  [
    'one token for two nodes',
    { 'nodes.list.1': second, 'credentials.0': legacy, 'credentialMappings.0.credential': 'legacy' },
    'credentials[0].bearerTokenFile: this token is shown to 2 nodes: any of them could use it at the others; prefer certificates, or one token for each {node}',
  ],
  [
    'one token for two nodes under two names',
    {
      'nodes.list.1': second,
      'credentials.0': legacy,
      'credentials.1': { name: 'other', bearerTokenFile: 'token' },
      'credentialMappings.0': { credential: 'legacy', nodes: ['node-1'] },
      'credentialMappings.1': { credential: 'other', nodes: ['node-2'] },
    },
    'credentials[1].bearerTokenFile: this token is shown to 2 nodes: any of them could use it at the others; prefer certificates, or one token for each {node}',
  ],
  [
    'one token for one of two nodes',
    {
      'nodes.list.1': second,
      'credentials.0': legacy,
      'credentialMappings.0': { credential: 'legacy', nodes: ['node-2'] },
    },
  ],
  [
    'a token for each node',
    {
      'nodes.list.1': second,
      'credentials.0': { name: 'legacy', bearerTokenFile: '{node}.token' },
      'credentialMappings.0.credential': 'legacy',
    },
  ],
  [
    'an admin listener that others reach in plain HTTP',
    { admin: { address: '0.0.0.0' } },
    'admin.address: is reachable from other hosts and speaks plain HTTP, and so serves health alone: give it tls, or listen on 127.0.0.1',
  ],
  [
    'recordings that nobody can read over an admin listener without TLS',
    { recording: { directory: 'recordings', rules: [{ mode: 'best-effort' }] } },
    'admin: has no tls, so nobody can be known there: sessions cannot be followed or ended, nor recordings read, over it',
  ],
  [
    'an admin listener beside a private one',
    { admin: { address: '10.0.0.1' }, 'listeners.0.address': '127.0.0.1' },
  ],
  [
    'an admin listener with TLS',
    { admin: { address: '0.0.0.0', tls: { certificateFile: 'gateway.crt', privateKeyFile: 'gateway.key' } } },
  ],
  [
    'proxies that are everybody',
    { 'listeners.0.trustedProxies': ['0.0.0.0/0'] },
    'listeners[0].trustedProxies[0]: trusts the whole world: anybody could write source addresses into the audit log',
  ],
  [
    'settings of the other mode',
    { 'authorization.subjectAccessReview': { inCluster: true } },
    'authorization.subjectAccessReview: is not used in mode RBAC',
  ],
];

describe('a configuration that works and is less safe than it looks', () => {
  for (const [what, spoil, ...expected] of warnings) {
    it(what, async () => {
      const configuration = Object.entries(spoil).reduce(
        (spoiled, [path, value]) => withValue(spoiled, path, value),
        minimal(),
      );
      const result = await load(setUp, configuration);
      assert.deepEqual(problemsOf(result), []);
      assert.deepEqual(warningsOf(result), expected);
    });
  }
});

describe('many mistakes', () => {
  it('are all reported at once, with their lines, in the order of the file', async () => {
    const text = stringify({
      ...minimal(),
      nodes: { list: [{ name: 'node-1', address: '10.0.0.300', certificateAuthorityFile: 'none.crt' }] },
      listeners: [{ name: 'main', tls: { certificateFile: 'none.crt', privateKeyFile: 'gateway.key' } }],
      authentication: { clientCAFile: 'none.crt', colour: 'red' },
      authorization: { mode: 'RBAC', podSubresources: 'enabled', rbac: { manifestFiles: ['none.yaml'] } },
      log: { level: 'loud' },
    });
    const result = await load(setUp, text);
    assert.ok(!result.ok);
    const lines = text.split('\n');
    for (const { path, line } of result.problems) {
      const key =
        path
          .split('.')
          .at(-1)
          ?.replace(/\[\d+\]$/, '') ?? '';
      if (path !== 'listeners[0].port' && !path.endsWith(']')) {
        assert.ok(lines[(line ?? 0) - 1]?.includes(key), `${path} is not on line ${line ?? 'none'}`);
      }
    }
    assert.deepEqual(
      result.problems.map(({ path }) => path),
      [
        'listeners[0].port',
        'listeners[0].tls.certificateFile',
        'authentication.clientCAFile',
        'authentication.colour',
        'authorization.rbac.manifestFiles[0]',
        'nodes.list[0].address',
        'nodes.list[0].certificateAuthorityFile',
        'log.level',
      ],
    );
    assert.deepEqual(
      result.problems.map(({ line }) => line),
      result.problems.map(({ line }) => line).toSorted((a = 0, b = 0) => a - b),
    );
  });

  it('do not repeat a value, which may be a secret', async () => {
    const secret = 'hunter2-hunter2';
    const result = await load(setUp, withValue(minimal(), 'audit.mode', secret));
    assert.ok(!JSON.stringify(result).includes(secret));
  });
});

describe('a main file that is no configuration', () => {
  const texts: readonly (readonly [what: string, text: string, expected: string])[] = [
    ['an empty one', '', ': the file is empty'],
    ['a comment', '# nothing\n', ': the file is empty'],
    ['a list', '- a\n', ': the file must hold a mapping with apiVersion, kind and the sections'],
    [
      'two documents',
      'a: 1\n---\nb: 2\n',
      ': the file must hold one YAML document, but a second begins here',
    ],
    ['a key twice', 'a: 1\na: 2\n', ': not valid YAML: this key is given twice in the same mapping'],
    ['a tab', 'a:\n\tb: 1\n', ': not valid YAML: tabs must not indent; use spaces'],
    ['a tag', 'a: !secret x\n', ': not valid YAML: tags are not supported here'],
    ['an alias of nothing', 'a: *b\n', ': not valid YAML: an alias names an anchor that is not there'],
  ];
  for (const [what, text, expected] of texts) {
    it(what, async () => assert.deepEqual(problemsOf(await load(setUp, text)), [expected]));
  }

  it('an alias bomb', async () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (const [name, before] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => pair.split(''))) {
      bomb.push(
        `${name ?? ''}: &${name ?? ''} [${Array(9)
          .fill(`*${before ?? ''}`)
          .join(', ')}]`,
      );
    }
    assert.deepEqual(problemsOf(await load(setUp, bomb.join('\n'))), [
      ': not valid YAML: anchors are used more than 50 times',
    ]);
  });
});
