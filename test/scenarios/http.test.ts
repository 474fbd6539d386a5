// Plain requests through the whole gateway with curl: who may read what, what the answers are labelled as, and how each
// kind of refusal looks.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DemoUser } from '../../demo/environment.ts';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { ask, head } from '../support/raw-client.ts';
import { eventually, run, startScenario } from '../support/scenario.ts';

interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

let scenario: Scenario;
let node: HostileKubelet;
/** A port at which nobody listens. */
let deadPort: number;
let tokens: Readonly<Record<DemoUser, string>>;
before(async () => {
  node = await startHostileKubelet('node-3');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  deadPort = address.port;
  await new Promise((resolve) => server.close(resolve));
  scenario = await startScenario({
    configure: (yaml) =>
      `${node.takePlaceOf(yaml, 'node-3').replace(/(- \{ name: node-2, .*port: )\d+/, `$1${deadPort}`)}forwarding: { answerTimeout: 1s }\n`,
  });
  const issueToken = (user: DemoUser): Promise<string> => scenario.environment.issueToken(user);
  const [alice, bob, carol] = await Promise.all([
    issueToken('alice'),
    issueToken('bob'),
    issueToken('carol'),
  ]);
  tokens = { alice, bob, carol };
});
after(() => closeAll(scenario, node));

async function get(user: DemoUser | undefined, path: string, ...args: readonly string[]): Promise<Answer> {
  const token = user === undefined ? [] : ['-H', `Authorization: Bearer ${tokens[user]}`];
  const { code, stdout, stderr } = await scenario.curl(undefined, path, '-i', ...token, ...args);
  assert.equal(code, 0, stderr);
  return parse(stdout.toString('latin1'));
}

function parse(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { code: Number(statusLine.split(' ')[1]), headers, body: text.slice(end + 4) };
}

function assertStatus({ code, headers, body }: Answer, expected: number, message: RegExp): void {
  assert.equal(code, expected, body);
  assert.equal(headers['content-type'], 'application/json');
  const status = JSON.parse(body) as Record<string, unknown>;
  assert.equal(status['kind'], 'Status');
  assert.equal(status['apiVersion'], 'v1');
  assert.equal(status['status'], 'Failure');
  assert.equal(status['code'], expected);
  assert.match(String(status['message']), message);
  assert.match(headers['audit-id'] ?? '', /^[-0-9a-f]{36}$/);
}

const USERS = ['alice', 'bob', 'carol'] as const;
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain; charset=utf-8';
const METRICS = /^text\/plain/;

/** Method, path, statuses of alice, bob and carol, content type of a success. */
const PATHS: readonly (readonly [
  method: string,
  path: string,
  codes: readonly [number, number, number],
  type: string | RegExp,
])[] = [
  ['GET', '/healthz', [200, 200, 200], TEXT],
  ['GET', '/healthz?verbose', [200, 200, 200], TEXT],
  ['GET', '/healthz/ping', [200, 200, 200], TEXT],
  ['GET', '/pods', [200, 200, 200], JSON_TYPE],
  ['GET', '/pods/', [200, 200, 200], JSON_TYPE],
  ['GET', '/runningpods/', [200, 200, 200], JSON_TYPE],
  ['GET', '/configz', [200, 403, 200], JSON_TYPE],
  ['GET', '/containerLogs/default/logger/logger', [200, 403, 200], TEXT],
  ['GET', '/metrics', [200, 200, 403], METRICS],
  ['GET', '/metrics/cadvisor', [200, 200, 403], METRICS],
  ['GET', '/metrics/resource', [200, 200, 403], METRICS],
  ['GET', '/metrics/probes', [200, 200, 403], METRICS],
  ['GET', '/metrics/slis', [200, 200, 403], METRICS],
  ['GET', '/stats/summary', [200, 200, 403], JSON_TYPE],
  ['GET', '/stats/summary?only_cpu_and_memory=true', [200, 200, 403], JSON_TYPE],
  ['GET', '/logs/', [200, 403, 403], 'text/html; charset=utf-8'],
  ['GET', '/logs/kubelet.log', [200, 403, 403], TEXT],
  ['GET', '/flagz', [200, 403, 403], TEXT],
  ['GET', '/statusz', [200, 403, 403], TEXT],
  [
    'GET',
    '/debug/pprof/goroutine?debug=1',
    [200, 403, 200],
    /^(text\/plain; charset=utf-8|application\/octet-stream)$/,
  ],
  ['POST', '/run/default/shell/shell?cmd=true', [200, 403, 403], TEXT],
  ['GET', '/exec/default/shell/shell?command=id', [400, 400, 400], ''],
  // Older kubelets have these; this one's 404 is relayed to whoever may ask.
  ['GET', '/spec/', [403, 403, 403], ''],
  ['GET', '/stats/container', [404, 404, 403], ''],
  ['DELETE', '/metrics/slis', [405, 405, 405], ''],
  ['PUT', '/debug/flags/v', [404, 404, 404], ''],
  ['DELETE', '/pods', [405, 405, 405], ''],
  ['POST', '/pods', [405, 405, 405], ''],
  ['GET', '/checkpoint/default/shell/shell', [405, 405, 405], ''],
  ['GET', '/debug/pprof/', [404, 404, 404], ''],
];

describe('who may read what', () => {
  for (const [method, path, codes, type] of PATHS) {
    it(`${method} ${path}: ${codes.join(', ')}`, async () => {
      const answers = await Promise.all(USERS.map((user) => get(user, `/nodes/node-1${path}`, '-X', method)));
      for (const [i, got] of answers.entries()) {
        const user = USERS[i] ?? '';
        assert.equal(got.code, codes[i], `${user}: ${got.body.slice(0, 300)}`);
        if (got.code === 200) {
          const said = got.headers['content-type'] ?? '';
          if (typeof type === 'string') assert.equal(said, type);
          else assert.match(said, type);
          assert.equal(got.headers['x-content-type-options'], 'nosniff');
          assert.equal(got.headers['content-security-policy'], "sandbox; default-src 'none'");
          assert.equal(got.headers['cross-origin-resource-policy'], 'same-origin');
          assert.equal(got.headers['cache-control'], 'no-store');
        } else if (got.code !== 404 || path !== '/stats/container') {
          assertStatus(got, codes[i] ?? 0, /./);
          if (got.code === 403) {
            assert.match(
              got.body,
              new RegExp(`nodes \\\\"node-1\\\\" is forbidden: User \\\\"${user}\\\\" cannot`),
            );
          }
          if (got.code === 405) assert.match(got.headers['allow'] ?? '', /^(GET|POST)(, POST)?$/);
        }
        assert.match(got.headers['audit-id'] ?? '', /^[-0-9a-f]{36}$/);
      }
    });
  }

  it('is the same under the path of the node proxy', async () => {
    for (const [user, path, code] of [
      ['alice', 'configz', 200],
      ['bob', 'metrics', 200],
      ['bob', 'configz', 403],
      ['carol', 'metrics', 403],
      ['carol', 'pods', 200],
    ] as const) {
      assert.equal((await get(user, `/api/v1/nodes/node-1/proxy/${path}`)).code, code, `${user} ${path}`);
    }
  });

  it('shows a node log as text, and what is no text as a download', async () => {
    const { headers } = await get('alice', '/nodes/node-1/logs/kubelet.log');
    assert.equal(headers['content-disposition'], undefined);
    node.script = (_head, on) => on.write(answer('200 OK', '\x7fELF', 'Content-Type: application/x-elf'));
    const binary = await get('alice', '/nodes/node-3/logs/core');
    assert.equal(binary.headers['content-type'], 'application/octet-stream');
    assert.equal(binary.headers['content-disposition'], 'attachment');
  });

  it('sends /logs to /logs/, by itself and without asking the node', async () => {
    const before = scenario.environment.kubelets.get('node-1')?.requests.length;
    for (const prefix of ['/nodes/node-1', '/api/v1/nodes/node-1/proxy']) {
      const got = await get('alice', `${prefix}/logs`);
      assert.equal(got.code, 307);
      assert.equal(got.headers['location'], `${prefix}/logs/`);
    }
    assert.equal(scenario.environment.kubelets.get('node-1')?.requests.length, before);
  });
});

describe('who one is', () => {
  it('has to be said: 401 with what to say', async () => {
    for (const args of [
      [],
      ['-H', 'Authorization: Bearer nonsense'],
      ['-H', 'Authorization: Bearer a.b.c'],
      ['-H', 'Authorization: Basic YWxpY2U6eA=='],
      ['-H', 'Authorization: Bearer'],
    ]) {
      const got = await get(undefined, '/nodes/node-1/pods', ...args);
      assertStatus(got, 401, /./);
      assert.match(got.headers['www-authenticate'] ?? '', /^Bearer\b/);
    }
  });

  it('is no longer so when the token has expired, or has another signature', async () => {
    const token = await scenario.environment.issueToken('alice');
    const forged = `${token.slice(0, -6)}${token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'}`;
    assertStatus(
      await get(undefined, '/nodes/node-1/pods', '-H', `Authorization: Bearer ${forged}`),
      401,
      /./,
    );
  });

  it('may be said by a certificate, or by both when they agree', async () => {
    const { directory } = scenario.environment;
    const give = async (
      name: string,
      user: string,
      groups: readonly string[],
    ): Promise<readonly string[]> => {
      const { certificate, key } = await scenario.environment.issueClientCertificate(user, groups);
      await writeFile(join(directory, `${name}.crt`), certificate);
      await writeFile(join(directory, `${name}.key`), key);
      return ['--cert', join(directory, `${name}.crt`), '--key', join(directory, `${name}.key`)];
    };
    const alice = await give('alice-client', 'alice', ['sre']);
    const stranger = await give('stranger-client', 'stranger', []);
    assert.equal((await get(undefined, '/nodes/node-1/configz', ...alice)).code, 200);
    assertStatus(await get(undefined, '/nodes/node-1/configz', ...stranger), 403, /User "stranger"/);
    assert.equal((await get('alice', '/nodes/node-1/configz', ...alice)).code, 200);
    assertStatus(await get('bob', '/nodes/node-1/healthz', ...alice), 400, /different users|same user/);
    assertStatus(
      await get(undefined, '/nodes/node-1/healthz', ...alice, '-H', 'Authorization: Bearer nonsense'),
      401,
      /./,
    );
  });

  it('is not proved by a certificate of an authority that is not believed, token or not', async () => {
    const { directory } = scenario.environment;
    // A kubelet's client certificate: from another authority of the same house.
    const pair = [
      '--cert',
      join(directory, 'pki/node-1-operator.crt'),
      '--key',
      join(directory, 'pki/node-1-operator.key'),
    ];
    assertStatus(await get(undefined, '/nodes/node-1/pods', ...pair), 401, /./);
    assertStatus(await get('alice', '/nodes/node-1/pods', ...pair), 401, /./);
  });
});

describe('nodes', () => {
  it('that are not there are 404 to who might read them, and 403 to others', async () => {
    assertStatus(await get('alice', '/nodes/nowhere/configz'), 404, /nodes? "nowhere" not found/);
    assertStatus(await get('carol', '/nodes/nowhere/pods'), 404, /nowhere/);
    assertStatus(await get('bob', '/nodes/nowhere/configz'), 403, /forbidden/);
    assertStatus(await get(undefined, '/nodes/nowhere/configz'), 401, /./);
  });

  it('have names, not addresses', async () => {
    for (const name of [
      'https:node-1:10250',
      'node-1:10250',
      'http:node-1:',
      'Node-1',
      'node_1',
      '-node',
      '..',
    ]) {
      const got = await get('alice', `/nodes/${name}/pods`);
      assertStatus(got, 400, /./);
    }
  });

  it('that are down are 502, and the answer names no address', async () => {
    const got = await get('alice', '/nodes/node-2/pods');
    assertStatus(got, 502, /./);
    assert.ok(!got.body.includes(String(deadPort)) && !got.body.includes('127.0.0.1'), got.body);
  });

  it('that are silent are 504', async () => {
    node.script = () => undefined;
    assertStatus(await get('alice', '/nodes/node-3/pods'), 504, /did not answer in time/);
    await node.connections.at(-1)?.closed;
  });

  it('that refuse the credential are 502, and only the log says which one', async () => {
    const refusal =
      'Forbidden (user=gateway-reader:node-3, verb=get, resource=nodes, subresource(s)=[pods proxy])';
    for (const [said, path] of [
      [answer('403 Forbidden', refusal), '/pods'],
      [answer('401 Unauthorized', 'Unauthorized'), '/pods'],
      [answer('403 Forbidden', refusal), '/api/v1/pods'],
      [answer('401 Unauthorized', 'Unauthorized'), '/api/v1/pods'],
    ] as const) {
      node.script = (_head, on) => on.write(said);
      const got = await get('alice', `/nodes/node-3${path}`);
      const why = said.includes('403')
        ? /: it has no right to this there \(403\)$/
        : /: it is not known there \(401\)$/;
      assertStatus(got, 502, /^the node rejected the gateway's credential: /);
      assertStatus(got, 502, why);
      assert.doesNotMatch(got.body, /reader|gateway-/);
    }
    const log = await scenario.gatewayLog();
    assert.match(log, /"credential":"reader"/);
    assert.match(await metrics(), /upstream_credential_rejected_total\{code="40[13]"\} 2/);
  });

  it('have errors of their own, which are relayed as text', async () => {
    node.script = (_head, on) =>
      on.write(answer('500 Internal Server Error', '<script>alert(1)</script>', 'Content-Type: text/html'));
    const got = await get('alice', '/nodes/node-3/pods');
    assert.equal(got.code, 500);
    assert.equal(got.headers['content-type'], TEXT);
    assert.equal(got.headers['x-content-type-options'], 'nosniff');
  });
});

describe('limits', () => {
  it('too many header lines, or too large ones, are 431', async () => {
    const lines = Array.from({ length: 120 }, (_, i) => ['-H', `X-${i}: y`]).flat();
    assertStatus(await get('alice', '/nodes/node-1/pods', ...lines), 431, /at most 100 header lines/);
    const large = head('GET', '/nodes/node-1/pods', `X-Large: ${'x'.repeat(140_000)}`);
    const got = await ask(scenario, large);
    assert.equal(got.code, 431);
    assert.match(got.body, /too large/);
  });
});

describe('the root', () => {
  it('has no metrics of a node, and says where they are', async () => {
    assertStatus(await get('alice', '/metrics'), 404, /under \/nodes\/\{node\}\//);
    assertStatus(await get('alice', '/pods'), 404, /under \/nodes\/\{node\}\//);
    assert.equal((await get('alice', '/version')).code, 200, 'kubectl asks for it, whatever the node');
    assertStatus(await get('alice', '/favicon.ico'), 404, /./);
  });

  it('has health for everybody, and nothing else for nobody', async () => {
    for (const path of ['/livez', '/readyz', '/healthz']) {
      const got = await get(undefined, path);
      assert.equal(got.code, 200, path);
      assert.match(got.headers['audit-id'] ?? '', /^[-0-9a-f]{36}$/);
    }
    assert.match((await get(undefined, '/readyz?verbose')).body, /\[\+\]\s?audit ok/);
    for (const path of ['/livez/', '/healthz/x', '/Livez', '/sd/prometheus', '/version']) {
      assert.notEqual((await get(undefined, path)).code, 200, path);
    }
  });

  it('tells Prometheus of the nodes that the caller may scrape', async () => {
    const names = async (user: DemoUser): Promise<readonly string[]> => {
      const got = await get(user, '/sd/prometheus');
      assert.equal(got.code, 200);
      assert.equal(got.headers['content-type'], JSON_TYPE);
      const groups = JSON.parse(got.body) as { labels: Record<string, string>; targets: string[] }[];
      return groups.map((group) => JSON.stringify(group));
    };
    for (const user of ['alice', 'bob'] as const) {
      const found = await names(user);
      for (const name of ['node-1', 'node-2', 'node-3']) {
        assert.ok(
          found.some((group) => group.includes(name)),
          `${user} ${name}: ${found.join()}`,
        );
      }
    }
    assert.deepEqual(await names('carol'), []);
  });
});

const admin = async (path: string): Promise<string> =>
  (await run('curl', ['-sS', `http://127.0.0.1:${scenario.environment.adminPort}${path}`])).stdout.toString();
const metrics = (): Promise<string> => admin('/metrics');

describe('what is written down', () => {
  it('has the Audit-Id of the answer, a response code and both stages for every request', async () => {
    const rows = [
      ['alice', '/nodes/node-1/pods', 200, 'alice'],
      ['bob', '/nodes/node-1/configz', 403, 'bob'],
      [undefined, '/nodes/node-1/configz', 401, undefined],
      ['alice', '/nodes/nowhere/configz', 404, 'alice'],
      ['alice', '/nodes/node-2/pods', 502, 'alice'],
      ['alice', '/nowhere', 404, 'alice'],
    ] as const;
    for (const [user, path, code, name] of rows) {
      const { headers } = await get(user, path);
      const id = headers['audit-id'];
      const events = await eventually(`both events of ${path}`, async () => {
        const all = (await scenario.auditEvents()).filter(({ auditID }) => auditID === id);
        return all.length >= 2 ? all : undefined;
      });
      assert.deepEqual(
        events.map(({ stage }) => stage),
        ['RequestReceived', 'ResponseComplete'],
        path,
      );
      assert.equal(events[1]?.responseStatus?.code, code);
      assert.equal(events[1].user.username, name);
      assert.equal(events[1].requestURI, path);
    }
  });

  it('names the object, the credential, the node and the decision', async () => {
    const { headers } = await get('alice', '/nodes/node-1/containerLogs/default/logger/logger?tailLines=1');
    const event = await eventually('the event', async () =>
      (await scenario.auditEvents()).find(
        ({ auditID, stage }) => auditID === headers['audit-id'] && stage === 'ResponseComplete',
      ),
    );
    assert.equal(event.verb, 'get');
    assert.equal(event.annotations?.['authorization.k8s.io/decision'], 'allow');
    assert.equal(event.annotations['kubelet-gateway.io/node'], 'node-1');
    assert.equal(event.annotations['kubelet-gateway.io/credential'], 'operator');
    assert.ok(event.objectRef !== undefined);
  });

  it('is counted on the admin listener, where also the health is', async () => {
    const text = await metrics();
    for (const code of [200, 401, 403, 404, 405, 502, 504]) {
      assert.match(text, new RegExp(`requests_total\\{[^}]*code="${code}"`), `code ${code}`);
    }
    // Refused before anything was resolved, and counted all the same.
    assert.match(text, /requests_total\{[^}]*code="431"/);
    assert.match(text, /request_duration_seconds_bucket\{/);
    assert.match(text, /audit_events_total\{[^}]*\} [1-9]/);
    assert.doesNotMatch(text, /alice|bob|carol/, 'no user is a label');
    assert.equal(await admin('/livez'), 'ok');
    assert.match(await admin('/readyz?verbose'), /audit/);
    assert.equal(
      (
        await run('curl', [
          '-sS',
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          `http://127.0.0.1:${scenario.environment.adminPort}/nodes/node-1/pods`,
        ])
      ).stdout.toString(),
      '404',
    );
  });
});
