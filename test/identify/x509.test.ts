import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Fault } from '../../src/core/fault.ts';
import type { Clock } from '../../src/core/ports.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createCertificateAuthenticator } from '../../src/identify/x509.ts';
import type { SubjectParts } from '../../src/pki/issue.ts';
import { createAuthority } from '../../src/pki/issue.ts';
import { presented } from '../support/certificates.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const UID = '1.3.6.1.4.1.57683.2';
const START = Date.UTC(2026, 5, 1);
const LONG = { notBefore: new Date('2026-01-01'), notAfter: new Date('2030-01-01') };

describe('X.509 users', async () => {
  const authority = await createAuthority('people', LONG);
  const clock = createFakeClock(START);
  const authenticate = createCertificateAuthenticator({ clock }, { clientCA: authority.certificate });

  it('are read as the kubelet reads them', async () => {
    const { certificate } = await authority.issue({
      ...LONG,
      subject: [{ O: ['dev', 'sre'] }, { O: ['system:authenticated'] }, { CN: ['alice'] }, { [UID]: ['42'] }],
    });
    const client = presented(certificate);
    const sha256 = createHash('sha256').update(client.leaf).digest('hex');
    assert.deepEqual(authenticate(client), {
      user: {
        name: 'alice',
        uid: '42',
        groups: ['dev', 'sre', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${sha256}`] },
      },
      method: 'x509',
      expiresAt: LONG.notAfter.getTime(),
    });
  });

  it('may have names that begin with system:, as in Kubernetes', async () => {
    const { certificate } = await authority.issue({
      ...LONG,
      commonName: 'system:admin',
      organizations: ['system:masters'],
    });
    assert.deepEqual(authenticate(presented(certificate)).user.groups, [
      'system:masters',
      'system:authenticated',
    ]);
  });

  const refused: readonly (readonly [string, SubjectParts, RegExp])[] = [
    ['no common name', [{ O: ['x'] }], /no common name/],
    ['two common names', [{ CN: ['alice'] }, { CN: ['bob'] }], /more than one common name/],
    ['the same twice', [{ CN: ['alice', 'alice'] }], /more than one common name/],
    ['an empty common name', [{ CN: [''] }], /common name that is empty/],
    ['NUL in it', [{ CN: ['alice\0.evil'] }], /control or invisible/],
    ['a line break in it', [{ CN: ['alice\nroot'] }], /control or invisible/],
    ['a zero-width space in it', [{ CN: ['ali\u200bce'] }], /control or invisible/],
    ['a control character in a group', [{ CN: ['alice'], O: ['x\u001b[0m'] }], /organization that holds/],
    ['an empty group', [{ CN: ['alice'], O: [''] }], /organization that is empty/],
    ['two user ids', [{ CN: ['alice'], [UID]: ['1', '2'] }], /more than one user id/],
    ['an empty user id', [{ CN: ['alice'], [UID]: [''] }], /user id that is empty/],
  ];
  for (const [what, subject, message] of refused) {
    it(`are refused with ${what}`, async () => {
      const { certificate } = await authority.issue({ ...LONG, subject });
      assert.throws(() => authenticate(presented(certificate)), {
        reason: 'Unauthorized',
        message,
        headers: { 'www-authenticate': 'Bearer' },
      });
    });
  }

  it('are refused under another authority', async () => {
    const other = await createAuthority('people', LONG);
    const { certificate } = await other.issue({ ...LONG, commonName: 'alice' });
    assert.throws(() => authenticate(presented(certificate)), {
      reason: 'Unauthorized',
      message: /not issued/,
    });
  });

  it('are checked against the time of each request, on one connection', async () => {
    const now = createFakeClock(START);
    const check = createCertificateAuthenticator({ clock: now }, { clientCA: authority.certificate });
    const { certificate } = await authority.issue({
      commonName: 'alice',
      notBefore: new Date(START + 60_000),
      notAfter: new Date(START + 120_000),
    });
    const connection = presented(certificate);
    assert.throws(() => check(connection), { reason: 'Unauthorized', message: /not valid yet/ });
    now.advance(60_000);
    assert.equal(check(connection).expiresAt, START + 120_000);
    now.advance(60_000);
    assert.equal(check(connection).user.name, 'alice');
    now.advance(1_000);
    assert.throws(() => check(connection), { reason: 'Unauthorized', message: /has expired/ });
  });

  it('expire with the first certificate of their chain', async () => {
    const short = await authority.intermediate('short', { ...LONG, notAfter: new Date(START + 60_000) });
    const { certificate } = await short.issue({ ...LONG, commonName: 'alice' });
    assert.equal(authenticate(presented(certificate)).expiresAt, START + 60_000);
  });

  it('are checked against the authority of the configuration in force, on one connection', async () => {
    const { certificate } = await authority.issue({ ...LONG, commonName: 'alice' });
    const connection = presented(certificate);
    assert.equal(authenticate(connection).user.name, 'alice');
    const next = await createAuthority('next', LONG);
    const reloaded = createCertificateAuthenticator({ clock }, { clientCA: next.certificate });
    assert.throws(() => reloaded(connection), { reason: 'Unauthorized' });
  });
});

describe('revocation and lifetime', async () => {
  const root = await createAuthority('root');
  const good = presented((await root.issue({ commonName: 'good' })).certificate);
  const badPem = (await root.issue({ commonName: 'bad' })).certificate;
  const bad = presented(badPem);
  const middle = await root.intermediate('middle');
  const below = presented((await middle.issue({ commonName: 'below' })).certificate);
  const lists = (text: string): Uint8Array => Buffer.from(text);
  const use = (clientCA: string, list: string, clock: Clock = systemClock) =>
    createCertificateAuthenticator({ clock }, { clientCA, revocationLists: lists(list) });
  const refusal = (message: RegExp) => (fault: Fault) => {
    assert.equal(fault.code, 401);
    assert.match(fault.message, message);
    return true;
  };

  it('refuses who is revoked, and a new list takes effect at once on connections that are open', async () => {
    const before = use(root.certificate, await root.revoke([]));
    assert.equal(before(bad).user.name, 'bad');
    const after = use(root.certificate, await root.revoke([badPem]));
    assert.throws(() => after(bad), refusal(/has been revoked/));
    assert.equal(after(good).user.name, 'good');
  });

  it('refuses everybody when the list is out of date, as time passes', async () => {
    const clock = createFakeClock(Date.now());
    const authenticate = use(
      root.certificate,
      await root.revoke([badPem], { nextUpdate: new Date(clock.now() + 60_000) }),
      clock,
    );
    assert.equal(authenticate(good).user.name, 'good');
    clock.advance(61_000);
    assert.throws(() => authenticate(good), refusal(/revocation list of an authority is out of date/));
    assert.throws(() => authenticate(bad), refusal(/out of date/));
  });

  it('refuses who was issued by an authority without a list', async () => {
    const other = await createAuthority('other');
    const foreign = presented((await other.issue({ commonName: 'foreign' })).certificate);
    const authenticate = use(root.certificate + other.certificate, await root.revoke([]));
    assert.throws(() => authenticate(foreign), refusal(/there is no revocation list of an authority/));
    assert.equal(authenticate(good).user.name, 'good');
  });

  it('looks at every certificate on the way', async () => {
    const rootList = await root.revoke([]);
    assert.throws(() => use(root.certificate, rootList)(below), refusal(/there is no revocation list/));
    const both = root.certificate + middle.certificate;
    const middleList = await middle.revoke([]);
    assert.equal(use(both, rootList + middleList)(below).user.name, 'below');
    const rootRevokes = await root.revoke([middle.certificate]);
    for (const [bundle, list] of [
      [root.certificate, rootRevokes],
      [both, rootRevokes + middleList],
      [both, middleList + rootRevokes],
    ] as const) {
      assert.throws(
        () => use(bundle, list)(below),
        refusal(/has been revoked, or one that it was issued by/),
      );
    }
  });

  it('does not start with a list that is not of the authority', async () => {
    const other = await createAuthority('other');
    const list = await other.revoke([]);
    assert.throws(() => use(root.certificate, list), /is not signed by an authority/);
  });

  it('refuses a certificate that is valid for too long, however little of it is left', async () => {
    const hour = 3_600_000;
    const now = Date.now();
    const issue = async (fromMs: number, toMs: number) =>
      presented(
        (
          await root.issue({
            commonName: 'a',
            notBefore: new Date(now + fromMs),
            notAfter: new Date(now + toMs),
          })
        ).certificate,
      );
    const authenticate = createCertificateAuthenticator(
      { clock: systemClock },
      { clientCA: root.certificate, maxLifetimeMs: 24 * hour },
    );
    assert.equal(authenticate(await issue(-hour, 22 * hour)).user.name, 'a');
    const long = await issue(-100 * hour, hour);
    assert.throws(() => authenticate(long), refusal(/is valid for longer in all than is accepted/));
  });
});
