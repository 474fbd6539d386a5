// A login that is too old for an action, through the whole gateway: a browser is sent through another at a real provider,
// a program is told what to do.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { originOf, signIn } from './people.ts';

const METRICS = '/nodes/node-1/metrics';
const RULES = `stepUp:
  rules:
    - { actions: [metrics], maxAge: 1s }
    - { actions: [exec], namespaces: [default], acrValues: ["urn:example:mfa"] }
    - { actions: [stats], acrValues: ["urn:example:none"] }
    - { actions: [pods], nodes: [node-2], acrValues: ["urn:example:mfa"] }
`;

let scenario: Scenario;
before(async () => {
  scenario = await startScenario({ configure: (yaml) => `${yaml}${RULES}` });
});
after(() => closeAll(scenario));

it('a browser is sent through a fresh login, and then to where it was going', async () => {
  const origin = originOf(scenario);
  const { browser } = await signIn(scenario, 'alice');
  const refused = await eventually('the login is too old', async () => {
    const answer = await browser.open(`${origin}${METRICS}`);
    return answer.status === 303 ? answer : undefined;
  });
  assert.equal(
    refused.headers['location'],
    `/-/login?return=${encodeURIComponent(METRICS)}&fresh=yes&max_age=1`,
  );
  assert.equal((await browser.open(`${origin}/nodes/node-1/pods`)).status, 200, 'other actions go on');
  const { answer } = await signIn(scenario, 'alice', { browser, path: METRICS });
  assert.equal(answer.url.pathname, METRICS);
  assert.equal(answer.status, 200);
});

it('a provider that gives no such login is asked once, and then a page says so', async () => {
  const path = '/nodes/node-1/stats/summary';
  const { browser, answer } = await signIn(scenario, 'alice', { path });
  // By way of a page that goes on by itself, or at once.
  const last =
    answer.url.pathname === '/-/login' ? answer : await browser.open(`${originOf(scenario)}${path}`);
  const to =
    last.status === 303 ? String(last.headers['location']) : `${last.url.pathname}${last.url.search}`;
  await browser.open(`${originOf(scenario)}${to}`);
  const page = await browser.open(`${originOf(scenario)}${to}`);
  assert.equal(page.status, 200);
  assert.match(page.body, /needs a newer or stronger login/);
  const [, button = ''] = /href="(\/-\/login\/[^"]*)"/.exec(page.body) ?? [];
  assert.match(button, /[?&;]acr_values=urn%3Aexample%3Anone/, 'whoever asks again asks for the same');
  const again = await browser.open(`${originOf(scenario)}${button.replaceAll('&amp;', '&')}`);
  assert.equal(again.status, 303);
  assert.match(String(again.headers['location']), /[?&]acr_values=urn%3Aexample%3Anone/);
  const events = await scenario.auditEvents();
  assert.ok(events.some(({ annotations = {} }) => Object.values(annotations).includes('notEnough')));
});

it('a program is told, by a challenge and in words, and the audit log has the rule', async () => {
  const answer = await scenario.curl('alice', METRICS, '-i');
  assert.match(answer.stdout.toString(), /^HTTP\/1\.1 401 /);
  assert.match(
    answer.stdout.toString(),
    /www-authenticate: Bearer error="insufficient_user_authentication".*max_age="1"/i,
  );
  const { code, stderr } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'id']);
  assert.notEqual(code, 0);
  assert.match(stderr, /stepUp\.rules\[1\].*kubelet-gateway login --acr-values=urn:example:mfa/s);
  const other = await scenario.kubectl('alice', ['logs', 'web']);
  assert.equal(other.code, 0, other.stderr);
  const events = await scenario.auditEvents();
  assert.ok(
    events.some(({ annotations = {} }) => Object.values(annotations).includes('stepUp.rules[1]')),
    'an audit event names the rule',
  );
});

it('tells a weak login nothing of a pod whose node is not named', async () => {
  const upgrade = [
    ...['-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket', '-H', 'Sec-WebSocket-Version: 13'],
    ...[
      '-H',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      '-H',
      'Sec-WebSocket-Protocol: v5.channel.k8s.io',
    ],
  ];
  const said = async (path: string, headers: readonly string[] = []): Promise<string> => {
    const { stdout } = await scenario.curl(
      'alice',
      `/api/v1/namespaces/default/pods/${path}`,
      '-i',
      ...headers,
    );
    const [head = '', body = ''] = stdout.toString().split('\r\n\r\n');
    return `${head.split('\r\n')[0] ?? ''} ${body}`;
  };
  const answers = new Set<string>();
  for (const pod of ['shell', 'web', 'not-there']) {
    answers.add(await said(`${pod}/exec?command=id&stdout=1`, upgrade));
  }
  assert.equal(answers.size, 1, [...answers].join('\n'));
  assert.match([...answers].join(), /^HTTP\/1.1 401 .*stepUp\.rules\[1\]/);
  // The rule is for one node: what is not there may be there.
  assert.match(await said('not-there'), /^HTTP\/1.1 401 .*stepUp\.rules\[3\]/);
});

it('holds for lists of many nodes, watches and top, which are about each of the nodes', async () => {
  const fleet = (...args: readonly string[]) =>
    scenario.kubectl('alice', ['--server', scenario.url, ...args], { timeoutMs: 30_000 });
  // One of three nodes: the others are shown, and what is missing is said.
  for (const args of [
    ['get', 'pods', '-A', '-o', 'wide'],
    ['get', 'pods', '-A', '-o', 'wide', '--chunk-size=2'],
    ['get', 'pods', '-A', '-o', 'wide', '--watch', '--request-timeout=3s'],
  ]) {
    const { stdout, stderr } = await fleet(...args);
    const nodes = new Set(stdout.toString().match(/node-\d(?= +<none> +<none>)/g));
    assert.deepEqual([...nodes].sort(), ['node-1', 'node-3'], `${args.join(' ')}: ${stderr}`);
  }
  const { stderr } = await fleet('get', 'pods', '-A');
  assert.match(stderr, /Warning: node-2 is left out: stepUp\.rules\[3\].*--acr-values=urn:example:mfa/);
  for (const args of [
    ['get', 'pods', '-A', '--field-selector', 'spec.nodeName=node-2'],
    ['get', 'pods', '-A', '--field-selector', 'spec.nodeName=node-2', '--watch'],
  ]) {
    const { code, stderr: words } = await fleet(...args);
    assert.equal(code, 1, args.join(' '));
    assert.match(words, /stepUp\.rules\[3\].*kubelet-gateway login --acr-values=urn:example:mfa/s);
  }
  for (const args of [
    ['top', 'node'],
    ['top', 'pod', '-A'],
  ]) {
    const { code, stderr: words } = await fleet(...args);
    assert.equal(code, 1, args.join(' '));
    assert.match(words, /stepUp\.rules\[0\].*kubelet-gateway login --max-age=1s/s);
  }
});
