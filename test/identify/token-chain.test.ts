import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Authentication } from '../../src/core/user.ts';
import { Fault } from '../../src/core/fault.ts';
import { createTokenChain } from '../../src/identify/token-chain.ts';
import { createUser } from '../support/resolved.ts';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: unknown): string => `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`;
const named = (name: string): Authentication => ({ user: createUser(name), method: 'jwt', expiresAt: 1 });

const OWN = 'https://idp.example.org';

describe('the chain of token authenticators', () => {
  const chain = createTokenChain({
    issuers: new Set([OWN]),
    jwt: () => named('by issuer'),
    tokenReview: (_, source) => named(`by review from ${source}`),
  });
  for (const [what, token, who] of [
    ['a token of the issuer', jwt({ iss: OWN }), 'by issuer'],
    ['a token of another issuer', jwt({ iss: 'https://kubernetes.default.svc' }), 'by review from a'],
    ['an issuer with a slash more', jwt({ iss: `${OWN}/` }), 'by review from a'],
    ['an issuer in a list', jwt({ iss: [OWN] }), 'by review from a'],
    ['a token without an issuer', jwt({}), 'by review from a'],
    ['an opaque token', 'opaque', 'by review from a'],
    ['two parts', `${part({})}.${part({ iss: OWN })}`, 'by review from a'],
    ['five parts', `${jwt({ iss: OWN })}.a.b`, 'by review from a'],
    ['claims that are no object', `${part({})}.${part('x')}.c2ln`, 'by review from a'],
    ['no claims at all', 'a.b.c', 'by review from a'],
    ['no signature', `${part({ alg: 'none' })}.${part({ iss: OWN })}.`, 'by issuer'],
  ] as const) {
    it(`${what}: ${who}`, async () => assert.equal((await chain(token, 'a')).user.name, who));
  }

  for (const fault of [
    new Fault('Unauthorized', 'its signature does not verify'),
    new Fault('ServiceUnavailable', 'the keys could not be fetched'),
  ]) {
    it(`asks nobody else when the issuer says ${fault.reason}, at once or later`, async () => {
      let reviews = 0;
      const tokenReview = (): Authentication => {
        reviews += 1;
        return named('by review');
      };
      const fail = (): never => {
        throw fault;
      };
      const issuers = new Set([OWN]);
      const atOnce = createTokenChain({ issuers, jwt: fail, tokenReview });
      const later = createTokenChain({ issuers, jwt: () => Promise.reject(fault), tokenReview });
      assert.throws(() => atOnce(jwt({ iss: OWN }), 'a'), fault);
      await assert.rejects(async () => later(jwt({ iss: OWN }), 'a'), fault);
      assert.equal(reviews, 0);
    });
  }
});
