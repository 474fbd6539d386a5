// What is sealed opens with the keys and for the purpose that it was sealed with, and in no other way.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { CompactEncrypt, SignJWT } from 'jose';
import { deriveKey, readSecretBytes } from '../../src/browser-session/keys.ts';
import { createSealer } from '../../src/browser-session/seal.ts';
import { Secret } from '../../src/core/secret.ts';

const createKey = (): Secret => new Secret(randomBytes(32).toString('base64'));

describe('a sealed value', async () => {
  const [key, other] = [createKey(), createKey()];
  const text = await createSealer([key], 'session').seal({ who: 'alice' });

  it('opens with its key, wherever in the list that is', async () => {
    assert.deepEqual(await createSealer([key], 'session').open(text), { who: 'alice' });
    assert.deepEqual(await createSealer([other, key], 'session').open(text), { who: 'alice' });
  });

  it('shows nothing of what it holds, and is another one each time', async () => {
    assert.ok(
      !Buffer.from(text.split('.')[3] ?? '', 'base64url')
        .toString('latin1')
        .includes('alice'),
    );
    assert.notEqual(await createSealer([key], 'session').seal({ who: 'alice' }), text);
  });

  it('does not open with another key, or for another purpose', async () => {
    assert.equal(await createSealer([other], 'session').open(text), undefined);
    assert.equal(await createSealer([key], 'login').open(text), undefined);
    assert.equal(await createSealer([key], 'tokens').open(text), undefined);
  });

  it('does not open after any change', async () => {
    const sealer = createSealer([key], 'session');
    for (let at = 0; at < text.length; at += 3) {
      const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
      assert.equal(await sealer.open(changed), undefined, `at ${at}`);
    }
    for (const bad of ['', '.', '....', text.slice(1), `${text}.`, 'x'.repeat(70_000)]) {
      assert.equal(await sealer.open(bad), undefined);
    }
  });

  it('is nothing that its header says of itself', async () => {
    const { id, bytes } = deriveKey(key, 'session');
    const sealer = createSealer([key], 'session');
    const payload = new TextEncoder().encode('{"who":"mallory"}');
    const typ = 'kubelet-gateway-session';
    const unnamed = await new CompactEncrypt(payload)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ })
      .encrypt(bytes);
    assert.equal(await sealer.open(unnamed), undefined, 'no key id');
    const signed = await new SignJWT({ who: 'mallory' })
      .setProtectedHeader({ alg: 'HS256', kid: id, typ })
      .sign(bytes);
    assert.equal(await sealer.open(signed), undefined, 'signed only');
    const wrapped = await new CompactEncrypt(payload)
      .setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM', kid: id, typ })
      .encrypt(bytes);
    assert.equal(await sealer.open(wrapped), undefined, 'another algorithm');
    const password = createHash('sha256').update('password').digest();
    const guessed = await new CompactEncrypt(payload)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id, typ })
      .encrypt(password);
    assert.equal(await sealer.open(guessed), undefined, 'another key');
  });
});

describe('a cookie key', () => {
  it('is base64 of at least 32 bytes', () => {
    assert.equal(readSecretBytes(new Secret(`${randomBytes(32).toString('base64')}\n`))?.length, 32);
    assert.equal(readSecretBytes(new Secret(randomBytes(48).toString('base64url')))?.length, 48);
    for (const text of [
      '',
      'short',
      randomBytes(31).toString('base64'),
      'with spaces in it, and long enough for a key',
    ]) {
      assert.equal(readSecretBytes(new Secret(text)), undefined, text);
      assert.throws(() => createSealer([new Secret(text)], 'session'));
    }
  });
});
