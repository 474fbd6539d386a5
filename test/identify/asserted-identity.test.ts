import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderLines } from '../../src/core/headers.ts';
import { refuseAssertedIdentity } from '../../src/identify/asserted-identity.ts';

const check =
  (...lines: string[]) =>
  (): void =>
    refuseAssertedIdentity(new HeaderLines(lines));

describe('headers that assert an identity', () => {
  const impersonation = [
    'Impersonate-User',
    'impersonate-group',
    'IMPERSONATE-UID',
    'Impersonate-Extra-scopes',
  ];
  const proxied = ['X-Remote-User', 'x-remote-group', 'X-Remote-Extra-Foo', 'X_Remote_User', 'x-remote_user'];
  for (const name of [...impersonation, 'Impersonate_User']) {
    it(`refuses ${name}`, () => {
      assert.throws(check('Host', 'x', name, ''), {
        reason: 'Forbidden',
        message: /impersonation is not offered/,
      });
    });
  }
  for (const name of proxied) {
    it(`refuses ${name}`, () => {
      assert.throws(check('Authorization', 'Bearer x', name, 'root'), {
        reason: 'Forbidden',
        message: /X-Remote/,
      });
    });
  }

  it('refuses ten thousand of them as it does one', () => {
    const lines = Array.from({ length: 10_000 }, () => ['Impersonate-Group', 'g']).flat();
    assert.throws(check(...lines), { reason: 'Forbidden' });
  });

  it('lets everything else pass, X-Forwarded-For too: it is looked at elsewhere', () => {
    check(
      'Host',
      'x',
      'X-Forwarded-For',
      '1.2.3.4',
      'X-Requested-With',
      'y',
      'If-Match',
      'z',
      'X-Remote',
      'w',
    )();
  });
});
