// Bearer material in what a client or a library writes does not reach a log.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { redactTarget, redactText } from '../../src/observe/redact.ts';

const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ';

const TARGETS: readonly (readonly [string, string])[] = [
  ['/nodes/n/metrics', '/nodes/n/metrics'],
  ['/nodes/n/exec/ns/p/c?command=ls&command=-l&tty=1', '/nodes/n/exec/ns/p/c?command=ls&command=-l&tty=1'],
  ['/x?labelSelector=app%3Dweb,tier!=a', '/x?labelSelector=app%3Dweb,tier!=a'],
  ['/x?access_token=SECRET', '/x?access_token=[redacted]'],
  ['/x?ACCESS_TOKEN=SECRET&b=2', '/x?ACCESS_TOKEN=[redacted]&b=2'],
  ['/x?a=1&access%5ftoken=SECRET&b=2', '/x?a=1&access%5ftoken=[redacted]&b=2'],
  ['/x?%61ccess_token=SECRET', '/x?%61ccess_token=[redacted]'],
  ['/x?a=1;access_token=SECRET;c=2', '/x?a=1;access_token=[redacted]'],
  ['/x?access_token=SEC;RET', '/x?access_token=[redacted]'],
  ['/x?access_token=SEC?RET=SECRET', '/x?access_token=[redacted]'],
  ['/x?token=SECRET&id_token=SECRET', '/x?token=[redacted]&id_token=[redacted]'],
  ['/x?client_secret=SECRET&code=SECRET&state=1', '/x?client_secret=[redacted]&code=[redacted]&state=1'],
  ['/x%3Faccess_token%3DSECRET', '/x%3Faccess_token%3D[redacted]'],
  ['/x#access_token=SECRET', '/x#access_token=[redacted]'],
  ['/access_token=SECRET/y', '/access_token=[redacted]'],
  ['/x?a=access_token=SECRET', '/x?a=access_token=[redacted]'],
  ['/x?access_token=', '/x?access_token=[redacted]'],
  ['/x?access_token', '/x?access_token'],
  ['https://alice:SECRET@gateway/x?y@z', 'https://[redacted]@gateway/x?y@z'],
  [`/x/${JWT}/y`, '/x/[redacted]/y'],
  [`/x?q=Bearer%20${'SECRET'.repeat(4)}`, '/x?q=Bearer%20[redacted]'],
  [`/x?q=${JWT}`, '/x?q=[redacted]'],
];

describe('redactTarget', () => {
  for (const [target, expected] of TARGETS) {
    it(target.slice(0, 60), () => assert.equal(redactTarget(target), expected));
  }
  it('is quick with whatever 128 kB a client chooses', () => {
    // Any of these takes minutes with a pattern that looks back.
    for (const unit of [
      '=',
      '%3d',
      '/',
      '%3f',
      'eyJ',
      'eyJaaaaaa.',
      'bearer ',
      'a',
      '&token=',
      '-----BEGIN ',
      'a://',
    ]) {
      redactTarget(unit.repeat(Math.ceil(131_072 / unit.length)));
    }
  });
});

const TEXTS: readonly (readonly [string, string])[] = [
  ['basic authentication failed', 'basic authentication failed'],
  ['the bearer token has expired', 'the bearer token has expired'],
  ['Authorization: Bearer abcdefghijklmnop.0123', 'Authorization: Bearer [redacted]'],
  ['authorization: basic dXNlcjpwYXNzd29yZA==', 'authorization: basic [redacted]'],
  [`got ${JWT}, refused`, 'got [redacted], refused'],
  ['eyJ is how they begin', 'eyJ is how they begin'],
  [
    'v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.c2VjcmV0',
    'v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.[redacted]',
  ],
  [
    '"-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEEIB\\nabc=\\n-----END EC PRIVATE KEY-----\\n"',
    '"-----BEGIN EC PRIVATE KEY-----[redacted]-----END EC PRIVATE KEY-----\\n"',
  ],
  ['"-----BEGIN PRIVATE KEY-----\\nMHcC"}', '"-----BEGIN PRIVATE KEY-----[redacted]"}'],
];

describe('redactText', () => {
  for (const [text, expected] of TEXTS) {
    it(text.slice(0, 60), () => assert.equal(redactText(text), expected));
  }
});
