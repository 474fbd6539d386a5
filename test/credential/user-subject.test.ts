// Whom a certificate may be made for: nobody whose name could be a part of the system, nobody who is not listed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Authentication } from '../../src/core/user.ts';
import { ANONYMOUS } from '../../src/core/user.ts';
import { toUserSubject } from '../../src/credential/user-subject.ts';
import { Fault } from '../../src/core/fault.ts';

const ISSUER = 'https://issuer.example';
const RULES = { issuers: [ISSUER], clientCertificateUsers: false, reviewedTokenUsers: false };

const by = (
  method: Authentication['method'],
  name = 'alice',
  groups: readonly string[] = ['sre', 'system:authenticated'],
  issuer: string | undefined = method === 'jwt' ? ISSUER : undefined,
): Authentication => ({
  user: { name, uid: 'u', groups, extra: {} },
  method,
  expiresAt: 1,
  ...(issuer === undefined ? {} : { issuer }),
});

const refusal = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault);
  assert.equal(error.code, 403);
  assert.match(error.message, /^no certificate can be made for User "/);
  assert.match(error.message, words);
  return true;
};

describe('the subject of a certificate', () => {
  it("is the user's name and groups, each once and in one order, without system:authenticated", () => {
    assert.deepEqual(toUserSubject(RULES, by('jwt', 'alice', ['b', 'system:authenticated', 'a', 'b'])), {
      commonName: 'alice',
      organizations: ['a', 'b'],
    });
  });

  it('may be longer than X.520 wants, and hold what a printed form would have to escape', () => {
    for (const name of [
      'x'.repeat(300),
      'https://issuer.example#sub',
      'alice, O=sre',
      'Zoë',
      '#0c',
      ' alice',
      'System:x',
      'asystem:',
    ]) {
      assert.equal(toUserSubject(RULES, by('jwt', name)).commonName, name);
    }
  });
});

describe('no certificate is made for', () => {
  const names: readonly [string, string, readonly string[], RegExp][] = [
    ['a user of the system', 'system:admin', [], /begins with system:/],
    ['a node', 'system:node:node-1', ['system:nodes'], /begins with system:/],
    ['a ServiceAccount', 'system:serviceaccount:kube-system:x', [], /begins with system:/],
    ['a master', 'alice', ['sre', 'system:masters'], /the group "system:masters" begins with system:/],
    ['the unauthenticated', 'alice', ['system:unauthenticated'], /begins with system:/],
    ['the prefix alone', 'system:', [], /begins with system:/],
    ['nobody', '', [], /the name "" is empty/],
    ['an empty group', 'alice', [''], /the group "" is empty/],
    ['a name with a line feed', 'alice\nO=system:masters', [], /control character/],
    ['a name with NUL', 'system\0:masters', [], /control character/],
    ['a group with NUL', 'alice', ['sre\0'], /control character/],
    ['a lone surrogate, which would be another name in UTF-8', 'alice\ud800', [], /control character/],
    [
      'too many groups',
      'alice',
      Array.from({ length: 1000 }, (_, i) => `group-${i}-${'x'.repeat(20)}`),
      /longer than/,
    ],
  ];
  for (const [what, name, groups, words] of names) {
    it(what, () => {
      assert.throws(() => toUserSubject(RULES, by('jwt', name, groups)), refusal(words));
    });
  }

  const ALL = { issuers: [ISSUER], clientCertificateUsers: true, reviewedTokenUsers: true };
  const methods: readonly [string, Parameters<typeof toUserSubject>[0], Authentication, boolean][] = [
    ['users of an issuer that is listed', RULES, by('jwt'), true],
    ['a browser of an issuer that is listed', RULES, by('session', 'alice', [], ISSUER), true],
    ['a browser of another issuer', ALL, by('session', 'alice', [], 'https://other'), false],
    ['users of another issuer', RULES, by('jwt', 'alice', [], 'https://issuer.example/'), false],
    ['users of an issuer that is not known', RULES, { ...by('jwt'), issuer: '' }, false],
    ['users of no issuer', { ...RULES, issuers: [] }, by('jwt'), false],
    ['holders of certificates', RULES, by('x509'), false],
    ['holders of certificates, where they are listed', ALL, by('x509'), true],
    ['holders of certificates that claim an issuer', RULES, by('x509', 'alice', [], ISSUER), false],
    ['users of a TokenReview', RULES, by('tokenReview'), false],
    ['users of a TokenReview, where they are listed', ALL, by('tokenReview'), true],
    ['the anonymous', ALL, { user: ANONYMOUS, method: 'anonymous', expiresAt: 1 }, false],
    ['the anonymous under another name', ALL, by('anonymous'), false],
  ];
  for (const [what, rules, authentication, isServed] of methods) {
    it(`${what}${isServed ? ': one is' : ''}`, () => {
      if (isServed) assert.equal(toUserSubject(rules, authentication).commonName, 'alice');
      else assert.throws(() => toUserSubject(rules, authentication), refusal(/sign in in this way/));
    });
  }
});
