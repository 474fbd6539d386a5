// Live sessions through the whole gateway: seen, followed and ended by those who may, with a real kubectl at the other
// end over both protocols; and refused to everybody else.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DemoUser } from '../../demo/environment.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { Screen } from '../../src/replay/screen.ts';
import type { AuditEvent, Finished, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, run, startScenario } from '../support/scenario.ts';
import { startS3Server } from '../support/s3-server.ts';
import { startInTerminal } from '../record/kubectl-session.ts';
import { toStoreFiles, toStoreYaml } from '../record/stored-scenario.ts';

const API = '/apis/kubelet-gateway.io/v1alpha1';
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const ROLES = fileURLToPath(new URL('../../config/rbac-admin.yaml', import.meta.url));

const binding = (user: string, role: string): string => `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: ${user}-${role} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubelet-gateway-${role} }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: ${user} }]
`;

const RECORDING = `
recording:
  directory: recordings
  segment: { maxAge: 200ms, maxSize: 256Ki }
  rules:
    - { mode: required, stdin: off, namespaces: [default] }
`;

let scenario: Scenario;

/** bob operates sessions, carol has no right on them; alice works on nodes. */
async function start(
  recorded: boolean,
  more = '',
  files: Readonly<Record<string, string>> = {},
): Promise<void> {
  scenario = await startScenario({
    files: {
      ...files,
      'admin-rbac.yaml':
        (await readFile(ROLES, 'utf8')) +
        ['session-operator', 'recording-admin', 'auditor', 'cache-flusher', 'metrics-reader']
          .map((role) => binding('bob', role))
          .join(''),
    },
    configure: (yaml) =>
      yaml
        .replace(
          /admin: \{ address: 127\.0\.0\.1, port: (\d+).*\}/,
          'admin: { address: 127.0.0.1, port: $1, tls: { certificateFile: pki/gateway.crt, privateKeyFile: pki/gateway.key } }',
        )
        .replace('manifestFiles: [rbac.yaml]', 'manifestFiles: [rbac.yaml, admin-rbac.yaml]') +
      (recorded ? RECORDING : '') +
      more,
  });
}

interface Answer {
  readonly code: number;
  readonly body: string;
}

async function ask(
  user: DemoUser | undefined,
  method: string,
  path: string,
  accept?: string,
): Promise<Answer> {
  const { environment } = scenario;
  const token = user === undefined ? undefined : await environment.issueToken(user);
  return new Promise((resolve, reject) => {
    request(
      {
        host: '127.0.0.1',
        port: environment.adminPort,
        method,
        path,
        agent: false,
        ca: environment.certificateAuthority,
        headers: {
          ...(accept === undefined ? {} : { accept }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ code: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        );
      },
    )
      .on('error', reject)
      .end();
  });
}

interface SessionObject {
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
}

async function sessions(query = ''): Promise<readonly SessionObject[]> {
  const { code, body } = await ask('bob', 'GET', `${API}/sessions${query}`);
  assert.equal(code, 200, body);
  return (JSON.parse(body) as { items: SessionObject[] }).items;
}

const theSession = (): Promise<SessionObject> => eventually('a session', async () => (await sessions())[0]);
const noSession = (): Promise<true> =>
  eventually('no session', async () => ((await sessions()).length === 0 ? true : undefined));

interface Worker {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  type(text: string): void;
  seen(): string;
}

/** A kubectl that alice works with. */
function work(env: Readonly<Record<string, string>>, ...args: readonly string[]): Worker {
  const child = spawn(kubectlPath(), ['--context', 'alice', ...args], {
    env: { ...process.env, ...scenario.kubectlEnv, ...env },
    stdio: 'pipe',
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined);
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }),
    );
  });
  return {
    child,
    finished,
    type: (text) => void child.stdin.write(text),
    seen: () => Buffer.concat(out).toString(),
  };
}

async function cliArgs(user: DemoUser): Promise<string[]> {
  const { environment } = scenario;
  const token = join(environment.directory, `${user}-admin.jwt`);
  await writeFile(token, await environment.issueToken(user), { mode: 0o600 });
  return [
    '--server',
    `https://127.0.0.1:${environment.adminPort}`,
    '--certificate-authority',
    join(environment.directory, 'ca.crt'),
    '--token-file',
    token,
  ];
}

const cli = async (user: DemoUser, ...args: readonly string[]): Promise<Finished> =>
  run(process.execPath, [MAIN, 'sessions', ...args, ...(await cliArgs(user))]);

const eventOf = (what: string, fits: (event: AuditEvent) => boolean): Promise<AuditEvent> =>
  eventually(what, async () =>
    (await scenario.auditEvents()).find((event) => event.stage === 'ResponseComplete' && fits(event)),
  );

const PROTOCOLS = [
  { name: 'WebSocket', env: {} },
  { name: 'SPDY', env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' } },
] as const;

const FORWARDS = [
  { name: 'the WebSocket tunnel', env: {} },
  { name: 'SPDY', env: { KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' } },
] as const;

for (const recorded of [true, false]) {
  describe(`live sessions, ${recorded ? 'recorded' : 'not recorded'}`, () => {
    before(() => start(recorded));
    after(() => closeAll(scenario));

    for (const { name, env } of PROTOCOLS) {
      it(`are listed, followed and ended over ${name}`, async () => {
        const worker = work(env, 'exec', '-i', 'shell', '--', 'sh');
        const { metadata, spec, status } = await theSession();
        const id = metadata.name;
        assert.equal(spec['user'], 'alice');
        assert.equal(spec['node'], 'node-1');
        assert.equal(spec['action'], 'exec');
        assert.deepEqual(spec['command'], ['sh']);
        assert.equal(status['recorded'], recorded);

        worker.type('echo 3${X}3 before anybody looked on\n');
        await eventually('its output', () => (worker.seen().includes('33 before') ? true : undefined));
        const watching = spawn(process.execPath, [MAIN, 'sessions', 'watch', id, ...(await cliArgs('bob'))]);
        let watched = '';
        watching.stdout.on('data', (chunk: Buffer) => (watched += chunk.toString()));
        const watchEnd = new Promise<number | null>((resolve) => watching.once('close', resolve));
        await eventually('a follower', async () =>
          (await sessions())[0]?.status['followers'] === 1 ? true : undefined,
        );
        // Nothing that is written to the watcher goes anywhere.
        watching.stdin.write('echo injected\n');
        worker.type('printf "a\\033]52;c;ZXZpbA==\\007b\\n"; echo 7${X}7\n');
        await eventually('what the session says', () => (watched.includes('77') ? true : undefined));
        assert.match(watched, /^33 before anybody looked on\n[^]*^ab$/m);
        assert.doesNotMatch(worker.seen(), /injected/);

        const killed = await cli('bob', 'kill', id, '--reason', 'maintenance at noon');
        assert.equal(killed.code, 0, killed.stderr);
        const { code, stderr } = await worker.finished;
        assert.notEqual(code, 0);
        assert.match(stderr, /the session was ended by an operator: maintenance at noon/);
        assert.equal(await watchEnd, 0);
        await noSession();

        const ended = await eventOf('the end of the session', ({ auditID }) => auditID === id);
        assert.equal(ended.annotations?.['kubelet-gateway.io/ended-by'], 'bob');
        assert.equal(ended.annotations['kubelet-gateway.io/ended-because'], 'maintenance at noon');
        assert.equal(ended.annotations['kubelet-gateway.io/end-reason'], 'terminated');
        for (const verb of ['watch', 'delete']) {
          const event = await eventOf(verb, (one) => one.verb === verb && one.objectRef?.name === id);
          assert.equal(event.user.username, 'bob');
          assert.equal(event.objectRef?.resource, 'sessions');
          assert.equal(event.responseStatus?.code, 200);
        }
      });
    }

    for (const { name, env } of FORWARDS) {
      it(`are followed over ${name} by their connections, where they are port-forwards`, async () => {
        const worker = work(env, 'port-forward', 'pod/web', ':8080');
        const port = await eventually('the port', () => /127\.0\.0\.1:(\d+) ->/.exec(worker.seen())?.[1]);
        const early = connect(Number(port), '127.0.0.1');
        await once(early, 'connect');
        early.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
        await once(early, 'data');
        const id = (await theSession()).metadata.name;
        const watching = spawn(process.execPath, [MAIN, 'sessions', 'watch', id, ...(await cliArgs('bob'))]);
        let watched = '';
        watching.stdout.on('data', (chunk: Buffer) => (watched += chunk.toString()));
        const watchEnd = once(watching, 'close');
        await eventually('the open connection', () => (/open already/.test(watched) ? true : undefined));
        const late = connect(Number(port), '127.0.0.1');
        await once(late, 'connect');
        late.end('GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
        late.resume();
        const [, which] = await eventually(
          'its beginning',
          () => /connection (\d+): opened\n/.exec(watched) ?? undefined,
        );
        await eventually('its end', () =>
          watched.includes(`connection ${which}: closed`) ? true : undefined,
        );
        assert.match(watched, /port 8080, connection \d+: open already, 29 bytes to the pod, [1-9]\d* back/);
        assert.match(
          watched,
          /port 8080, connection \d+: closed after [\d.]+ s, 48 bytes to the pod, [1-9]\d* back/,
        );
        early.destroy();
        worker.child.kill('SIGINT');
        await worker.finished;
        assert.deepEqual(await watchEnd, [0, null]);
        await noSession();
      });
    }

    it('are ended in the middle of a flood of output', async () => {
      const worker = work({}, 'exec', 'shell', '--', 'sh', '-c', 'yes 0123456789');
      worker.child.stdout?.resume();
      const id = (await theSession()).metadata.name;
      await eventually('output', async () =>
        Number((await sessions())[0]?.status['bytesReceived']) > 100_000 ? true : undefined,
      );
      assert.equal((await ask('bob', 'DELETE', `${API}/sessions/${id}`)).code, 200);
      assert.notEqual((await worker.finished).code, 0);
      await noSession();
    });
  });
}

describe('a follower of a program that draws on the whole screen', () => {
  for (const place of ['a directory', 'an S3 store'])
    it(`sees what it has drawn long before, and what it draws then: recorded in ${place}`, async (t) => {
      const server = place === 'a directory' ? undefined : await startS3Server();
      t.after(async () => {
        await closeAll(scenario);
        await server?.close();
      });
      if (server === undefined) await start(true);
      else await start(true, toStoreYaml(server, 'drawn'), toStoreFiles(server));
      await seesAll();
    });

  async function seesAll(): Promise<void> {
    // A line at the top once, and then so much in another that the gateway has forgotten the first.
    const script = [
      String.raw`printf '\033[?1049h\033[H\033[2Jdrawn once'`,
      String.raw`i=0; while [ $i -lt 3000 ]; do printf '\033[5;1Hround %s ' $i; i=$((i+1)); done`,
      String.raw`read line; printf '\033[7;1Hdrawn then'; read line`,
    ].join('; ');
    const worker = startInTerminal(scenario, ['exec', '-it', 'shell', '--', 'sh', '-c', script]);
    await eventually('the last round', () => (worker.stdout().includes('round 2999') ? true : undefined));
    const { metadata } = await theSession();
    const watching = spawn(process.execPath, [
      MAIN,
      ...['sessions', 'watch', metadata.name],
      ...(await cliArgs('bob')),
    ]);
    let watched = '';
    watching.stdout.on('data', (chunk: Buffer) => (watched += chunk.toString()));
    const watchEnd = once(watching, 'close');
    await eventually('what was drawn', () => (watched.includes('round 2999') ? true : undefined));
    worker.type('\r');
    await eventually('what is drawn', () => (watched.includes('drawn then') ? true : undefined));
    const screen = new Screen({ columns: 80, rows: 24, bareLineFeeds: false });
    await screen.write(watched);
    const lines = screen.visible().map((line) => line.trimEnd());
    assert.deepEqual([lines[0], lines[4], lines[6]], ['drawn once', 'round 2999', 'drawn then']);
    screen.dispose();
    worker.type('\r');
    await worker.closed;
    assert.deepEqual(await watchEnd, [0, null]);
    await noSession();
  }
});

describe('a follower who does not read', () => {
  before(() => start(true));
  after(() => closeAll(scenario));

  it('holds nothing up, is told what was left out, and costs bounded memory', async () => {
    const { environment } = scenario;
    const worker = work({}, 'exec', '-i', 'shell', '--', 'sh');
    worker.child.stdout?.resume();
    const { metadata } = await theSession();
    const token = await environment.issueToken('bob');
    const following = request({
      host: '127.0.0.1',
      port: environment.adminPort,
      path: `${API}/sessions/${metadata.name}/follow`,
      agent: false,
      ca: environment.certificateAuthority,
      headers: { authorization: `Bearer ${token}` },
    }).end();
    // Nobody reads what comes after the head.
    const [response] = (await once(following, 'response')) as [IncomingMessage];
    const BYTES = 40_000_000;
    worker.type(`head -c ${BYTES} /dev/zero | tr '\\0' x; echo; echo the end\n`);
    await eventually('all of the output', async () =>
      Number((await sessions())[0]?.status['bytesReceived']) > BYTES ? true : undefined,
    );
    let said = '';
    response.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-10_000_000)));
    await eventually('the note', () => (/bytes left out here/.test(said) ? true : undefined));
    worker.type('echo still here\n');
    await eventually('what came after', () => (said.includes('still here') ? true : undefined));
    assert.equal((await ask('bob', 'DELETE', `${API}/sessions/${metadata.name}`)).code, 200);
    await once(response, 'end');
    assert.notEqual((await worker.finished).code, 0);
  });
});

describe('a follower whose token expires', () => {
  before(() => start(true, 'sessions: { credentialExpiryGrace: 0s }\n'));
  after(() => closeAll(scenario));

  it('sees no more, and the session goes on', async () => {
    const { environment } = scenario;
    const worker = work({}, 'exec', '-i', 'shell', '--', 'sh');
    const { metadata } = await theSession();
    const token = await environment.issueToken('bob', 4);
    const following = request({
      host: '127.0.0.1',
      port: environment.adminPort,
      path: `${API}/sessions/${metadata.name}/follow`,
      agent: false,
      ca: environment.certificateAuthority,
      headers: { authorization: `Bearer ${token}` },
    }).end();
    const [response] = (await once(following, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    response.resume().on('error', () => undefined);
    await new Promise((resolve) => response.once('close', resolve));
    const event = await eventOf('the end of following', ({ verb }) => verb === 'watch');
    assert.equal(event.annotations?.['kubelet-gateway.io/end-reason'], 'credentialExpired');
    worker.type('echo still here; exit 0\n');
    const { code, stdout } = await worker.finished;
    assert.deepEqual([code, stdout.toString()], [0, 'still here\n']);
  });
});

describe('the admin API', () => {
  before(() => start(true));
  after(() => closeAll(scenario));

  const ID = '5d5b9a3e-0c4e-4f77-9a11-0d5c6f0f7a01';
  const RIGHTS: readonly (readonly [method: string, path: string, verb: string, resource: string])[] = [
    ['GET', `${API}/sessions`, 'list', 'sessions'],
    ['GET', `${API}/sessions/${ID}`, 'get', 'sessions'],
    ['GET', `${API}/sessions/${ID}/follow`, 'watch', 'sessions'],
    ['DELETE', `${API}/sessions/${ID}`, 'delete', 'sessions'],
    ['GET', `${API}/recordings`, 'list', 'recordings'],
    ['GET', `${API}/recordings/${ID}`, 'get', 'recordings'],
    ['GET', `${API}/recordings/${ID}/cast`, 'get', 'recordings'],
    ['DELETE', `${API}/recordings/${ID}`, 'delete', 'recordings'],
    ['GET', `${API}/audits`, 'get', 'audits'],
    ['DELETE', `${API}/caches/tokens`, 'delete', 'caches'],
  ];

  for (const [method, path, verb, resource] of RIGHTS) {
    it(`refuses ${method} ${path.slice(API.length)} to those without ${verb} ${resource}, and says so in the audit log`, async () => {
      for (const user of ['alice', 'carol'] as const) {
        const { code, body } = await ask(user, method, path);
        assert.equal(code, 403, body);
        assert.match(
          body,
          new RegExp(`cannot ${verb} resource .*${resource}.* in API group .*kubelet-gateway.io`),
        );
      }
      assert.equal((await ask(undefined, method, path)).code, 401);
      await eventOf(
        `the refusal of ${verb} ${resource}`,
        (event) =>
          event.verb === verb &&
          event.objectRef?.resource === resource &&
          event.user.username === 'carol' &&
          event.responseStatus?.code === 403,
      );
    });
  }

  it('is closed to tokens that may work on nodes, metrics included', async () => {
    assert.equal((await ask('alice', 'GET', '/metrics')).code, 403);
    assert.equal((await ask(undefined, 'GET', '/metrics')).code, 401);
    const { code, body } = await ask('bob', 'GET', '/metrics');
    assert.equal(code, 200);
    assert.match(body, /kubelet_gateway_requests_total/);
  });

  it('has health for everybody', async () => {
    for (const path of ['/livez', '/readyz', '/healthz']) {
      assert.equal((await ask(undefined, 'GET', path)).code, 200);
    }
  });

  it('is not on the main listener, nor are nodes here', async () => {
    const main = await scenario.curl('bob', `${API}/sessions`, '-w', '%{http_code}', '-o', '/dev/null');
    assert.equal(main.stdout.toString(), '404');
    assert.equal((await ask('alice', 'GET', '/nodes/node-1/metrics')).code, 404);
  });

  it('finds nothing by an id that is no id', async () => {
    for (const id of [
      '..',
      '../../etc/passwd',
      '%2e%2e',
      '..%2f..%2fetc%2fpasswd',
      ID.toUpperCase(),
      `${ID}.`,
      'x',
    ]) {
      for (const path of [
        `${API}/recordings/${id}`,
        `${API}/recordings/${id}/cast`,
        `${API}/sessions/${id}`,
      ]) {
        const { code } = await ask('bob', 'GET', path);
        assert.ok(code === 400 || code === 404, `${path}: ${code}`);
      }
    }
    for (const path of [`${API}/recordings/${ID}`, `${API}/sessions/${ID}`, `${API}/sessions/${ID}/follow`]) {
      assert.equal((await ask('bob', 'GET', path)).code, 404, path);
    }
    assert.equal((await ask('bob', 'DELETE', `${API}/caches/x`)).code, 404);
  });

  it('lists recordings, shows one, hands it out and deletes it, each in the audit log', async () => {
    const worker = work(
      {},
      'exec',
      'shell',
      '--',
      'sh',
      '-c',
      'printf "recorded \\033]52;c;eA==\\007 words"',
    );
    assert.equal((await worker.finished).code, 0);
    const stored = await eventually('a recording that is complete', async () => {
      const { code, body } = await ask('bob', 'GET', `${API}/recordings?user=alice&pod=shell`);
      assert.equal(code, 200, body);
      const { items } = JSON.parse(body) as { items: SessionObject[] };
      return items.find(({ status }) => status['state'] === 'complete');
    });
    const path = `${API}/recordings/${stored.metadata.name}`;
    const shown = JSON.parse((await ask('bob', 'GET', path)).body) as SessionObject;
    assert.ok((shown.status['manifest'] as string[])[0]?.includes('"kind":"Begin"'));
    const cast = await ask('bob', 'GET', `${path}/cast`);
    assert.equal(cast.code, 200);
    const lines = cast.body.trimEnd().split('\n');
    assert.equal((JSON.parse(lines[0] ?? '') as { version: number }).version, 3);
    assert.match(cast.body, /recorded .* words/);
    const table = await ask(
      'bob',
      'GET',
      `${API}/recordings`,
      'application/json;as=Table;v=v1;g=meta.k8s.io',
    );
    assert.ok(table.body.includes(stored.metadata.name));
    assert.equal((await ask('carol', 'GET', `${path}/cast`)).code, 403);
    const none = await ask('bob', 'GET', `${API}/recordings?user=somebody-else`);
    assert.deepEqual((JSON.parse(none.body) as { items: unknown[] }).items, []);
    assert.equal((await ask('bob', 'DELETE', path)).code, 200);
    for (const one of [path, `${path}/cast`]) assert.equal((await ask('bob', 'GET', one)).code, 404);
    assert.equal((await ask('bob', 'DELETE', path)).code, 404);
    for (const action of ['listRecordings', 'getRecording', 'readRecording', 'deleteRecording']) {
      const event = await eventOf(
        action,
        ({ annotations, user }) =>
          annotations?.['kubelet-gateway.io/action'] === action && user.username === 'bob',
      );
      assert.equal(event.objectRef?.resource, 'recordings');
    }
  });

  it('does not delete a recording that is being written', async () => {
    const worker = work({}, 'exec', '-i', 'shell', '--', 'sh');
    const { metadata } = await theSession();
    assert.equal((await ask('bob', 'DELETE', `${API}/recordings/${metadata.name}`)).code, 409);
    worker.type('exit\n');
    assert.equal((await worker.finished).code, 0);
    await noSession();
  });

  it('is understood by kubectl', async () => {
    const worker = work({}, 'exec', '-i', 'shell', '--', 'sh');
    const { metadata } = await theSession();
    const token = await scenario.environment.issueToken('bob');
    const args = [
      '--kubeconfig=/dev/null',
      `--cache-dir=${join(scenario.environment.directory, 'kubectl-cache')}`,
      `--server=https://127.0.0.1:${scenario.environment.adminPort}`,
      `--certificate-authority=${join(scenario.environment.directory, 'ca.crt')}`,
      `--token=${token}`,
    ];
    const listed = await run(kubectlPath(), [...args, 'get', 'sessions']);
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(listed.stdout.toString(), /^ID\s+USER\s+NODE\s+POD\s+ACTION\s+COMMAND/m);
    assert.match(
      listed.stdout.toString(),
      new RegExp(`^${metadata.name}\\s+alice\\s+node-1\\s+default/shell`, 'm'),
    );
    const deleted = await run(kubectlPath(), [...args, 'delete', 'session', metadata.name, '--wait=false']);
    assert.equal(deleted.code, 0, deleted.stderr);
    assert.notEqual((await worker.finished).code, 0);
  });

  it('lists for the command line, and its failures have words and a code', async () => {
    await noSession();
    const none = await cli('bob', 'list');
    assert.deepEqual([none.code, none.stderr], [0, 'No session runs.\n']);
    const refused = await cli('carol', 'list');
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^error: sessions is forbidden: User "carol" cannot list resource "sessions"/,
    );
    const missing = await cli('bob', 'kill', ID);
    assert.deepEqual(
      [missing.code, missing.stderr],
      [1, `error: sessions.kubelet-gateway.io "${ID}" not found\n`],
    );
    assert.equal((await cli('bob', 'kill', '../x')).code, 2);
    assert.equal((await cli('bob', 'frobnicate')).code, 2);
  });

  it('hands out the audit log, of a time when asked, and flushes caches', async () => {
    const all = await ask('bob', 'GET', `${API}/audits`);
    assert.equal(all.code, 200);
    const lines = all.body.trimEnd().split('\n');
    assert.ok(lines.length > 20);
    for (const line of lines) JSON.parse(line);
    const later = await ask('bob', 'GET', `${API}/audits?since=2100-01-01T00:00:00Z`);
    assert.deepEqual([later.code, later.body], [200, '']);
    assert.equal((await ask('bob', 'GET', `${API}/audits?since=yesterday`)).code, 400);
    assert.equal((await ask('bob', 'DELETE', `${API}/caches/tokens`)).code, 200);
    // There are no SubjectAccessReviews in this configuration.
    assert.equal((await ask('bob', 'DELETE', `${API}/caches/sar`)).code, 404);
  });
});
