// A sign-in whose audit event cannot be stored is none: no session, a page that says what to do; and it works again as
// soon as events can be stored.

import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { startScenario } from '../support/scenario.ts';
import { createBrowser, hasSession, originOf, signIn } from './people.ts';

let scenario: Scenario;
before(async () => {
  scenario = await startScenario();
});
after(() => closeAll(scenario));

it('nobody is signed in whose sign-in cannot be written down', async () => {
  const browser = createBrowser(scenario);
  const asked = await browser.follow(`${originOf(scenario)}/-/home`);
  assert.match(asked.body, /Who are you\?/);
  // The log cannot be written: a folder has its name.
  const log = join(scenario.environment.directory, 'audit.log');
  await rm(log);
  await mkdir(log);
  const answer = await browser.follow(asked.url, { form: { login: 'alice' }, site: 'same-origin' });
  assert.equal(answer.url.pathname, '/-/callback/demo');
  assert.equal(answer.status, 500);
  assert.match(answer.body, /Something went wrong/);
  assert.doesNotMatch(answer.body, /\bat .*\.ts|EISDIR|audit\.log/);
  assert.equal(hasSession(browser), false);
  await rm(log, { recursive: true });
  const later = await signIn(scenario, 'alice');
  assert.equal(later.answer.status, 200);
  assert.equal(hasSession(later.browser), true);
});
