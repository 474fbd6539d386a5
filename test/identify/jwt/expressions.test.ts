// Mappings and rules by expressions, without a wire; S9 and S12 of the security cases where an expression makes names.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JwtIssuer } from '../../../src/core/authentication-configuration.ts';
import type { Fault } from '../../../src/core/fault.ts';
import type { Claims } from '../../../src/identify/jwt/claim.ts';
import { createToUser } from '../../../src/identify/jwt/claims.ts';

type Rules = Partial<JwtIssuer['claimMappings']> &
  Partial<Pick<JwtIssuer, 'claimValidationRules' | 'userValidationRules'>> & {
    readonly allowSystemNames?: boolean;
  };

const map = (
  claims: Claims,
  { claimValidationRules = [], userValidationRules = [], allowSystemNames = false, ...mappings }: Rules,
) =>
  createToUser({
    allowSystemNames,
    issuer: {
      issuer: { url: 'https://issuer.example', audiences: ['gateway'] },
      claimValidationRules,
      userValidationRules,
      claimMappings: { username: { expression: 'claims.sub' }, ...mappings },
    },
  })(claims);

const AUTHENTICATED = 'system:authenticated';

describe('mappings by expressions', () => {
  const username = { expression: '"oidc:" + claims.sub' };
  it('make the name, the groups, the uid and the extra', () => {
    const user = map(
      { sub: 'ann', roles: 'a,b', id: 'u-1', tenant: 't', teams: ['x', '', 'y'], jti: 'j1' },
      {
        username,
        groups: { expression: 'claims.roles.split(",").map(r, "role:" + r)' },
        uid: { expression: 'claims.id' },
        extra: [
          { key: 'example.org/tenant', valueExpression: 'claims.tenant' },
          { key: 'example.org/teams', valueExpression: 'claims.teams' },
          { key: 'example.org/none', valueExpression: 'claims.?nothing.orValue("")' },
        ],
      },
    );
    assert.deepEqual(user, {
      name: 'oidc:ann',
      uid: 'u-1',
      groups: ['role:a', 'role:b', AUTHENTICATED],
      extra: {
        'example.org/tenant': ['t'],
        'example.org/teams': ['x', 'y'],
        'authentication.kubernetes.io/credential-id': ['JTI=j1'],
      },
    });
  });

  for (const [what, expression, claims, groups] of [
    ['one string', 'claims.g', { g: 'a' }, ['a']],
    ['an empty string', 'claims.g', { g: '' }, []],
    ['null', 'claims.g', { g: null }, []],
    ['a list with empty strings', 'claims.g', { g: ['', 'a', ''] }, ['a']],
    ['a claim that may be missing', 'claims.?g.orValue([])', {}, []],
  ] as const) {
    it(`take groups from ${what}`, () => {
      const user = map({ sub: 'ann', ...claims }, { groups: { expression } });
      assert.deepEqual(user.groups, [...groups, AUTHENTICATED]);
    });
  }
});

describe('expressions refuse', () => {
  const long = Array.from({ length: 2000 }, (_, i) => `g${i}`);
  const EMAIL = { username: { expression: 'claims.email_verified ? claims.email : "x"' } };
  const rows: readonly (readonly [string, Claims, Rules, RegExp])[] = [
    ['a missing claim', {}, {}, /expression for its user name fails/],
    ['a name that is no string', { sub: 5 }, {}, /gives no string/],
    ['an empty name', { sub: '' }, {}, /user name is empty/],
    ['a name with a line feed', { sub: 'a\nb' }, {}, /control or invisible/],
    ['a system: name', { sub: 'system:masters' }, {}, /begins with "system:"/],
    [
      'a system: name that an expression joins',
      { sub: 'masters' },
      { username: { expression: '"system:" + claims.sub' } },
      /begins with "system:"/,
    ],
    [
      'a system: group',
      { sub: 'a', g: ['system:masters'] },
      { groups: { expression: 'claims.g' } },
      /group begins with "system:"/,
    ],
    [
      'groups that are no strings',
      { sub: 'a', g: [1] },
      { groups: { expression: 'claims.g' } },
      /neither a string nor a list/,
    ],
    [
      'groups in a map',
      { sub: 'a', g: { b: 'c' } },
      { groups: { expression: 'claims.g' } },
      /neither a string nor a list/,
    ],
    [
      'a uid that is no string',
      { sub: 'a', id: 7 },
      { uid: { expression: 'claims.id' } },
      /user id gives no string/,
    ],
    [
      'a uid with a control character',
      { sub: 'a', id: 'a\u0007' },
      { uid: { expression: 'claims.id' } },
      /user id holds a control/,
    ],
    [
      'extra with a control character',
      { sub: 'a', t: '\u202e' },
      { extra: [{ key: 'x.org/t', valueExpression: 'claims.t' }] },
      /extra x.org\/t holds a control/,
    ],
    [
      'extra of another type',
      { sub: 'a', t: true },
      { extra: [{ key: 'x.org/t', valueExpression: 'claims.t' }] },
      /neither a string nor a list/,
    ],
    [
      'two @',
      { sub: 'a', email: 'a@evil.example@corp.example', email_verified: true },
      EMAIL,
      /not a plain e-mail/,
    ],
    [
      'a look-alike',
      { sub: 'a', email: 'ａ@corp.example', email_verified: true },
      EMAIL,
      /not a plain e-mail/,
    ],
    [
      'an e-mail address that is a list',
      { email: ['a@b.example'], email_verified: true },
      EMAIL,
      /not a plain e-mail/,
    ],
    [
      'a rule that does not hold',
      { sub: 'a', hd: 'x' },
      { claimValidationRules: [{ expression: 'claims.hd == "y"', message: 'hd must be y' }] },
      /: hd must be y$/,
    ],
    [
      'a rule without words',
      { sub: 'a', hd: 'x' },
      { claimValidationRules: [{ expression: 'claims.hd == "y"' }] },
      /do not satisfy a rule/,
    ],
    [
      'a rule that fails',
      { sub: 'a' },
      { claimValidationRules: [{ expression: 'claims.hd == "y"', message: 'm' }] },
      /expression for its claims fails/,
    ],
    [
      'a rule that is no truth value',
      { sub: 'a', b: 'true' },
      { claimValidationRules: [{ expression: 'claims.b' }] },
      /do not satisfy a rule/,
    ],
    [
      'a user rule that does not hold',
      { sub: 'root' },
      { userValidationRules: [{ expression: 'user.username != "root"', message: 'no root' }] },
      /: no root$/,
    ],
    [
      'a user rule about groups',
      { sub: 'a', g: ['x'] },
      {
        groups: { claim: 'g', prefix: '' },
        userValidationRules: [{ expression: 'user.groups.all(g, g.startsWith("dev-"))' }],
      },
      /user does not satisfy/,
    ],
    [
      'a user rule about extra',
      { sub: 'a', t: 'x' },
      {
        extra: [{ key: 'x.org/t', valueExpression: 'claims.t' }],
        userValidationRules: [{ expression: 'user.extra["x.org/t"][0] == "y"' }],
      },
      /user does not satisfy/,
    ],
    [
      'a distributed claim that is used',
      { sub: 'a', _claim_names: { g: 'src' } },
      { groups: { expression: 'claims.?g.orValue([])' } },
      /claim g is a distributed claim/,
    ],
    [
      'work without end',
      { sub: 'a', g: long },
      { groups: { expression: 'claims.g.filter(a, claims.g.exists(b, a == b + "x"))' } },
      /expression for its groups fails/,
    ],
  ];
  for (const [what, claims, rules, message] of rows) {
    it(what, () => {
      assert.throws(
        () => map(claims, rules),
        (fault: Fault) => {
          assert.equal(fault.code, 401);
          assert.match(fault.message, message);
          return true;
        },
      );
    });
  }

  it('but not a distributed claim that nobody needs, nor a verified address', () => {
    assert.equal(map({ sub: 'a', _claim_names: { g: 'src' } }, {}).name, 'a');
    assert.equal(map({ email: 'a@b.example', email_verified: true }, EMAIL).name, 'a@b.example');
    assert.equal(map({ sub: 'system:x' }, { allowSystemNames: true }).name, 'system:x');
  });

  it('when an expression does not compile, at once', () => {
    assert.throws(() => map({ sub: 'a' }, { username: { expression: 'nope(' } }), /expression of an issuer/);
  });
});

describe('user rules', () => {
  it('see the user as it is mapped, before system:authenticated is added', () => {
    const user = map(
      { sub: 'a', g: ['x'] },
      {
        groups: { claim: 'g', prefix: 'p:' },
        userValidationRules: [
          { expression: 'user.groups == ["p:x"] && user.uid == "" && user.username == "a"' },
        ],
      },
    );
    assert.deepEqual(user.groups, ['p:x', AUTHENTICATED]);
  });
});
