// The login section: what it becomes, and what is said of mistakes in it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { JsonObject, SetUp } from './set-up.ts';
import { FOLDER, createSetUp, load, minimal, problemsOf, warningsOf } from './set-up.ts';

const KEY = randomBytes(32).toString('base64');
const ISSUER = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
  - issuer: { url: https://idp.example, audiences: [gateway, cli], audienceMatchPolicy: MatchAny }
    claimMappings: { username: { claim: sub, prefix: "" } }
`;

let setUp: SetUp;
before(async () => {
  const made = await createSetUp();
  const files = new Map(made.files);
  for (const [name, text] of Object.entries({
    'authentication.yaml': ISSUER,
    'cookie.key': `${KEY}\n`,
    'short.key': randomBytes(16).toString('base64'),
    'text.key': 'a pass phrase that somebody has thought of, long enough',
    'empty.key': '\n',
    'client.secret': 'client-secret\n',
    'redis.password': 'redis-password\n',
    'redis-ca.crt': made.authority,
  })) {
    files.set(`${FOLDER}/${name}`, text);
  }
  setUp = { ...made, files };
});

const provider: JsonObject = { name: 'company', issuer: 'https://idp.example', clientID: 'gateway' };
const login: JsonObject = {
  externalURLs: ['https://Gateway.Example:443/'],
  providers: [provider],
  cookieKeyFiles: ['cookie.key'],
};
const withLogin = (changed: JsonObject): JsonObject => ({
  ...minimal(),
  authentication: { configurationFile: 'authentication.yaml' },
  login: { ...login, ...changed },
});
const withProvider = (changed: JsonObject): JsonObject =>
  withLogin({ providers: [{ ...provider, ...changed }] });

describe('the login section', () => {
  it('is absent, and nobody signs in with a browser', async () => {
    const result = await load(setUp, minimal());
    assert.ok(result.ok);
    assert.equal(result.configuration.login, undefined);
  });

  it('becomes typed values: one gateway, an hour idle, twelve in all', async () => {
    const result = await load(setUp, withProvider({ clientSecretFile: 'client.secret' }));
    assert.deepEqual(problemsOf(result), []);
    assert.ok(result.ok);
    const { login: settings } = result.configuration;
    assert.ok(settings !== undefined);
    assert.deepEqual(settings.origins, ['https://gateway.example']);
    const { idleMs, absoluteMs, replicas } = settings;
    assert.deepEqual(
      { idleMs, absoluteMs, replicas },
      { idleMs: 3_600_000, absoluteMs: 43_200_000, replicas: 'one' },
    );
    const [one] = settings.providers;
    assert.equal(one.displayName, 'company');
    assert.equal(one.clientSecret?.reveal(), 'client-secret');
    assert.deepEqual(one.scopes, ['openid']);
    assert.equal(settings.cookieKeys[0].reveal(), KEY);
    const printed = JSON.stringify(settings);
    assert.ok(!printed.includes('client-secret') && !printed.includes(KEY));
    for (const name of ['cookie.key', 'client.secret'])
      assert.ok(result.files.includes(`${FOLDER}/${name}`), name);
  });

  it('reads a Redis server', async () => {
    const redis: JsonObject = {
      address: 'redis.example',
      passwordFile: 'redis.password',
      tls: { certificateAuthorityFile: 'redis-ca.crt' },
    };
    const result = await load(setUp, withLogin({ replicas: 'several', redis }));
    assert.deepEqual([...problemsOf(result), ...warningsOf(result)], []);
    assert.ok(result.ok);
    const read = result.configuration.login?.redis;
    assert.equal(read?.port, 6379);
    assert.equal(read.password?.reveal(), 'redis-password');
    assert.equal(read.tls?.serverName, 'redis.example');
  });

  const rows: readonly (readonly [string, JsonObject, RegExp])[] = [
    ['no key', withLogin({ cookieKeyFiles: [] }), /^login\.cookieKeyFiles: must name at least one file/],
    [
      'a key that is missing',
      withLogin({ cookieKeyFiles: ['nothing.key'] }),
      /^login\.cookieKeyFiles\[0\]: cannot read/,
    ],
    [
      'a short key',
      withLogin({ cookieKeyFiles: ['cookie.key', 'short.key'] }),
      /^login\.cookieKeyFiles\[1\]: must hold base64/,
    ],
    [
      'a pass phrase',
      withLogin({ cookieKeyFiles: ['text.key'] }),
      /^login\.cookieKeyFiles\[0\]: must hold base64/,
    ],
    [
      'an empty key',
      withLogin({ cookieKeyFiles: ['empty.key'] }),
      /^login\.cookieKeyFiles\[0\]: the file is empty/,
    ],
    ['no address', withLogin({ externalURLs: [] }), /^login\.externalURLs: must name at least one URL/],
    [
      'plain HTTP',
      withLogin({ externalURLs: ['http://gateway.example'] }),
      /^login\.externalURLs\[0\]: must be an https URL/,
    ],
    [
      'a path',
      withLogin({ externalURLs: ['https://gateway.example/x'] }),
      /must be an https URL without a path/,
    ],
    ['a user', withLogin({ externalURLs: ['https://a:b@gateway.example'] }), /must be an https URL/],
    ['no provider', withLogin({ providers: [] }), /^login\.providers: must name at least one provider/],
    [
      'two of one name',
      withLogin({ providers: [provider, provider] }),
      /^login\.providers\[1\]\.name: another provider/,
    ],
    [
      'a name that is no path',
      withProvider({ name: 'a/b' }),
      /^login\.providers\[0\]\.name: must be lower-case/,
    ],
    [
      'an issuer that nobody verifies',
      withProvider({ issuer: 'https://idp.exampl' }),
      /issuer: is no issuer.*did you mean/,
    ],
    [
      'a client that no token is for',
      withProvider({ clientID: 'other' }),
      /clientID: is not among the issuer's audiences/,
    ],
    ['no openid', withProvider({ scopes: ['email'] }), /scopes: must hold openid/],
    ['an odd scope', withProvider({ scopes: ['openid email'] }), /must be one scope, without spaces/],
    ['a secret that is missing', withProvider({ clientSecretFile: 'no' }), /clientSecretFile: cannot read/],
    ['idle above absolute', withLogin({ idle: '13h' }), /^login\.idle: must not be longer than absolute/],
    ['Redis in the clear', withLogin({ redis: { address: 'redis.example' } }), /^login\.redis: needs tls/],
    [
      'a Redis password that is missing',
      withLogin({ redis: { address: '127.0.0.1', passwordFile: 'no' } }),
      /passwordFile: cannot read/,
    ],
    [
      'an unknown key',
      withLogin({ cookieKeyFile: 'cookie.key' }),
      /^login\.cookieKeyFile: unknown key \(did you mean/,
    ],
  ];
  for (const [what, value, problem] of rows) {
    it(`refuses ${what}`, async () => {
      const problems = problemsOf(await load(setUp, value));
      assert.ok(
        problems.some((text) => problem.test(text)),
        problems.join('\n'),
      );
    });
  }

  it('warns of several gateways that share nothing', async () => {
    const warnings = warningsOf(await load(setUp, withLogin({ replicas: 'several' })));
    assert.ok(
      warnings.some((text) => /^login\.replicas: without redis/.test(text)),
      warnings.join(),
    );
  });
});
