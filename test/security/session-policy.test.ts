// Rules about sessions hold for every way into a pod (S27): exec and attach by either protocol, a debug container, run,
// port-forward, and kubectl; what they refuse is said and logged, and no node hears of it. The reason goes no further.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import type { AuditEvent, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const POLICY = `
endpoints: { enabled: [run] }
sessionPolicy:
  rules:
    - { namespaces: [kube-system], terminal: none, commands: [] }
    - namespaces: [default]
      actions: [attach, portForward]
      reason: required
    - namespaces: [default]
      commands: [[echo, "*"], [tar, cf, "-", "*"], [tar, -xmf, "-", -C, "*"], [test, -d, "*"]]
      terminal: listed
`;

let scenario: Scenario;
before(async () => {
  scenario = await startScenario({
    configure: (yaml) => yaml.replace(/^endpoints:.*\n(?: .*\n)*/m, '') + POLICY,
  });
});
after(() => closeAll(scenario));

const requests = () => scenario.environment.kubelets.get('node-1')?.requests ?? [];

async function open(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly body: string }> {
  const socket = new WebSocket(`${scenario.url.replace('https', 'wss')}${path}`, ['v5.channel.k8s.io'], {
    ca: scenario.environment.certificateAuthority,
    headers: { authorization: `Bearer ${await scenario.environment.issueToken('alice')}`, ...headers },
    perMessageDeflate: false,
  });
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('open', () => {
      socket.terminate();
      resolve({ code: 101, body: '' });
    });
    socket.once('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      void once(response, 'end').then(() => resolve({ code: response.statusCode ?? 0, body }));
    });
  });
}

const lastEvent = (stage: string, marker: string): Promise<AuditEvent> =>
  eventually(`${stage} of ${marker}`, async () =>
    (await scenario.auditEvents()).findLast(
      (event) => event.stage === stage && event.requestURI.includes(marker),
    ),
  );

const EXEC = '/nodes/node-1/exec/default/shell/shell?output=1';

describe('what a rule refuses', () => {
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ['a command that is not listed', `${EXEC}&command=id&mark=1`, /rules\[2\]: this command is not among/],
    [
      'a listed command with one argument more',
      `${EXEC}&command=echo&command=a&command=b`,
      /this command is not among/,
    ],
    ['a listed command within one argument', `${EXEC}&command=echo%20a`, /this command is not among/],
    ['the same in a terminal', `${EXEC}&command=id&tty=1&input=1`, /this command is not among/],
    [
      'a debug container',
      '/nodes/node-1/exec/default/shell/debugger-abcde?command=id&output=1',
      /this command is not among/,
    ],
    [
      'a terminal of another namespace',
      '/nodes/node-1/exec/kube-system/dns/dns?command=echo&output=1&tty=1',
      /rules\[0\]: no terminal may be opened/,
    ],
    [
      'attach with input there, which is to a terminal where the container has one',
      '/nodes/node-1/attach/kube-system/dns/dns?input=1&output=1',
      /rules\[0\]: no terminal may be opened here, .*attach without input/,
    ],
    [
      "the same on kubectl's own path",
      '/nodes/node-1/api/v1/namespaces/kube-system/pods/dns/attach?stdin=1&stdout=true&tty=False&container=dns',
      /rules\[0\]: no terminal may be opened here, .*attach without input/,
    ],
    [
      'attach without a reason',
      '/nodes/node-1/attach/default/multi/main?output=1',
      /rules\[1\]: a reason must be given/,
    ],
    [
      'attach to a debug container without a reason',
      '/nodes/node-1/attach/default/multi/debugger-abcde?output=1',
      /a reason must be given/,
    ],
    [
      'port-forward without a reason',
      '/nodes/node-1/portForward/default/web?port=8080',
      /a reason must be given/,
    ],
    [
      "kubectl's own path",
      '/nodes/node-1/api/v1/namespaces/default/pods/shell/exec?command=id&stdout=true',
      /this command is not among/,
    ],
  ];
  for (const [what, path, expected] of rows) {
    it(`${what}: 403 that names the rule, an audit event, and no node is dialled`, async () => {
      const before = requests().length;
      const { code, body } = await open(path.replace('&mark=1', ''));
      assert.equal(code, 403, body);
      assert.match((JSON.parse(body) as { message: string }).message, expected);
      const event = await lastEvent('ResponseComplete', path.replace('&mark=1', ''));
      assert.equal(event.responseStatus?.code, 403);
      assert.match(event.responseStatus.message ?? '', expected);
      assert.match(
        event.annotations?.['kubelet-gateway.io/session-policy'] ?? '',
        /^sessionPolicy\.rules\[\d\]$/,
      );
      assert.equal(requests().length, before);
    });
  }

  it('run', async () => {
    const before = requests().length;
    const path = '/nodes/node-1/run/default/shell/shell?cmd=id';
    const { stdout } = await scenario.curl('alice', path, '-X', 'POST');
    assert.match(stdout.toString(), /this command is not among/);
    assert.equal(requests().length, before);
  });

  it('kubectl by either protocol, in words', async () => {
    const before = requests().filter(({ target }) => /^\/(exec|attach|portForward)/.test(target)).length;
    const spdy = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' };
    for (const env of [{}, spdy]) {
      for (const [args, words] of [
        [['exec', 'shell', '--', 'id'], /this command is not among those that may be run without a terminal/],
        [['attach', 'multi'], /a reason must be given/],
        [['port-forward', 'web', ':8080'], /a reason must be given/],
      ] as const) {
        const { code, stderr } = await scenario.kubectl('alice', args, { env });
        assert.equal(code, 1, stderr);
        assert.match(stderr, words);
      }
    }
    const after = requests().filter(({ target }) => /^\/(exec|attach|portForward)/.test(target)).length;
    assert.equal(after, before);
  });

  it('tells a stranger of no rule', async () => {
    const { stdout } = await scenario.curl(
      'bob',
      '/nodes/node-1/run/default/shell/shell?cmd=id',
      '-X',
      'POST',
    );
    assert.doesNotMatch(stdout.toString(), /sessionPolicy/);
    assert.match(stdout.toString(), /"code":403/);
  });
});

describe('what a rule lets through', () => {
  it('what is listed', async () => {
    const { code, stdout } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'let through']);
    assert.equal(code, 0);
    assert.equal(stdout.toString(), 'let through\n');
  });

  it('kubectl cp, both ways, by the patterns of the documentation', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gateway-cp-'));
    try {
      await writeFile(join(folder, 'there'), 'and back');
      for (const args of [
        ['cp', join(folder, 'there'), `shell:${join(folder, 'in-the-pod')}`],
        ['cp', `shell:${join(folder, 'in-the-pod')}`, join(folder, 'back')],
      ]) {
        const { code, stderr } = await scenario.kubectl('alice', args);
        assert.equal(code, 0, stderr);
      }
      assert.equal(await readFile(join(folder, 'back'), 'utf8'), 'and back');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('a session with a reason, which is in the audit log before the node is asked, and not sent to it', async () => {
    const path = '/nodes/node-1/attach/default/multi/main?output=1';
    const before = requests().length;
    assert.equal((await open(path, { 'Kubelet-Gateway-Reason': 'INC-4711 in the header' })).code, 101);
    assert.equal((await open(`${path}&reason=INC-4711+in+the+query`)).code, 101);
    const received = await lastEvent('RequestReceived', 'INC-4711');
    assert.equal(received.annotations?.['kubelet-gateway.io/reason'], 'INC-4711 in the query');
    const events = (await scenario.auditEvents()).filter(({ stage }) => stage === 'RequestReceived');
    assert.ok(
      events.some(
        ({ annotations }) => annotations?.['kubelet-gateway.io/reason'] === 'INC-4711 in the header',
      ),
    );
    const sent = requests().slice(before);
    assert.equal(sent.length, 2);
    assert.doesNotMatch(JSON.stringify(sent), /INC-4711|gateway-reason/i);
  });
});
