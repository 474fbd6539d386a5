// S12, after a proxy that read requiredClaims and never looked at them: an option that is configured and not enforced is
// a hole that nobody sees. Each option about who may come in and what they may do is changed here, and the same request
// must then end otherwise. The last test walks the schemas: an option without a row, here or elsewhere, fails it.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { PresentedCertificate } from '../../src/core/exchange.ts';
import type { JsonObject, SetUp } from '../config/set-up.ts';
import type { ApiServer } from '../support/api-server.ts';
import type { RogueIssuer, SigningKey } from '../support/identity-provider.ts';
import { createInspection } from '../../src/cli/inspection.ts';
import { composeLine } from '../../src/compose.ts';
import { authenticationConfigurationFile } from '../../src/config/schema/authentication-configuration.ts';
import { listSettings } from '../../src/config/reference.ts';
import { isResolved } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { createSetUp, load, minimal, problemsOf } from '../config/set-up.ts';
import { startApiServer } from '../support/api-server.ts';
import { presented } from '../support/certificates.ts';
import { createSigningKey, signToken, startRogueIssuer } from '../support/identity-provider.ts';
import { createAuthority } from '../support/pki.ts';
import { createReceived } from '../support/received.ts';

interface Request {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly string[];
  /** Claims of a token beside those of `ann`; null: no token. */
  readonly claims?: Readonly<Record<string, unknown>> | null;
  readonly token?: string;
  readonly certificate?: boolean;
}

interface World {
  readonly main: JsonObject;
  readonly issuer: JsonObject;
  /** More of the AuthenticationConfiguration. */
  readonly authentication: JsonObject;
  readonly files: Record<string, string>;
}

type Change = (world: World) => void;

let setUp: SetUp;
let folder: string;
let provider: RogueIssuer;
let key: SigningKey;
let api: ApiServer;
let client: PresentedCertificate;
let clientAuthority: Awaited<ReturnType<typeof createAuthority>>;
let clientPem: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enforced-'));
  for (const name of ['weak', 'strong']) await writeFile(join(folder, name), 'token');
  [setUp, provider, key, api, clientAuthority] = await Promise.all([
    createSetUp(),
    startRogueIssuer(),
    createSigningKey('k1'),
    startApiServer({
      decide: () => ({ allowed: false, reason: 'the API server says no' }),
      authenticate: ({ audiences }) =>
        audiences.includes('gateway')
          ? { authenticated: true, user: { username: 'ann' }, audiences: ['gateway'] }
          : { authenticated: false, error: 'another audience' },
    }),
    createAuthority('people'),
  ]);
  provider.publish([key.jwk]);
  clientPem = (await clientAuthority.issue({ commonName: 'ann', usages: ['client'] })).certificate;
  client = presented(clientPem);
});
after(async () => {
  await Promise.all([provider.close(), api.close()]);
  await rm(folder, { recursive: true });
});

const RBAC = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: all }
rules:
  - { apiGroups: [""], resources: [nodes/metrics, nodes/proxy, pods/exec], verbs: ["*"] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: executes }
rules:
  - { apiGroups: [""], resources: [pods/exec], verbs: [create] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: b1 }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all }
subjects: [{ kind: User, name: ann }, { kind: Group, name: sre }, { kind: User, name: "system:x" }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: b2 }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: executes }
subjects: [{ kind: User, name: dev }]
`;

function createWorld(): World {
  return {
    issuer: {
      issuer: {
        url: provider.url,
        certificateAuthority: provider.certificateAuthority,
        audiences: ['gateway'],
      },
      claimMappings: { username: { claim: 'sub', prefix: '' }, groups: { claim: 'groups', prefix: '' } },
    },
    authentication: {},
    main: {
      ...minimal(),
      authentication: { configurationFile: 'authentication.yaml', clientCAFile: 'people.crt' },
      credentials: ['weak', 'strong'].map((name) => ({ name, bearerTokenFile: join(folder, name) })),
      credentialMappings: [
        { credential: 'weak', actions: ['metrics'] },
        { credential: 'strong', actions: ['exec', 'configz', 'run'] },
      ],
    },
    files: {
      'rbac.yaml': RBAC,
      'people.crt': clientAuthority.certificate,
      'strangers.crt': setUp.authority,
      'kubeconfig.yaml': api.kubeconfig,
    },
  };
}

const at = (object: JsonObject, name: string): JsonObject => object[name] as JsonObject;

/** How the request ends: a code with its words, or who it was and with which credential. */
async function decide(change: Change | undefined, request: Request): Promise<string> {
  const world = createWorld();
  change?.(world);
  const authentication = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [world.issuer],
    ...world.authentication,
  };
  const loaded = await load(setUp, world.main, {
    ...world.files,
    'authentication.yaml': stringify(authentication),
  });
  assert.ok(loaded.ok, problemsOf(loaded).join('\n'));
  const inspection = createInspection(loaded.configuration);
  const composed = composeLine(inspection.foundation, loaded.configuration);
  const { line } = composed;
  try {
    const received = await toReceived(request);
    const identified = await line.identify(received);
    const resolved = line.resolve(identified);
    assert.ok(isResolved(resolved));
    const { credential, authentication: found } = await line.credential(
      await line.locate(await line.authorize(resolved)),
    );
    const { name, uid, groups, extra } = found.user;
    return JSON.stringify([name, groups, uid, extra, credential.name]);
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return `${error.code} ${error.message}`;
  } finally {
    composed.retire();
    inspection.close();
  }
}

async function toReceived({ method = 'GET', target = METRICS, headers = [], ...who }: Request) {
  const now = Math.floor(Date.now() / 1000);
  const own = { iss: provider.url, aud: 'gateway', sub: 'ann', groups: ['sre'], exp: now + 600 };
  const token =
    who.token ??
    (who.claims === null || who.certificate === true
      ? undefined
      : await signToken(key, JSON.parse(JSON.stringify({ ...own, ...who.claims })) as typeof own));
  const lines = [...headers, ...(token === undefined ? [] : ['authorization', `Bearer ${token}`])];
  return {
    ...createReceived(lines, who.certificate === true ? client : undefined),
    auditId: randomUUID(),
    method,
    target,
  };
}

const METRICS = '/nodes/node-1/metrics';
const EXEC: Request = {
  method: 'POST',
  target: '/nodes/node-1/exec/a/b/c?command=id&output=1',
  headers: ['connection', 'upgrade', 'upgrade', 'SPDY/3.1', 'x-stream-protocol-version', 'v4.channel.k8s.io'],
};
const RUN: Request = { method: 'POST', target: '/nodes/node-1/run/a/b/c?cmd=id' };
const mapping =
  (index: number, more: JsonObject): Change =>
  ({ main }) => {
    Object.assign((main['credentialMappings'] as JsonObject[])[index] ?? {}, more);
  };
const authentication =
  (more: JsonObject): Change =>
  ({ main }) => {
    Object.assign(at(main, 'authentication'), more);
  };
const issuer =
  (more: JsonObject): Change =>
  (world) =>
    void Object.assign(at(world.issuer, 'issuer'), more);
const claimMapping =
  (more: JsonObject): Change =>
  (world) =>
    void Object.assign(at(world.issuer, 'claimMappings'), more);
const rules =
  (more: JsonObject): Change =>
  (world) =>
    void Object.assign(world.issuer, more);
const reviewed = (more: JsonObject): Change =>
  authentication({ tokenReview: { kubeconfigFile: 'kubeconfig.yaml', audiences: ['gateway'], ...more } });

const anonymous =
  (path: string): Change =>
  (world) => {
    world.authentication['anonymous'] = { enabled: true, conditions: [{ path }] };
  };

const OK = /^\["ann",\["sre","system:authenticated"\],"",\{\},"weak"\]$/;
const SECONDS = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

/** The option, how it is changed, a request, how that ends without the change, and how with it. */
const ROWS: readonly [string, Change, Request, RegExp, RegExp][] = [
  ['jwt[].issuer.url', issuer({ url: 'https://127.0.0.1:1' }), {}, OK, /^401 .*its issuer is not accepted/],
  ['jwt[].issuer.audiences', issuer({ audiences: ['x'] }), {}, OK, /^401 .*another audience/],
  [
    'jwt[].issuer.audienceMatchPolicy',
    issuer({ audiences: ['x', 'y'], audienceMatchPolicy: 'MatchAny' }),
    { claims: { aud: ['y', 'z'] } },
    /^401/,
    OK,
  ],
  ['jwt[].issuer.discoveryURL', issuer({ discoveryURL: 'https://127.0.0.1:1/d' }), {}, OK, /^503/],
  [
    'jwt[].issuer.certificateAuthority',
    (world) => issuer({ certificateAuthority: setUp.authority })(world),
    {},
    OK,
    /^503/,
  ],
  [
    'jwt[].claimValidationRules[].claim',
    rules({ claimValidationRules: [{ claim: 'hd', requiredValue: 'x' }] }),
    {},
    OK,
    /^401 .*hd has not the required value/,
  ],
  [
    'jwt[].claimValidationRules[].requiredValue',
    rules({ claimValidationRules: [{ claim: 'sub', requiredValue: 'bob' }] }),
    {},
    OK,
    /^401/,
  ],
  [
    'jwt[].claimValidationRules[].expression',
    rules({ claimValidationRules: [{ expression: 'claims.exp - 0.0 < 0.0' }] }),
    {},
    OK,
    /^401/,
  ],
  [
    'jwt[].claimValidationRules[].message',
    rules({ claimValidationRules: [{ expression: 'has(claims.hd)', message: 'come from home' }] }),
    {},
    OK,
    /^401 .*come from home/,
  ],
  [
    'jwt[].claimMappings.username.claim',
    claimMapping({ username: { claim: 'x', prefix: '' } }),
    {},
    OK,
    /^401/,
  ],
  [
    'jwt[].claimMappings.username.prefix',
    claimMapping({ username: { claim: 'sub', prefix: 'p:' } }),
    {},
    OK,
    /^\["p:ann"/,
  ],
  [
    'jwt[].claimMappings.username.expression',
    claimMapping({ username: { expression: '"e:" + claims.sub' } }),
    {},
    OK,
    /^\["e:ann"/,
  ],
  [
    'jwt[].claimMappings.groups.claim',
    claimMapping({ groups: { claim: 'x', prefix: '' } }),
    {},
    OK,
    /\["system:authenticated"\]/,
  ],
  [
    'jwt[].claimMappings.groups.prefix',
    claimMapping({ groups: { claim: 'groups', prefix: 'p:' } }),
    {},
    OK,
    /"p:sre"/,
  ],
  [
    'jwt[].claimMappings.groups.expression',
    claimMapping({ groups: { expression: 'claims.groups.map(g, "e:" + g)' } }),
    {},
    OK,
    /"e:sre"/,
  ],
  ['jwt[].claimMappings.uid.claim', claimMapping({ uid: { claim: 'sub' } }), {}, OK, /\],"ann",\{/],
  ['jwt[].claimMappings.uid.expression', claimMapping({ uid: { expression: '"7"' } }), {}, OK, /\],"7",\{/],
  [
    'jwt[].claimMappings.extra[].key',
    claimMapping({ extra: [{ key: 'example.org/t', valueExpression: '"v"' }] }),
    {},
    OK,
    /\{"example\.org\/t":\["v"\]\}/,
  ],
  [
    'jwt[].claimMappings.extra[].valueExpression',
    claimMapping({ extra: [{ key: 'example.org/t', valueExpression: 'claims.nothing' }] }),
    {},
    OK,
    /^401/,
  ],
  [
    'jwt[].userValidationRules[].expression',
    rules({ userValidationRules: [{ expression: 'user.username != "ann"' }] }),
    {},
    OK,
    /^401/,
  ],
  [
    'jwt[].userValidationRules[].message',
    rules({ userValidationRules: [{ expression: 'false', message: 'nobody at all' }] }),
    {},
    OK,
    /^401 .*nobody at all/,
  ],
  ['anonymous.enabled', anonymous(METRICS), { claims: null }, /^401/, /^403 .*system:anonymous/],
  // At another path nobody is let in without a credential: it is enabled for that one alone.
  ['anonymous.conditions[].path', anonymous('/x'), { claims: null }, /^401/, /^401/],
  [
    'authentication.configurationFile',
    ({ main }) => {
      delete at(main, 'authentication')['configurationFile'];
    },
    {},
    OK,
    /^401 .*not accepted here/,
  ],
  [
    'authentication.clientCAFile',
    authentication({ clientCAFile: 'strangers.crt' }),
    { certificate: true },
    /^\["ann"/,
    /^401/,
  ],
  [
    'authentication.clientCRLFile',
    authentication({ clientCRLFile: 'people.crl' }),
    { certificate: true },
    /^\["ann"/,
    /^401 .*revoked/,
  ],
  [
    'authentication.maxClientCertificateLifetime',
    authentication({ maxClientCertificateLifetime: '1h' }),
    { certificate: true },
    /^\["ann"/,
    /^401/,
  ],
  [
    'authentication.jwt.algorithms',
    authentication({ jwt: { algorithms: ['RS256'] } }),
    {},
    OK,
    /^401 .*algorithm/,
  ],
  [
    'authentication.jwt.clockSkew',
    authentication({ jwt: { clockSkew: '0s' } }),
    { claims: { exp: SECONDS(-10) } },
    OK,
    /^401 .*expired/,
  ],
  [
    'authentication.jwt.allowSystemNames',
    authentication({ jwt: { allowSystemNames: true } }),
    { claims: { sub: 'system:x' } },
    /^401 .*"system:"/,
    /^\["system:x"/,
  ],
  ['authentication.tokenReview.kubeconfigFile', reviewed({}), { token: 'opaque' }, /^401/, /^\["ann"/],
  [
    'authentication.tokenReview.audiences',
    reviewed({ audiences: ['x'] }),
    { token: 'opaque' },
    /^401/,
    /^401 .*token/,
  ],
  [
    'authorization.mode',
    ({ main }) =>
      void Object.assign(at(main, 'authorization'), {
        mode: 'SubjectAccessReview',
        subjectAccessReview: { kubeconfigFile: 'kubeconfig.yaml' },
      }),
    {},
    OK,
    /^403/,
  ],
  [
    'authorization.podSubresources',
    ({ main }) => void Object.assign(at(main, 'authorization'), { podSubresources: 'disabled' }),
    { ...EXEC, claims: { sub: 'dev', groups: [] } },
    /^\["dev".*"strong"\]$/,
    /^403/,
  ],
  [
    'authorization.rbac.manifestFiles',
    ({ files }) => void Object.assign(files, { 'rbac.yaml': RBAC.replaceAll(/ann|sre/g, 'nobody') }),
    {},
    OK,
    /^403/,
  ],
  ['credentialMappings[].credential', mapping(0, { credential: 'strong' }), {}, OK, /"strong"\]$/],
  ['credentialMappings[].users', mapping(0, { users: ['bob'] }), {}, OK, /^403 no credential mapping/],
  ['credentialMappings[].groups', mapping(0, { groups: ['dba'] }), {}, OK, /^403 no credential mapping/],
  [
    'credentialMappings[].nodes',
    (world) => {
      (at(world.main, 'nodes')['list'] as JsonObject[]).push({
        name: 'node-2',
        address: '10.0.0.12',
        certificateAuthorityFile: 'kubelet-ca.crt',
      });
      mapping(0, { nodes: ['node-2'] })(world);
    },
    {},
    OK,
    /^403 no credential mapping/,
  ],
  ['credentialMappings[].actions', mapping(0, { actions: ['stats'] }), {}, OK, /^403 no credential mapping/],
  [
    'credentialMappings[].when',
    mapping(0, { when: 'user.username == "bob"' }),
    {},
    OK,
    /^403 no credential mapping/,
  ],
  [
    'credentialMappings[].when',
    mapping(0, { credential: 'strong', when: 'claims.team == "red"' }),
    { claims: { team: 'red' } },
    OK,
    /"strong"\]$/,
  ],
  [
    'endpoints.enabled',
    ({ main }) => void Object.assign(main, { endpoints: { enabled: ['run'] } }),
    RUN,
    /^404 this endpoint is off/,
    /"strong"\]$/,
  ],
];

/** Options that decide by the clock or by the load: their tests are elsewhere, and are looked for there. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, word: string]>> = {
  'authentication.jwt.jwksMaxAge': ['test/identify/jwt/key-set.test.ts', 'jwksMaxAgeMs'],
  'authentication.jwt.jwksCooldown': ['test/identify/jwt/authenticator.test.ts', 'flood of unknown key ids'],
  'authentication.jwt.jwksMaxStale': ['test/identify/jwt/key-set.test.ts', 'jwksMaxStaleMs'],
  'authentication.tokenCache.ttl': ['test/identify/token-cache.test.ts', 'ttlMs'],
  'authentication.tokenCache.maxEntries': ['test/identify/token-cache.test.ts', 'maxEntries'],
  'authentication.tokenReview.inCluster': ['test/config/kubernetes-files.test.ts', 'inCluster'],
  'authentication.tokenReview.authenticatedTTL': ['test/identify/token-review.test.ts', 'authenticatedTtlMs'],
  'authentication.tokenReview.unauthenticatedTTL': [
    'test/identify/token-review.test.ts',
    'unauthenticatedTtlMs',
  ],
  'authentication.tokenReview.maxEntries': ['test/identify/token-review.test.ts', 'maxEntries'],
  'authentication.tokenReview.timeout': ['test/identify/token-review.test.ts', 'timeoutMs'],
  'authentication.tokenReview.maxInFlight': ['test/identify/token-review.test.ts', 'maxInFlight'],
  'authentication.tokenReview.maxInFlightPerSource': [
    'test/identify/token-review.test.ts',
    'maxInFlightPerSource',
  ],
  'authorization.subjectAccessReview.kubeconfigFile': [
    'test/security/configured-and-enforced.test.ts',
    'kubeconfig.yaml',
  ],
  'authorization.subjectAccessReview.inCluster': ['test/config/kubernetes-files.test.ts', 'inCluster'],
  'authorization.subjectAccessReview.authorizedTTL': ['test/authorize/sar.test.ts', 'authorizedTtlMs'],
  'authorization.subjectAccessReview.unauthorizedTTL': ['test/authorize/sar.test.ts', 'unauthorizedTtlMs'],
  'authorization.subjectAccessReview.maxEntries': ['test/authorize/sar-cache.test.ts', 'maxEntries'],
  'authorization.subjectAccessReview.timeout': ['test/authorize/sar.test.ts', 'timeoutMs'],
  'authorization.subjectAccessReview.watch': ['test/authorize/rbac-changes.test.ts', 'a watch on rights'],
  'authorization.subjectAccessReview.authorizedTTLWithoutWatch': [
    'test/authorize/rbac-changes.test.ts',
    'a watch on rights that is broken',
  ],
  'authorization.subjectAccessReview.watchGrace': ['test/authorize/rbac-changes.test.ts', 'graceMs'],
  'authorization.subjectAccessReview.staleAllow.maxAge': ['test/authorize/sar-cache.test.ts', 'staleAllowMs'],
  'authorization.subjectAccessReview.maxInFlightPerUser': [
    'test/authorize/sar.test.ts',
    'maxInFlightPerUser',
  ],
};

describe('an option that is configured', () => {
  before(async () => {
    setUp = {
      ...setUp,
      files: new Map([
        ...setUp.files,
        ['/etc/kubelet-gateway/people.crl', await clientAuthority.revoke([clientPem])],
      ]),
    };
  });
  for (const [option, change, request, without, withIt] of ROWS) {
    it(`is enforced: ${option}`, async () => {
      assert.match(await decide(undefined, request), without);
      assert.match(await decide(change, request), withIt);
    });
  }
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly not?: unknown;
}

/** The paths of the options that hold values. What is refused by name is none. */
function leavesOf(schema: Schema, path = ''): readonly string[] {
  if (schema.not !== undefined) return [];
  if (schema.items !== undefined) {
    return schema.items.properties === undefined ? [path] : leavesOf(schema.items, `${path}[]`);
  }
  if (schema.properties === undefined) return [path];
  return Object.entries(schema.properties).flatMap(([name, inner]) =>
    leavesOf(inner, path === '' ? name : `${path}.${name}`),
  );
}

describe('no option', () => {
  const tested = new Set([...ROWS.map(([option]) => option), ...Object.keys(ELSEWHERE)]);
  it('about who may come in and what they may do is without a test', () => {
    const settings = listSettings().map(({ path }) => path);
    const own = settings
      .filter((path) => /^(authentication|authorization|credentialMappings|endpoints)[.[]/.test(path))
      .filter(
        (path) => !settings.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[]`)),
      );
    const ofKubernetes = leavesOf(
      z.toJSONSchema(authenticationConfigurationFile, { io: 'input', unrepresentable: 'any' }) as Schema,
    ).filter((path) => !/^(apiVersion|kind|metadata)/.test(path));
    assert.deepEqual(
      [...own, ...ofKubernetes].filter((path) => !tested.has(path)),
      [],
    );
  });

  it('that is said to be tested elsewhere is not', async () => {
    for (const [option, [file, word]] of Object.entries(ELSEWHERE)) {
      const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
      assert.ok(text.includes(word), `${option}: ${word} is not in ${file}`);
    }
  });
});
