// What a person has running, on their first page: theirs and nobody else's, and ended by a click of theirs and by nothing
// else.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, WEBSOCKET, bearer } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { cookieLine, createBrowser, originOf, signIn } from './people.ts';

const EXEC =
  '/nodes/node-1/exec/default/shell/shell?command=sh&command=-c&command=sleep+60+%23%3Cb%3E&output=1';
const END = '/-/sessions/end';

let scenario: Scenario;
let origin: string;
before(async () => {
  scenario = await startScenario();
  origin = originOf(scenario);
});
after(() => closeAll(scenario));

/** A stream, and the id under which it is listed. */
async function open(target: string, ...lines: readonly string[]) {
  const client = await RawClient.open(scenario);
  const host = `Host: localhost:${scenario.environment.port}`;
  client.send([`GET ${target} HTTP/1.1`, host, ...lines, ...WEBSOCKET, '', ''].join('\r\n'));
  const { code, headers } = await client.readHead();
  assert.equal(code, 101);
  return { client, id: headers.get('audit-id') ?? '' };
}

const endOf = (id: string) =>
  eventually('the event of the stream', async () =>
    (await scenario.auditEvents()).find(
      ({ auditID, stage }) => auditID === id && stage === 'ResponseComplete',
    ),
  );

describe('what runs in the name of a person', () => {
  it('is on their first page, whichever way they came, as text; and what others run is not', async () => {
    const { browser, answer } = await signIn(scenario, 'alice');
    assert.match(answer.body, /Nothing: no exec/);
    const byCookie = await open(EXEC, cookieLine(browser), `Origin: ${origin}`);
    const byToken = await open(EXEC, bearer(await scenario.environment.issueToken('alice')));
    const page = await browser.open(`${origin}/-/home`);
    assert.match(page.body, /2 sessions of yours/);
    for (const { id } of [byCookie, byToken]) assert.ok(page.body.includes(`name="id" value="${id}"`));
    assert.match(page.body, /<code>sh -c sleep 60 #&lt;b&gt;<\/code>/);
    assert.match(page.body, /default\/shell[^]*\(shell\)[^]*on node-1/);
    assert.match(page.body, /<time[^>]*datetime="20\d\d-[^"]*Z"/);
    const bob = await signIn(scenario, 'bob');
    assert.match(bob.answer.body, /Nothing: no exec/);
    for (const { id } of [byCookie, byToken]) assert.ok(!bob.answer.body.includes(id));
    for (const { client } of [byCookie, byToken]) client.destroy();
  });

  it('is ended by them, with a word to the client and a name in the audit log', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const { client, id } = await open(EXEC, bearer(await scenario.environment.issueToken('alice')));
    const done = await browser.open(`${origin}${END}`, { form: { id }, site: 'same-origin' });
    assert.equal(done.status, 303);
    assert.equal(done.headers['location'], '/-/home');
    const said = (await client.readToEnd()).toString('latin1');
    assert.match(said, /the session was ended by its own user/);
    const { annotations } = await endOf(id);
    assert.equal(annotations?.['kubelet-gateway.io/end-reason'], 'terminated');
    assert.equal(annotations['kubelet-gateway.io/ended-by'], 'alice');
    const events = await scenario.auditEvents();
    const click = events.find(({ requestURI, stage }) => requestURI === END && stage === 'ResponseComplete');
    assert.equal(click?.user.username, 'alice');
    assert.equal(click.annotations?.['kubelet-gateway.io/ended-session'], id);
    const again = await browser.open(`${origin}${END}`, { form: { id }, site: 'same-origin' });
    assert.equal(again.status, 404);
    assert.match(again.body, /does not run any more/);
  });

  it('is ended by nobody else, and by no page of another site', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const { client, id } = await open(EXEC, cookieLine(browser), `Origin: ${origin}`);
    const bob = await signIn(scenario, 'bob');
    const own = { form: { id }, site: 'same-origin' } as const;
    const byBob = await bob.browser.open(`${origin}${END}`, own);
    const unknown = await bob.browser.open(`${origin}${END}`, { ...own, form: { id: 'x' } });
    assert.equal(byBob.status, 404);
    assert.equal(unknown.status, 404);
    assert.equal(
      byBob.body.replace(/<code>.*<\/code>/, ''),
      unknown.body.replace(/<code>.*<\/code>/, ''),
      'nobody learns what others run',
    );
    for (const foreign of [
      'https://evil.example',
      'null',
      `https://127.0.0.1:${scenario.environment.port}`,
      `${origin}.evil.example`,
      `http://localhost:${scenario.environment.port}`,
    ]) {
      const answer = await browser.open(`${origin}${END}`, { ...own, headers: { origin: foreign } });
      assert.equal(answer.status, 403, foreign);
      assert.match(answer.body, /Another page asked for this/);
    }
    assert.equal((await createBrowser(scenario).open(`${origin}${END}`, own)).status, 401);
    assert.equal((await browser.open(`${origin}${END}?id=${id}`)).status, 404, 'a link ends nothing');
    const twice = await browser.open(`${origin}${END}?id=${id}`, { ...own, form: {} });
    assert.equal(twice.status, 404, 'an address names nothing');
    const page = await browser.open(`${origin}/-/home`);
    assert.ok(page.body.includes(id), 'it runs on');
    client.destroy();
  });
});
