import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fault } from '../../src/core/fault.ts';
import type { PresentedCertificate } from '../../src/core/exchange.ts';
import type { Authentication } from '../../src/core/user.ts';
import { createIdentify } from '../../src/identify/identify.ts';
import type { TokenAuthenticator } from '../../src/identify/identify.ts';
import { unauthorized } from '../../src/identify/refusals.ts';
import { createCertificateAuthenticator } from '../../src/identify/x509.ts';
import { systemClock } from '../../src/core/ports.ts';
import { presented } from '../support/certificates.ts';
import { createAuthority } from '../support/pki.ts';
import { createReceived } from '../support/received.ts';
import { createUser } from '../support/resolved.ts';

const bearer = (token: string): string[] => ['Authorization', `Bearer ${token}`];

describe('identify', async () => {
  const authority = await createAuthority('people');
  const other = await createAuthority('others');
  const alice = presented((await authority.issue({ commonName: 'alice' })).certificate);
  const foreign = presented((await other.issue({ commonName: 'alice' })).certificate);
  const certificate = createCertificateAuthenticator(
    { clock: systemClock },
    { clientCA: authority.certificate },
  );
  // The token is the user's name; `later-` makes the answer a promise.
  const token: TokenAuthenticator = (text) => {
    const later = text.startsWith('later-');
    const name = text.replace('later-', '');
    const answer = (): Authentication => {
      if (name === 'bad') throw unauthorized('the bearer token is refused: test');
      return { user: createUser(name), method: 'jwt', expiresAt: 1 };
    };
    return later ? Promise.resolve().then(answer) : answer();
  };
  const identify = createIdentify({ certificate, token });

  for (const prefix of ['', 'later-']) {
    const how = prefix === '' ? 'known token' : 'token that is verified first';
    const accepted: readonly (readonly [
      string,
      string[],
      PresentedCertificate | undefined,
      string,
      string,
    ])[] = [
      ['a token alone', bearer(`${prefix}bob`), undefined, 'bob', 'jwt'],
      ['a certificate alone', [], alice, 'alice', 'x509'],
      ['both of one user: the certificate counts', bearer(`${prefix}alice`), alice, 'alice', 'x509'],
    ];
    for (const [what, lines, client, name, method] of accepted) {
      it(`accepts ${what} (${how})`, async () => {
        const received = createReceived(lines, client);
        const { authentication, ...rest } = await identify(received);
        assert.deepEqual([authentication.user.name, authentication.method], [name, method]);
        assert.equal(rest.auditId, received.auditId);
      });
    }
    const refused: readonly (readonly [
      string,
      string[],
      PresentedCertificate | undefined,
      number,
      RegExp,
    ])[] = [
      ['nothing', [], undefined, 401, /no credential/],
      ['a bad token', bearer(`${prefix}bad`), undefined, 401, /token is refused/],
      ['a foreign certificate', [], foreign, 401, /certificate was not issued/],
      ['a bad token beside a good certificate', bearer(`${prefix}bad`), alice, 401, /token is refused/],
      [
        'a good token beside a foreign certificate',
        bearer(`${prefix}alice`),
        foreign,
        401,
        /certificate was not/,
      ],
      ['Basic beside a good certificate', ['Authorization', 'Basic x'], alice, 401, /use Bearer/],
      ['two users', bearer(`${prefix}bob`), alice, 400, /different users/],
      ['two tokens', [...bearer('bob'), ...bearer('bob')], undefined, 400, /more than one/],
      [
        'impersonation with a good token',
        [...bearer('bob'), 'Impersonate-User', 'x'],
        undefined,
        403,
        /imperson/,
      ],
      ['impersonation with a good certificate', ['X_Remote_User', 'x'], alice, 403, /X-Remote/],
      ['impersonation with nothing', ['impersonate-group', 'x'], undefined, 403, /imperson/],
    ];
    for (const [what, lines, client, code, message] of refused) {
      it(`refuses ${what} (${how})`, async () => {
        await assert.rejects(
          async () => identify(createReceived(lines, client)),
          (fault: Fault) => {
            assert.equal(fault.code, code);
            assert.match(fault.message, message);
            assert.equal(fault.headers['www-authenticate'], code === 401 ? 'Bearer' : undefined);
            return true;
          },
        );
      });
    }
  }

  it('takes who has no credential for anonymous, at exactly the paths that are configured', async () => {
    const open = createIdentify({ certificate, token, anonymousPaths: new Set(['/version']) });
    const at = (target: string, lines: string[] = [], client?: PresentedCertificate) =>
      open({ ...createReceived(lines, client), target });
    for (const target of ['/version', '/version?timeout=32s']) {
      const { authentication } = await at(target);
      assert.equal(authentication.method, 'anonymous');
      assert.equal(authentication.user.name, 'system:anonymous');
      assert.deepEqual(authentication.user.groups, ['system:unauthenticated']);
    }
    for (const target of [
      '/',
      '/version/',
      '//version',
      '/Version',
      '/%76ersion',
      '/version;x',
      '/version#',
      'https://gateway/version',
      '/nodes/n/../../version',
    ]) {
      assert.throws(() => at(target), { reason: 'Unauthorized' }, target);
    }
    // A credential that fails does not become anonymous, and one that counts stays who it is.
    await assert.rejects(async () => at('/version', bearer('bad')), { reason: 'Unauthorized' });
    assert.throws(() => at('/version', [], foreign), { reason: 'Unauthorized' });
    assert.throws(() => at('/version', ['Authorization', 'Basic x']), { reason: 'Unauthorized' });
    assert.throws(() => at('/version', ['Impersonate-User', 'x']), { reason: 'Forbidden' });
    assert.equal((await at('/version', bearer('bob'))).authentication.user.name, 'bob');
    assert.equal((await at('/version', [], alice)).authentication.user.name, 'alice');
  });

  it('answers without a promise when nothing has to be waited for', () => {
    assert(!(identify(createReceived(bearer('bob'))) instanceof Promise));
    assert(!(identify(createReceived([], alice)) instanceof Promise));
  });

  it('refuses credentials of a kind that is not configured', () => {
    const none = createIdentify({ certificate: undefined, token: undefined });
    assert.throws(() => none(createReceived([], alice)), {
      reason: 'Unauthorized',
      message: /certificates are not/,
    });
    assert.throws(() => none(createReceived(bearer('bob'))), {
      reason: 'Unauthorized',
      message: /tokens are not/,
    });
  });
});
