// The expressions of mapping rules: what they see, and that whatever is neither yes nor no refuses the request.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import type { Action } from '../../src/core/action.ts';
import type { CredentialMapping } from '../../src/core/credential-source.ts';
import type { Located } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { createCredentialStage } from '../../src/credential/credential.ts';
import { needClaims, toMappingRule } from '../../src/credential/mapping.ts';
import { Secret } from '../../src/core/secret.ts';
import {
  containerName,
  createAttributes,
  createResolved,
  createUser,
  namespaceName,
  nodeName,
  podName,
} from '../support/resolved.ts';

const EXEC: Action = {
  kind: 'exec',
  pod: { namespace: namespaceName('shop'), name: podName('web-0') },
  container: containerName('web'),
  command: ['sh', '-c', 'id'],
  streams: { stdin: true, stdout: true, stderr: true, tty: true },
};

interface Parts {
  readonly action?: Action;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
}

async function located({ action = EXEC, claims, labels }: Parts = {}): Promise<Located> {
  const authorize = createAuthorize({
    authorizer: (_user, asked) => ({
      kind: 'resource' in asked && asked.resource === 'pods' ? 'allow' : 'noOpinion',
      reason: 'test',
    }),
  });
  const resolved = createResolved({
    action,
    user: createUser('ann', {
      uid: '7',
      groups: ['sre', 'system:authenticated'],
      extra: { scopes: ['a', 'b'] },
    }),
    requirement: [
      createAttributes({ verb: 'create' }),
      createAttributes({
        verb: 'create',
        resource: 'pods',
        subresource: 'exec',
        namespace: 'shop',
        name: 'web-0',
      }),
    ],
  });
  const authorized = await authorize({
    ...resolved,
    authentication: { ...resolved.authentication, ...(claims === undefined ? {} : { claims: () => claims }) },
  });
  return {
    ...authorized,
    entry: {
      name: nodeName('node-1'),
      address: '127.0.0.1',
      port: 10250,
      serverName: 'node-1',
      certificateAuthority: '',
      fingerprint: '',
      ...(labels === undefined ? {} : { labels }),
    },
  };
}

const mismatch = (when: string, exchange: Located) =>
  toMappingRule({ credential: 'c', when }, 2).mismatch(exchange);

describe('the expression of a mapping rule', () => {
  const rows: readonly [string, Parts][] = [
    ['user.username == "ann" && user.uid == "7"', {}],
    ['"sre" in user.groups && user.extra["scopes"][1] == "b"', {}],
    ['node.name == "node-1" && node.labels["zone"] == "eu"', { labels: { zone: 'eu' } }],
    ['!has(node.labels.zone) && node.labels == {}', {}],
    ['node.labels[?"zone"].orValue("none") == "none"', {}],
    ['action.kind == "exec" && action.verb == "create"', {}],
    ['action.namespace == "shop" && action.pod == "web-0" && action.container == "web"', {}],
    ['action.command == ["sh", "-c", "id"] && action.command[0] == "sh"', {}],
    ['action.tty && action.stdin', {}],
    ['action.namespace == "" && action.command == [] && !action.tty', { action: { kind: 'configz' } }],
    [
      'action.command == ["rm", "-rf", "/"]',
      {
        action: {
          kind: 'run',
          pod: { namespace: namespaceName('shop'), name: podName('web-0') },
          container: containerName('web'),
          command: 'rm -rf /',
        },
      },
    ],
    [
      'action.namespace == "shop" && action.pod == ""',
      {
        action: {
          kind: 'pods',
          view: {
            namespace: namespaceName('shop'),
            labelSelector: [],
            fieldSelector: [],
            as: 'Object',
            includeObject: 'None',
          },
        },
      },
    ],
    ['claims == {}', {}],
    ['claims.team == "red" && claims.level > 3.0', { claims: { team: 'red', level: 4 } }],
    ['claims.admin', { claims: { admin: true } }],
    ['grant.resource == "pods" && grant.subresource == "exec" && grant.namespace == "shop"', {}],
    ['grant.verb == "create"', {}],
  ];
  for (const [when, parts] of rows) {
    it(`sees ${when}`, async () => assert.equal(mismatch(when, await located(parts)), undefined));
    it(`does not match the opposite of ${when}`, async () =>
      assert.equal(mismatch(`!(${when})`, await located(parts)), 'when'));
  }

  it('is the last part of a rule, and is not asked where a list does not match', async () => {
    const rule = { credential: 'c', when: 'claims.nothing == 1' };
    const exchange = await located();
    for (const [key, value] of [
      ['actions', ['metrics']],
      ['nodes', ['node-2']],
      ['users', ['bob']],
      ['groups', ['dba']],
    ] as const) {
      assert.equal(toMappingRule({ ...rule, [key]: value }, 0).mismatch(exchange), key);
    }
    assert.throws(() => toMappingRule({ ...rule, groups: ['sre'] }, 0).mismatch(exchange), Fault);
  });
});

const credential = (name: string) => ({
  name,
  fingerprint: name,
  material: { kind: 'bearerToken' as const, token: new Secret('t') },
});

const stage = (mappings: readonly CredentialMapping[]) =>
  createCredentialStage({ credentials: { names: new Set(['weak', 'strong']), get: credential } }, mappings);

describe('an expression that gives neither yes nor no', () => {
  const many = Array.from({ length: 400 }, (_, i) => `group-${i}`);
  const rows: readonly [string, string, Parts][] = [
    ['a claim that is not there', 'claims.team == "red"', {}],
    ['a claim of another type', 'claims.team.startsWith("r")', { claims: { team: 7 } }],
    ['a claim that is no boolean', 'claims.admin', { claims: { admin: 'true' } }],
    ['null', 'claims.admin', { claims: { admin: null } }],
    ['a label that is not there', 'node.labels.zone == "eu"', {}],
    ['an index beyond the end', 'action.command[3] == "x"', {}],
    ['too much work', 'claims.g.all(a, claims.g.all(b, a != "" || b != ""))', { claims: { g: many } }],
    [
      'too much work behind an or',
      'claims.g.all(a, claims.g.all(b, a != "" || b != "")) || true',
      { claims: { g: many } },
    ],
    [
      'claims that nest too deeply',
      'claims.n == 1',
      { claims: { n: JSON.parse('['.repeat(100) + ']'.repeat(100)) } },
    ],
  ];
  for (const [what, when, parts] of rows) {
    it(`refuses the request, and no later rule is tried: ${what}`, async () => {
      const choose = stage([{ credential: 'weak', when }, { credential: 'strong' }]);
      const exchange = await located(parts);
      assert.throws(
        () => choose(exchange),
        (error) => {
          assert.ok(error instanceof Fault);
          assert.equal(error.code, 500);
          assert.match(error.message, /^the expression of credentialMappings\[0\] could not be evaluated/);
          return true;
        },
      );
    });
  }

  it('quotes no claim, in the message or in the log', async () => {
    const choose = stage([{ credential: 'weak', when: 'int(claims.secret) == 1 || claims.other == 2' }]);
    const exchange = await located({ claims: { secret: 'do-not-print-me' } });
    assert.throws(
      () => choose(exchange),
      (error) => {
        assert.doesNotMatch(inspect(error, { depth: 10 }), /do-not-print-me/);
        return true;
      },
    );
    // Nor does whoever prints the exchange itself.
    assert.doesNotMatch(
      inspect(exchange.authentication, { depth: 10 }) + JSON.stringify(exchange.authentication),
      /do-not/,
    );
  });
});

describe('the credential stage with expressions', () => {
  const mappings: readonly CredentialMapping[] = [
    { credential: 'weak', when: 'grant.resource == "pods"' },
    { credential: 'strong', when: 'grant.resource == "nodes"' },
  ];
  it('takes the first rule whose expression is true', async () => {
    assert.equal((await stage(mappings)(await located())).credential.name, 'weak');
  });
  it('refuses where all are false', async () => {
    const exchange = await located();
    assert.throws(
      () => stage(mappings.slice(1))(exchange),
      (error) => error instanceof Fault && error.code === 403,
    );
  });

  it('knows whether claims have to be kept', () => {
    assert.equal(needClaims(mappings), false);
    assert.equal(needClaims([...mappings, { credential: 'weak', when: 'has(claims.x)' }]), true);
    assert.equal(needClaims([{ credential: 'weak', when: '"x" in claims' }]), true);
  });

  it('does not compile what is not of this place', () => {
    for (const when of [
      'request.user == "x"',
      'user.name == "ann"',
      'action.url == "/"',
      '"text"',
      'node.labels',
      '',
    ]) {
      assert.throws(() => toMappingRule({ credential: 'c', when }, 0), TypeError, when);
    }
  });

  it('tells whoever asks which rules were tried', async () => {
    const tried: unknown[] = [];
    await createCredentialStage(
      {
        credentials: { names: new Set(['weak', 'strong']), get: credential },
        trace: ({ index, credential: name, mismatch: why }) => tried.push([index, name, why]),
      },
      [{ credential: 'strong', users: ['bob'] }, ...mappings.slice(0, 1), { credential: 'strong' }],
    )(await located());
    assert.deepEqual(tried, [
      [0, 'strong', 'users'],
      [1, 'weak', undefined],
    ]);
  });
});
