// S9 (e-mail and claim parsing), S12 (system: identities, required claims) of the security cases, without a wire.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JwtIssuer } from '../../../src/core/authentication-configuration.ts';
import type { Claims } from '../../../src/identify/jwt/claim.ts';
import { createToUser } from '../../../src/identify/jwt/claims.ts';

interface Rules {
  readonly username?: { readonly claim: string; readonly prefix: string };
  readonly groups?: { readonly claim: string; readonly prefix: string } | undefined;
  readonly uid?: { readonly claim: string };
  readonly required?: JwtIssuer['claimValidationRules'];
  readonly allowSystemNames?: boolean;
}

const SUB = { claim: 'sub', prefix: '' };
const GROUPS = { claim: 'groups', prefix: '' };
const EMAIL = { claim: 'email', prefix: '' };

const map = (claims: Claims, rules: Rules = {}): ReturnType<ReturnType<typeof createToUser>> => {
  const groups = 'groups' in rules ? rules.groups : GROUPS;
  return createToUser({
    allowSystemNames: rules.allowSystemNames ?? false,
    issuer: {
      issuer: { url: 'https://issuer.example', audiences: ['gateway'] },
      claimValidationRules: rules.required ?? [],
      claimMappings: {
        username: rules.username ?? SUB,
        ...(groups === undefined ? {} : { groups }),
        ...(rules.uid === undefined ? {} : { uid: rules.uid }),
      },
    },
  })(claims);
};

const AUTHENTICATED = 'system:authenticated';

describe('createToUser', () => {
  const users: readonly (readonly [string, Claims, Rules, string, readonly string[]])[] = [
    ['name and groups', { sub: 'alice', groups: ['a', 'b'] }, {}, 'alice', ['a', 'b', AUTHENTICATED]],
    ['one group as a string', { sub: 'alice', groups: 'a' }, {}, 'alice', ['a', AUTHENTICATED]],
    ['no groups claim', { sub: 'alice' }, {}, 'alice', [AUTHENTICATED]],
    ['no groups mapping', { sub: 'alice', groups: 7 }, { groups: undefined }, 'alice', [AUTHENTICATED]],
    ['groups once each', { sub: 'alice', groups: ['a', 'a'] }, {}, 'alice', ['a', AUTHENTICATED]],
    [
      'prefixes',
      { sub: 'alice', groups: ['a'] },
      { username: { claim: 'sub', prefix: 'oidc:' }, groups: { claim: 'groups', prefix: 'g:' } },
      'oidc:alice',
      ['g:a', AUTHENTICATED],
    ],
    [
      'a claim whose name looks like a path',
      { 'https://x.example/name': 'alice' },
      { username: { claim: 'https://x.example/name', prefix: '' } },
      'alice',
      [AUTHENTICATED],
    ],
    [
      'a verified address',
      { email: 'a@b.example', email_verified: true },
      { username: EMAIL },
      'a@b.example',
      [AUTHENTICATED],
    ],
    [
      'an address with no word on it',
      { email: 'a+b@b.example' },
      { username: EMAIL },
      'a+b@b.example',
      [AUTHENTICATED],
    ],
    [
      'an unverified address that is not the name',
      { sub: 'alice', email_verified: false },
      {},
      'alice',
      [AUTHENTICATED],
    ],
    [
      'system: names where allowed',
      { sub: 'system:node:x', groups: ['system:masters'] },
      { allowSystemNames: true },
      'system:node:x',
      ['system:masters', AUTHENTICATED],
    ],
    [
      'system: behind a prefix',
      { sub: 'system:x' },
      { username: { claim: 'sub', prefix: 'oidc:' } },
      'oidc:system:x',
      [AUTHENTICATED],
    ],
    [
      'a required claim',
      { sub: 'alice', hd: 'corp.example' },
      { required: [{ claim: 'hd', requiredValue: 'corp.example' }] },
      'alice',
      [AUTHENTICATED],
    ],
    [
      'a required empty claim',
      { sub: 'a', hd: '' },
      { required: [{ claim: 'hd', requiredValue: '' }] },
      'a',
      [AUTHENTICATED],
    ],
  ];
  for (const [what, claims, rules, name, groups] of users) {
    it(`maps ${what}`, () => {
      const user = map(claims, rules);
      assert.deepEqual([user.name, user.groups], [name, groups]);
    });
  }

  it('maps uid and jti', () => {
    const user = map({ sub: 'alice', oid: 'u-1', jti: 't-1' }, { uid: { claim: 'oid' } });
    assert.equal(user.uid, 'u-1');
    assert.deepEqual(user.extra, { 'authentication.kubernetes.io/credential-id': ['JTI=t-1'] });
    assert.deepEqual([map({ sub: 'alice' }).uid, map({ sub: 'alice' }).extra], ['', {}]);
  });

  const required = { required: [{ claim: 'hd', requiredValue: 'corp.example' }] };
  const email = { username: EMAIL };
  const refused: readonly (readonly [string, Claims, Rules, RegExp])[] = [
    ['no name', {}, {}, /sub is not a string/],
    ['a number for a name', { sub: 1 }, {}, /sub is not a string/],
    ['a list for a name', { sub: ['alice'] }, {}, /sub is not a string/],
    ['an object for a name', { sub: { toString: 'alice' } }, {}, /sub is not a string/],
    ['null for a name', { sub: null }, {}, /sub is not a string/],
    ['an empty name', { sub: '' }, {}, /sub is empty/],
    [
      'an empty name behind a prefix',
      { sub: '' },
      { username: { claim: 'sub', prefix: 'x:' } },
      /sub is empty/,
    ],
    ['a claim of the prototype', {}, { username: { claim: 'constructor', prefix: '' } }, /not a string/],
    ['a line break in a name', { sub: 'a\nb' }, {}, /control or invisible/],
    ['NUL in a name', { sub: 'a\0b' }, {}, /control or invisible/],
    ['a text direction mark in a name', { sub: 'a\u202eb' }, {}, /control or invisible/],
    ['half a surrogate pair', { sub: 'a\ud800' }, {}, /control or invisible/],
    ['a number for groups', { sub: 'a', groups: 1 }, {}, /neither a string nor a list/],
    ['null for groups', { sub: 'a', groups: null }, {}, /neither a string nor a list/],
    ['an object for groups', { sub: 'a', groups: { a: true } }, {}, /neither a string nor a list/],
    ['a list within groups', { sub: 'a', groups: [['b']] }, {}, /neither a string nor a list/],
    ['an empty group', { sub: 'a', groups: ['b', ''] }, {}, /empty name/],
    ['a control character in a group', { sub: 'a', groups: ['b\u0007'] }, {}, /its group holds a control/],
    ['groups that are elsewhere', { sub: 'a', _claim_names: { groups: 'src1' } }, {}, /distributed claim/],
    ['a uid that is missing', { sub: 'a' }, { uid: { claim: 'oid' } }, /oid is no user id/],
    ['a uid that is a number', { sub: 'a', oid: 1 }, { uid: { claim: 'oid' } }, /oid is no user id/],
    ['an empty uid', { sub: 'a', oid: '' }, { uid: { claim: 'oid' } }, /oid is no user id/],
    ['a jti that is no string', { sub: 'a', jti: 1 }, {}, /jti is no identifier/],
    // S9
    ['an unverified address', { email: 'a@b.example', email_verified: false }, email, /not verified/],
    ['"false"', { email: 'a@b.example', email_verified: 'false' }, email, /not verified/],
    ['"true"', { email: 'a@b.example', email_verified: 'true' }, email, /not verified/],
    ['1 for verified', { email: 'a@b.example', email_verified: 1 }, email, /not verified/],
    ['null for verified', { email: 'a@b.example', email_verified: null }, email, /not verified/],
    ['two @', { email: 'a@evil.example@corp.example', email_verified: true }, email, /plain e-mail/],
    ['a quoted @', { email: '"a@corp.example"@evil.example' }, email, /plain e-mail/],
    ['no @', { email: 'alice' }, email, /plain e-mail/],
    ['no domain', { email: 'alice@' }, email, /plain e-mail/],
    ['a list of addresses', { email: ['a@b.example'] }, email, /email is not a string/],
    ['an object', { email: { 0: 'a@b.example' } }, email, /email is not a string/],
    ['two addresses', { email: 'a@b.example,c@d.example' }, email, /plain e-mail/],
    ['a Cyrillic look-alike', { email: '\u0430lice@corp.example' }, email, /plain e-mail/],
    ['a full-width @', { email: 'alice\uff20corp.example' }, email, /plain e-mail/],
    ['a comment', { email: 'alice@corp.example (evil)' }, email, /plain e-mail/],
    ['a trailing line break', { email: 'alice@corp.example\n' }, email, /plain e-mail/],
    // S12
    ['a system: user', { sub: 'system:node:x' }, {}, /user name begins with "system:"/],
    ['a service account', { sub: 'system:serviceaccount:a:b' }, {}, /user name begins with "system:"/],
    ['a system: group', { sub: 'a', groups: ['b', 'system:masters'] }, {}, /group begins with "system:"/],
    [
      'system: made by a prefix',
      { sub: 'admin' },
      { username: { claim: 'sub', prefix: 'system:' } },
      /begins with/,
    ],
    [
      'system: made by both',
      { sub: 'em:admin' },
      { username: { claim: 'sub', prefix: 'syst' } },
      /begins with/,
    ],
    ['a required claim that is missing', { sub: 'a' }, required, /hd has not the required value/],
    ['another value of it', { sub: 'a', hd: 'evil.example' }, required, /hd has not/],
    ['a list that holds it', { sub: 'a', hd: ['corp.example'] }, required, /hd has not/],
    ['a required claim in another case', { sub: 'a', hd: 'CORP.example' }, required, /hd has not/],
    [
      'a missing claim that must be empty',
      { sub: 'a' },
      { required: [{ claim: 'hd', requiredValue: '' }] },
      /hd has/,
    ],
    [
      'the second of two required claims',
      { sub: 'a', hd: 'corp.example', tier: 'x' },
      { required: [...required.required, { claim: 'tier', requiredValue: 'gold' }] },
      /tier has not/,
    ],
  ];
  for (const [what, claims, rules, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => map(claims, rules), { reason: 'Unauthorized', message });
    });
  }

  it('refuses distributed groups only where groups are mapped', () => {
    assert.equal(map({ sub: 'a', _claim_names: { groups: 'x' } }, { groups: undefined }).name, 'a');
    assert.equal(map({ sub: 'a', groups: ['g'], _claim_names: { groups: 'x' } }).groups.length, 2);
  });
});
