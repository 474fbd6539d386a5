// The session in its cookies where it grows: split, then without its refresh token, then not at all.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Session } from '../../src/browser-session/session.ts';
import { readCookies } from '../../src/browser-session/cookies.ts';
import { createSessionSealer } from '../../src/browser-session/session-cookie.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import { Secret } from '../../src/core/secret.ts';

const NOW = 1_800_000_000_000;
const key = new Secret(randomBytes(32).toString('base64'));
const LIMITS = { idleMs: 3_600_000, absoluteMs: 43_200_000 };

const session = (idToken: string, refreshToken: string): Session => ({
  id: 'id',
  provider: 'company',
  idToken,
  tokenExpiresAt: NOW + 300_000,
  refreshToken,
  issuer: 'https://idp.example',
  subject: 'alice',
  signedInAt: NOW,
  startedAt: NOW,
  seenAt: NOW,
});

const random = (length: number): string => randomBytes(length).toString('base64url').slice(0, length);

describe('the cookie of a session', () => {
  const sealer = createSessionSealer([key], LIMITS);
  const through = async (before: Session) => {
    const lines = await sealer.set(before, new Map(), NOW);
    for (const line of lines) assert.ok(Buffer.byteLength(line) <= 4_096, 'a browser keeps it');
    const cookie = lines.map((line) => line.split(';', 1)[0] ?? '').join('; ');
    // Another replica has the key and nothing else.
    const other = createSessionSealer([key], LIMITS);
    return { lines, cookie, after: await other.open(readCookies(new HeaderLines(['Cookie', cookie]))) };
  };

  it('is one where it is short, and several where it is long, refresh token and all', async () => {
    const short = session(random(1_000), random(500));
    const one = await through(short);
    assert.equal(one.lines.length, 1);
    assert.deepEqual(one.after, short);
    const long = session(random(6_000), random(2_000));
    const three = await through(long);
    assert.equal(three.lines.length, 3);
    assert.deepEqual(three.after, long);
  });

  it('drops the refresh token when it would grow too large, and nothing else', async () => {
    const before = session(random(12_000), random(8_000));
    const { after } = await through(before);
    const { refreshToken, ...rest } = before;
    assert.equal(refreshToken?.length, 8_000);
    assert.deepEqual(after, rest);
  });

  it('holds the longest bearer token that the gateway takes, in less than the head of a request may have', async () => {
    const before = session(random(16_384), random(4_000));
    const { after, cookie } = await through(before);
    assert.equal(after?.idToken, before.idToken);
    assert.ok(cookie.length < 32 * 1024);
  });

  it('is none for what no number of cookies could hold', async () => {
    await assert.rejects(sealer.set(session(random(20_000), ''), new Map(), NOW), RangeError);
  });
});
