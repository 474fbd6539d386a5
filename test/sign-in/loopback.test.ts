// Two logins at once that want the same port of the loopback address: the second is told in words, or takes the next port.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { listenForAnswer } from '../../src/sign-in/loopback.ts';
import { SignInError } from '../../src/sign-in/sign-in-error.ts';

it('says in words that the port is taken, takes another that is allowed, and the first one when it is free', async () => {
  const first = await listenForAnswer([0]);
  const port = Number(new URL(first.redirectUri).port);
  await assert.rejects(listenForAnswer([port]), (error) => {
    assert.ok(error instanceof SignInError);
    assert.match(error.message, /no port for the answer of the browser is free.*--redirect-port/);
    return true;
  });
  const second = await listenForAnswer([port, 0]);
  assert.notEqual(second.redirectUri, first.redirectUri);
  await second.close();
  await first.close();
  const third = await listenForAnswer([port]);
  assert.equal(third.redirectUri, first.redirectUri);
  await third.close();
});
