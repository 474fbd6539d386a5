// The gateway over its life: reloads, rotated credentials, limits of sessions, a drain, a sudden death, and an audit log
// that loses nothing in any of them.

import assert from 'node:assert/strict';
import { copyFile, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, describe, it } from 'node:test';
import type { AuditEvent, Scenario } from '../support/scenario.ts';
import type { SimulatedKubelet } from '../../demo/kubelet/kubelet.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, ask, bearer, head } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { startTicker } from '../support/ticker.ts';

let scenario: Scenario;
let alice: string;
let bob: string;

const start = async (configure?: (yaml: string) => string): Promise<void> => {
  scenario = await startScenario(configure === undefined ? {} : { configure });
  [alice, bob] = await Promise.all([
    scenario.environment.issueToken('alice'),
    scenario.environment.issueToken('bob'),
  ]);
};
const kubelet = (): SimulatedKubelet => {
  const found = scenario.environment.kubelets.get('node-1');
  assert.ok(found !== undefined);
  return found;
};
const status = async (token: string, target: string): Promise<number> =>
  (await ask(scenario, head('GET', target, bearer(token)))).code;
const becomes = (code: number, token: string, target: string): Promise<true> =>
  eventually(`${code} of ${target}`, async () => ((await status(token, target)) === code ? true : undefined));

const admin = (path: string): Promise<{ code: number; body: string }> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: scenario.environment.adminPort, path, agent: false }, (response) => {
      text(response).then((body) => resolve({ code: response.statusCode ?? 0, body }), reject);
    })
      .on('error', reject)
      .end();
  });
const metric = async (pattern: RegExp): Promise<number> =>
  Number(pattern.exec((await admin('/metrics')).body)?.[1]);

/** Every exchange has its beginning and its one end. */
function assertComplete(events: readonly AuditEvent[]): void {
  const stages = new Map<string, string[]>();
  for (const { auditID, stage } of events) stages.set(auditID, [...(stages.get(auditID) ?? []), stage]);
  for (const [id, seen] of stages) {
    assert.equal(seen[0], 'RequestReceived', id);
    assert.equal(seen.at(-1), 'ResponseComplete', id);
    assert.equal(seen.filter((stage) => stage === 'ResponseComplete').length, 1, id);
  }
}

describe('a running gateway', () => {
  before(() => start());
  after(() => closeAll(scenario));

  const file = (name: string): string => join(scenario.environment.directory, name);
  const edit = async (name: string, change: (content: string) => string): Promise<void> => {
    await writeFile(`${file(name)}.next`, change(await readFile(file(name), 'utf8')));
    await rename(`${file(name)}.next`, file(name));
  };

  it('serves a node that was added, on SIGHUP', async () => {
    assert.equal(await status(alice, '/nodes/node-4/healthz'), 404);
    for (const role of ['reader', 'operator']) {
      for (const ending of ['crt', 'key']) {
        await copyFile(file(`pki/node-1-${role}.${ending}`), file(`pki/node-4-${role}.${ending}`));
      }
    }
    await edit('gateway.yaml', (yaml) =>
      yaml.replace(
        /( +- \{ name: node-1, .*\n)/,
        (line) => line + line.replace('name: node-1', 'name: node-4'),
      ),
    );
    scenario.gateway.signal('SIGHUP');
    await becomes(200, alice, '/nodes/node-4/healthz');
  });

  it('follows a change of its files without a signal, and keeps running sessions', async () => {
    const ticker = await startTicker(scenario, alice);
    await ticker.ticks();
    assert.equal(await status(alice, '/nodes/node-1/configz'), 200);
    await edit('gateway.yaml', (yaml) => yaml.replace('  - { credential: operator }\n', ''));
    await becomes(403, alice, '/nodes/node-1/configz');
    const refused = await ask(scenario, head('GET', '/nodes/node-1/configz', bearer(alice)));
    assert.match(refused.body, /credential/);
    await ticker.ticks();
    await edit('gateway.yaml', (yaml) =>
      yaml.replace(/(credential: reader, actions.*\n)/, '$1  - { credential: operator }\n'),
    );
    await becomes(200, alice, '/nodes/node-1/configz');

    assert.equal(await status(bob, '/nodes/node-1/metrics'), 200);
    await edit('rbac.yaml', (yaml) => yaml.replace('name: bob }', 'name: nobody }'));
    scenario.gateway.signal('SIGHUP');
    await becomes(403, bob, '/nodes/node-1/metrics');
    await edit('rbac.yaml', (yaml) => yaml.replace('name: nobody }', 'name: bob }'));
    scenario.gateway.signal('SIGHUP');
    await becomes(200, bob, '/nodes/node-1/metrics');
    await ticker.ticks();
    ticker.client.destroy();
  });

  it('keeps the last good configuration when the files are broken, and says so', async () => {
    const gauge = /^\S*config_last_reload_successful (\d)$/m;
    assert.equal(await metric(gauge), 1);
    let good = '';
    await edit('gateway.yaml', (yaml) => {
      good = yaml;
      return yaml.replace('mode: RBAC', 'mode: RBCA').replace('nodes:', 'nodez:');
    });
    await eventually('the gauge', async () => ((await metric(gauge)) === 0 ? true : undefined));
    assert.equal(await status(alice, '/nodes/node-1/configz'), 200);
    const log = await scenario.gatewayLog();
    assert.match(log, /the last good one stays in force/);
    assert.match(log, /authorization\.mode/, 'each problem with its path');
    assert.match(log, /nodez/);
    await edit('gateway.yaml', () => good);
    scenario.gateway.signal('SIGHUP');
    await eventually('the gauge', async () => ((await metric(gauge)) === 1 ? true : undefined));
  });

  it('uses replaced credential files at the next dial, and drops no running session', async () => {
    const ticker = await startTicker(scenario, alice, 'node-2');
    const node = scenario.environment.kubelets.get('node-2');
    assert.equal(node?.requests.at(-1)?.user?.name, 'gateway-operator:node-2');
    const swap = async (from: string, to: string): Promise<void> => {
      for (const ending of ['key', 'crt']) await copyFile(file(`${from}.${ending}`), file(`${to}.${ending}`));
    };
    await swap('pki/node-2-operator', 'kept');
    await swap('pki/node-2-reader', 'pki/node-2-operator');
    // The reader may not read configz at the kubelet: the gateway says that its credential was refused.
    await becomes(502, alice, '/nodes/node-2/configz');
    assert.equal(node.requests.at(-1)?.user?.name, 'gateway-reader:node-2');
    await ticker.ticks();
    await swap('kept', 'pki/node-2-operator');
    scenario.gateway.signal('SIGHUP');
    await becomes(200, alice, '/nodes/node-2/configz');
    await ticker.ticks();
    ticker.client.destroy();
  });

  it('reopens its audit log on SIGHUP', async () => {
    await rename(file('audit.log'), file('audit.log.1'));
    scenario.gateway.signal('SIGHUP');
    await eventually('a new file', () =>
      readFile(file('audit.log')).then(
        () => true,
        () => undefined,
      ),
    );
    const { headers } = await ask(scenario, head('GET', '/nodes/node-1/healthz', bearer(alice)));
    await eventually('the event', async () =>
      (await scenario.auditEvents()).find(({ auditID }) => auditID === headers.get('audit-id')),
    );
  });
});

describe('a session', () => {
  before(() =>
    start(
      (yaml) =>
        `${yaml}sessions: { containerLogs: { idle: 1s }, attach: { absolute: 1s }, credentialExpiryGrace: 1s }\n`,
    ),
  );
  after(() => closeAll(scenario));

  const endOf = (auditId: string): Promise<AuditEvent> =>
    eventually('the end in the audit log', async () =>
      (await scenario.auditEvents()).find(
        ({ auditID, stage }) => auditID === auditId && stage === 'ResponseComplete',
      ),
    );

  it('ends when the token that opened it has expired and its grace has passed', async () => {
    const token = await scenario.environment.issueToken('alice', 2);
    const ticker = await startTicker(scenario, token);
    await ticker.ticks();
    await ticker.client.closed;
    assert.match(JSON.stringify(await endOf(ticker.auditId)), /credentialExpired/);
    // Beyond the clock skew that is allowed it does not open another.
  });

  it('ends when nothing was said for its idle time', async () => {
    const client = await RawClient.open(scenario);
    client.send(head('GET', '/nodes/node-1/containerLogs/default/web/web?follow=true', bearer(alice)));
    const { headers } = await client.readHead();
    await client.closed;
    assert.match(JSON.stringify(await endOf(headers.get('audit-id') ?? '')), /idleTimeout/);
  });
});

describe('a gateway that is told to stop', () => {
  before(() => start((yaml) => yaml.replace('grace: 5s', 'grace: 2s')));
  after(() => closeAll(scenario));

  it('refuses what is new, gives what runs its grace, and has written everything when it ends with 0', async () => {
    const ticker = await startTicker(scenario, alice);
    const idle = await RawClient.open(scenario);
    idle.send(head('GET', '/nodes/node-1/healthz', bearer(alice)));
    assert.equal((await idle.readAnswer()).code, 200);
    assert.equal((await admin('/readyz')).code, 200);
    scenario.gateway.signal('SIGTERM');
    await eventually('not ready', async () => ((await admin('/readyz')).code === 500 ? true : undefined));
    assert.equal((await admin('/livez')).code, 200);
    await idle.closed;
    const refused = await ask(scenario, head('GET', '/nodes/node-1/healthz', bearer(alice)));
    assert.equal(refused.code, 503);
    assert.match(refused.body, /shutting down/);
    await ticker.ticks();
    await ticker.client.closed;
    assert.equal(await scenario.gateway.ended, 0);
    const events = await scenario.auditEvents();
    assertComplete(events);
    const last = events.find(
      ({ auditID, stage }) => auditID === ticker.auditId && stage === 'ResponseComplete',
    );
    assert.match(JSON.stringify(last), /draining/);
  });
});

describe('a gateway that dies', () => {
  before(() => start());
  after(() => closeAll(scenario));

  it('has the beginning of every request in its audit log that a node saw', async () => {
    const sent = 400;
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.open(scenario)));
    let next = 0;
    const work = clients.map(async (client) => {
      while (next < sent) {
        next += 1;
        if (next === 300) scenario.gateway.signal('SIGKILL');
        client.send(
          head('GET', `/nodes/node-1/containerLogs/default/web/web?tailLines=${next}`, bearer(alice)),
        );
        await client.readAnswer();
      }
    });
    await Promise.allSettled(work);
    await scenario.gateway.ended;
    const log = await readFile(join(scenario.environment.directory, 'audit.log'), 'utf8');
    const received = new Set<string>();
    for (const line of log.split('\n')) {
      // The last line may be torn: its request reached no node.
      const tail = /"stage":"RequestReceived".*tailLines=(\d+)"/.exec(line)?.[1];
      if (tail !== undefined) received.add(tail);
    }
    const seen = kubelet().requests.map(({ target }) => /tailLines=(\d+)/.exec(target)?.[1] ?? '');
    assert.ok(seen.length > 100, `${seen.length} requests`);
    for (const tail of seen) assert.ok(received.has(tail), `tailLines=${tail} has no event`);
  });
});

describe('an audit log', () => {
  afterEach(() => closeAll(scenario));

  it('loses nothing when it rotates under load', async () => {
    await start((yaml) =>
      yaml.replace('file: { path: audit.log }', 'file: { path: audit.log, maxSize: 1Mi }'),
    );
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.open(scenario)));
    const ids: string[] = [];
    // Long targets fill the file fast.
    const padding = 'x'.repeat(4000);
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 60; i += 1) {
          client.send(
            head(
              'GET',
              `/nodes/node-1/healthz?exclude=${padding.slice(0, 100)}&verbose=${padding}`,
              bearer(alice),
            ),
          );
          const { code, headers } = await client.readAnswer();
          assert.equal(code, 200);
          ids.push(headers.get('audit-id') ?? '');
        }
        client.destroy();
      }),
    );
    scenario.gateway.signal('SIGTERM');
    assert.equal(await scenario.gateway.ended, 0);
    const { directory } = scenario.environment;
    const names = (await readdir(directory)).filter((name) => /^audit.*\.log$/.test(name)).sort();
    assert.ok(names.length > 2, names.join());
    const events: AuditEvent[] = [];
    // `audit-TIME.log` sorts before `audit.log`: the oldest comes first.
    for (const name of names) {
      for (const line of (await readFile(join(directory, name), 'utf8')).trimEnd().split('\n')) {
        events.push(JSON.parse(line) as AuditEvent);
      }
    }
    assertComplete(events);
    const known = new Set(events.map(({ auditID }) => auditID));
    assert.equal(ids.length, 480);
    for (const id of ids) assert.ok(known.has(id), id);
  });

  it('that cannot be written stops every request before a node is dialled', async () => {
    await start((yaml) => yaml.replace('file: { path: audit.log }', 'file: { path: /dev/full }')).catch(
      (error: unknown) => {
        // Not ready is an answer too, but the process must say why.
        assert.match(String(error), /audit/);
        throw error;
      },
    );
    const node = kubelet();
    const before = node.requests.length;
    for (const lines of [
      [],
      ['Connection: Upgrade', 'Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: v4.channel.k8s.io'],
    ]) {
      const path =
        lines.length === 0
          ? '/nodes/node-1/healthz'
          : '/nodes/node-1/exec/default/shell/shell?command=id&output=1';
      const got = await ask(scenario, head('GET', path, bearer(alice), ...lines));
      assert.equal(got.code, 500, got.body);
      assert.match(got.body, /failed to store audit event/);
      assert.doesNotMatch(got.body, /dev\/full|ENOSPC/);
    }
    assert.equal(node.requests.length, before);
    assert.equal((await admin('/readyz')).code, 500);
    assert.ok((await metric(/^\S*audit_errors_total\{sink="file"\} (\d+)$/m)) >= 1);
  });
});
