// People of so many groups that their ID tokens are long: no cookie could hold some of them.

import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { closeAll } from '../support/close-all.ts';
import { startScenario } from '../support/scenario.ts';
import { hasSession, originOf, signIn } from './people.ts';

let scenario: Scenario;
after(() => closeAll(scenario));

it('an ID token longer than any token may be is refused in words that help, and not in circles', async () => {
  const moreGroups = Array.from(
    { length: 400 },
    (_, index) => `group-of-the-company-with-a-long-name-${index}`,
  );
  scenario = await startScenario({ moreGroups });
  const { answer, browser } = await signIn(scenario, 'alice');
  assert.equal(answer.url.pathname, '/-/callback/demo');
  assert.equal(answer.status, 403);
  assert.match(answer.body, /The token of the provider is refused: it is longer than 16384 characters/);
  assert.equal(hasSession(browser), false);
  assert.ok(!browser.cookies('localhost').has(SESSION_COOKIE));
  const again = await browser.follow(`${originOf(scenario)}/-/home`);
  assert.ok(again.hops.length < 10);
});
