// A provider that says that somebody has signed out, while the gateway can tell nobody: it is told to come again, and then
// it counts.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { LoginPorts, PageRequest } from '../../src/login/ports.ts';
import { Fault } from '../../src/core/fault.ts';
import { backChannelLogout } from '../../src/login/logout.ts';
import { createMemoryStore } from '../../src/login-store/memory.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';

const issuer = 'https://idp.example';

it('a logout token that could not be acted on is good when it comes again, and once', async () => {
  const clock = createFakeClock();
  const log = createKeptLog();
  const memory = createMemoryStore({ clock, log }, { rememberMs: 60_000 });
  let isAway = true;
  const store: LoginPorts['store'] = {
    ...memory,
    revoke: (revocation) =>
      isAway
        ? Promise.reject(new Fault('ServiceUnavailable', 'the store of sessions is out of reach'))
        : memory.revoke(revocation),
  };
  const settings = { name: 'company', issuer, clientID: 'gateway' };
  const logoutOf = { id: 'jti-1', issuer, sid: 'gone', at: clock.now(), expiresAt: clock.now() + 60_000 };
  const ports = {
    ...{ clock, log, store },
    providers: new Map([['company', { settings }]]),
    readLogout: () => Promise.resolve(logoutOf),
  } as unknown as LoginPorts;
  const request = {
    provider: 'company',
    form: new URLSearchParams({ logout_token: 'signed' }),
  } as unknown as PageRequest;
  const signIn = { issuer, subject: 'alice', sid: 'gone', at: 0 };
  await assert.rejects(backChannelLogout(ports, request), { reason: 'ServiceUnavailable' });
  assert.equal(memory.isRevoked(signIn), false);
  isAway = false;
  assert.equal((await backChannelLogout(ports, request)).status, 200);
  assert.equal(memory.isRevoked(signIn), true);
  const again = await backChannelLogout(ports, request);
  assert.deepEqual([again.status, again.fault?.message], [400, 'the logout token has been used']);
});
