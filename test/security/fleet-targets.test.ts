// S8 and S28 for paths without a node, and for the pages: an odd spelling is nobody's path, by a token or by the cookie of a
// browser, and none of them brings a GET with a cookie to exec, attach or port-forward.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, SPDY, WEBSOCKET, bearer } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';
import { cookieLine, originOf, signIn } from '../login/people.ts';

const POD = '/api/v1/namespaces/kube-system/pods/static-node-1';
const COMMAND = 'command=id&stdout=1';
const ODD = [
  `/${POD}/exec?${COMMAND}`,
  `${POD}//exec?${COMMAND}`,
  `${POD}/./exec?${COMMAND}`,
  `${POD}/log/../exec?${COMMAND}`,
  `${POD}/../static-node-1/exec?${COMMAND}`,
  `${POD}/%2e%2e/static-node-1/exec?${COMMAND}`,
  `/nodes/../api/v1/namespaces/kube-system/pods/static-node-1/exec?${COMMAND}`,
  `${POD}%2Fexec?${COMMAND}`,
  `${POD}%2fexec?${COMMAND}`,
  `${POD}%252fexec?${COMMAND}`,
  `${POD}/%65xec?${COMMAND}`,
  `/%61pi/v1/namespaces/kube-system/pods/static-node-1/exec?${COMMAND}`,
  `${POD}/exec;x=1?${COMMAND}`,
  `${POD}\\exec?${COMMAND}`,
  `${POD}/log#/exec?${COMMAND}`,
  `${POD}/exec%00?${COMMAND}`,
  `${POD}/exec%0d%0aX-Y:%20z?${COMMAND}`,
  `${POD}/exec?command=%ff`,
  `${POD}/exec?command=id;command=rm`,
  `https://gateway${POD}/exec?${COMMAND}`,
  `/api/v1/namespaces//pods/static-node-1/exec?${COMMAND}`,
  `/api/v1/namespaces/kube-system/pods/static-node-1:443/exec?${COMMAND}`,
  `/api/v1/namespaces/kube-system/pods/STATIC-node-1/exec?${COMMAND}`,
];
/** Well-formed, and nothing here. */
const NOWHERE = [
  `${POD}/exec/?${COMMAND}`,
  `${POD}/Exec?${COMMAND}`,
  `/API/v1/namespaces/kube-system/pods/static-node-1/exec?${COMMAND}`,
  `/api/v2/namespaces/kube-system/pods/static-node-1/exec?${COMMAND}`,
  `${POD}/ephemeralcontainers?${COMMAND}`,
];
const PAGES = [
  '//-/home',
  '/-//home',
  '/-/./home',
  '/-/x/../home',
  '/-/%68ome',
  '/-/home/',
  '/-/HOME',
  '/-/home%2f',
  '/-/home%00',
  '/-/home;x',
  '/-/../nodes/node-1/metrics',
  '/-/%2e%2e/nodes/node-1/metrics',
  '/-/login/..%2fhome',
  '/-/callback/%64emo?code=x&state=y',
];

let scenario: Scenario;
let own: readonly string[];
let token: string;
before(async () => {
  scenario = await startScenario();
  token = bearer(await scenario.environment.issueToken('alice'));
  const { browser } = await signIn(scenario, 'alice');
  own = [cookieLine(browser), `Origin: ${originOf(scenario)}`, 'Sec-Fetch-Site: same-origin'];
});
after(() => closeAll(scenario));

/** What nodes were asked for beside their pods, which say where one is. */
const arrived = (): readonly string[] =>
  [...scenario.environment.kubelets.values()].flatMap(({ requests }) =>
    requests.map(({ target }) => target).filter((target) => !target.startsWith('/pods')),
  );

async function answerTo(target: string, lines: readonly string[], method = 'GET') {
  const client = await RawClient.open(scenario);
  const host = `Host: localhost:${scenario.environment.port}`;
  client.send([`${method} ${target} HTTP/1.1`, host, ...lines, '', ''].join('\r\n'));
  const answer = await client.readHead();
  client.destroy();
  return answer;
}

describe('a path without a node', () => {
  for (const target of [...ODD, ...NOWHERE]) {
    it(`is nobody's: ${target}`, async () => {
      const before = arrived().length;
      for (const credential of [[token], own]) {
        for (const upgrade of [[], WEBSOCKET, SPDY]) {
          const { code } = await answerTo(target, [...credential, ...upgrade]);
          const isOdd = ODD.includes(target);
          assert.ok(isOdd ? code === 400 : [400, 403, 404, 405].includes(code), `${code}`);
        }
      }
      assert.equal(arrived().length, before);
    });
  }

  it('is one when it is written as it should be', async () => {
    const { code } = await answerTo(`${POD}/exec?${COMMAND}`, [...own, ...WEBSOCKET]);
    assert.equal(code, 101);
  });

  for (const action of ['exec', 'attach', 'portforward']) {
    it(`reaches no ${action} by a plain GET with a cookie, nor by a socket of another page`, async () => {
      const before = arrived().length;
      const [cookie = ''] = own;
      const target = `${POD}/${action}?${COMMAND}&ports=80`;
      // It is no request for a stream at all.
      assert.equal((await answerTo(target, own)).code, 400);
      assert.equal((await answerTo(target, own, 'HEAD')).code, 405);
      for (const line of ['Origin: null', 'Origin: https://evil.example', 'Sec-Fetch-Site: same-origin']) {
        assert.equal((await answerTo(target, [cookie, line, ...WEBSOCKET])).code, 403, line);
        assert.equal((await answerTo(target, [cookie, line, ...SPDY], 'POST')).code, 403, line);
      }
      assert.equal(arrived().length, before);
    });
  }
});

describe('a page', () => {
  for (const target of PAGES) {
    it(`is not reached as ${target}`, async () => {
      const before = arrived().length;
      const answer = await answerTo(target, own);
      assert.ok(answer.code >= 400, `${answer.code}`);
      assert.equal(answer.headers.get('location'), undefined);
      assert.doesNotMatch(answer.headers.get('set-cookie') ?? '', /__Host-kubelet-gateway=1/);
      assert.equal(arrived().length, before);
    });
  }
});
