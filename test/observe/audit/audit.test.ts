// The audit log as the line uses it: modes, outputs, policy, and what survives a crash.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { after, describe, it } from 'node:test';
import type { AuditMode } from '../../../src/core/configuration.ts';
import { Fault } from '../../../src/core/fault.ts';
import { systemClock } from '../../../src/core/ports.ts';
import type { AuditOptions } from '../../../src/observe/audit/audit.ts';
import { createAudit } from '../../../src/observe/audit/audit.ts';
import { createMetrics } from '../../../src/observe/metrics/metrics.ts';
import { createKeptLog } from '../../support/kept-log.ts';
import { execAction, resolved } from '../evidence.ts';
import { KeptStream, parseEvents } from './events.ts';

const folder = await mkdtemp(join(tmpdir(), 'audit-'));
after(() => rm(folder, { recursive: true, force: true }));

const limits = { maxBytes: 0, maxAgeMs: 0, maxFiles: 0 };
const FULL = { file: { path: '/dev/full', ...limits } };
const hasFull = existsSync('/dev/full');

async function create(options: Partial<AuditOptions> = {}) {
  const log = createKeptLog();
  const metrics = createMetrics({ version: 'test' });
  const audit = await createAudit(
    { clock: systemClock, log, metrics },
    { mode: 'blocking-strict', fsync: false, stdout: false, ...options },
  );
  return { audit, log, metrics };
}

async function valueOf(metrics: { render(): Promise<{ body: string }> }, series: string): Promise<number> {
  const { body } = await metrics.render();
  const line = body.split('\n').find((text) => text.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

describe('a disk that is full', { skip: !hasFull && 'there is no /dev/full' }, () => {
  it('refuses the exchange in mode blocking-strict', async () => {
    const { audit, log, metrics } = await create(FULL);
    const exchange = resolved({});
    await assert.rejects(
      audit.observer(exchange).received(exchange) ?? Promise.resolve(),
      (error: unknown) => {
        assert.ok(error instanceof Fault);
        assert.equal(error.reason, 'InternalError');
        assert.equal(error.message, 'failed to store audit event');
        return true;
      },
    );
    assert.equal(audit.problem(), 'audit events cannot be stored (ENOSPC)');
    assert.equal(await valueOf(metrics, 'kubelet_gateway_audit_errors_total{sink="file"}'), 1);
    await audit.close();
    assert.equal(await valueOf(metrics, 'kubelet_gateway_audit_dropped_total{sink="file"}'), 1);
    assert.equal(log.lines[0]?.message, 'audit events could not be stored');
  });
  it('ends a stream whose start cannot be recorded in mode blocking-strict', async () => {
    const { audit } = await create({
      ...FULL,
      policy: { rules: [{ level: 'Metadata' }], omitStages: ['RequestReceived'] },
    });
    const exec = resolved({ action: execAction });
    const observation = audit.observer(exec);
    assert.equal(observation.received(exec), undefined);
    const ended = new Promise((resolve) => exec.lifetime.onEnd(resolve));
    observation.started(101);
    assert.equal(await ended, 'auditFailed');
    await audit.close();
  });
  for (const mode of ['blocking', 'batch'] as const satisfies readonly AuditMode[]) {
    it(`refuses nothing in mode ${mode}`, async () => {
      const { audit } = await create({ ...FULL, mode });
      const exec = resolved({ action: execAction });
      const observation = audit.observer(exec);
      await observation.received(exec);
      observation.started(101);
      observation.complete({ code: 101 });
      await audit.close();
      assert.equal(exec.lifetime.ended, false);
      assert.match(audit.problem() ?? '', /ENOSPC/);
    });
  }
  it('counts as a failure when standard output has taken the event', async () => {
    const stream = new KeptStream();
    const { audit } = await create({ ...FULL, stdout: stream });
    const exchange = resolved({});
    await assert.rejects(audit.observer(exchange).received(exchange) ?? Promise.resolve(), Fault);
    assert.equal(parseEvents(stream.text).length, 1);
    await audit.close();
  });
});

describe('outputs', () => {
  it('are a file and standard output, with the same lines', async () => {
    const path = join(folder, 'both.log');
    const stream = new KeptStream();
    const { audit } = await create({ file: { path, ...limits }, stdout: stream, fsync: true });
    const exchange = resolved({});
    const observation = audit.observer(exchange);
    await observation.received(exchange);
    assert.equal(await readFile(path, 'utf8'), stream.text);
    assert.equal(parseEvents(stream.text).length, 1);
    observation.complete({ code: 200 });
    await audit.close();
    assert.equal(await readFile(path, 'utf8'), stream.text);
    assert.equal(parseEvents(stream.text).length, 2);
  });
  it('cannot be none', async () => {
    await assert.rejects(create(), /needs a file, standard output, or both/);
  });
  it('refuse exchanges when standard output is closed', async () => {
    const broken = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('broken pipe'), { code: 'EPIPE' })),
    });
    const { audit } = await create({ stdout: broken });
    for (let i = 0; i < 2; i += 1) {
      const exchange = resolved({});
      await assert.rejects(audit.observer(exchange).received(exchange) ?? Promise.resolve(), Fault);
    }
    assert.equal(audit.problem(), 'audit events cannot be stored (EPIPE)');
    await audit.close();
  });
  it('are opened anew for logrotate', async () => {
    const path = join(folder, 'moved.log');
    const { audit } = await create({ file: { path, ...limits } });
    const exchange = resolved({});
    const observation = audit.observer(exchange);
    await observation.received(exchange);
    await rename(path, `${path}.1`);
    await audit.reopen();
    observation.complete({ code: 200 });
    await audit.close();
    assert.equal(parseEvents(await readFile(`${path}.1`, 'utf8')).length, 1);
    assert.equal(parseEvents(await readFile(path, 'utf8')).length, 1);
  });
});

describe('the policy', () => {
  it('leaves out what it says, for the whole exchange', async () => {
    const stream = new KeptStream();
    const { audit } = await create({
      stdout: stream,
      policy: {
        rules: [
          { level: 'None', resources: [{ resources: ['nodes/metrics'] }] },
          { level: 'RequestResponse', omitStages: ['RequestReceived'] },
        ],
        omitStages: ['ResponseStarted'],
      },
    });
    const metrics = resolved({
      action: { kind: 'metrics', endpoint: 'kubelet' },
      requirement: [question('metrics')],
    });
    for (const exchange of [metrics, resolved({ action: execAction })]) {
      const observation = audit.observer(exchange);
      assert.equal(observation.received(exchange), undefined);
      observation.started(200);
      observation.complete({ code: 200 });
    }
    await audit.close();
    assert.deepEqual(
      parseEvents(stream.text).map(({ stage, level }) => [stage, level]),
      [['ResponseComplete', 'RequestResponse']],
    );
  });
  it('may change; a running exchange keeps its own', async () => {
    const stream = new KeptStream();
    const { audit } = await create({ stdout: stream });
    const exchange = resolved({});
    const running = audit.observer(exchange);
    await running.received(exchange);
    audit.reconfigure({ rules: [{ level: 'None' }], omitStages: [] });
    running.complete({ code: 200 });
    assert.equal(audit.observer(exchange).received(exchange), undefined);
    audit.reconfigure(undefined);
    await audit.observer(exchange).received(exchange);
    await audit.close();
    assert.deepEqual(
      parseEvents(stream.text).map(({ stage }) => stage),
      ['RequestReceived', 'ResponseComplete', 'RequestReceived'],
    );
  });
});

const question = (subresource: string) =>
  ({
    verb: 'get',
    apiGroup: '',
    version: 'v1',
    resource: 'nodes',
    subresource,
    namespace: '',
    name: 'node-1',
  }) as const;

const AUDIT_FILE = new URL('../../../src/observe/audit/audit.ts', import.meta.url).href;
const EVIDENCE_FILE = new URL('../evidence.ts', import.meta.url).href;
const PORTS_FILE = new URL('../../../src/core/ports.ts', import.meta.url).href;

/** Begins exchanges without end and says the number of each whose event is stored. */
const WRITER = `
  import { writeSync } from 'node:fs';
  const { createAudit } = await import(${JSON.stringify(AUDIT_FILE)});
  const { resolved } = await import(${JSON.stringify(EVIDENCE_FILE)});
  const { systemClock } = await import(${JSON.stringify(PORTS_FILE)});
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const metrics = { auditEvents() {}, auditErrors() {}, auditDropped() {} };
  const audit = await createAudit({ clock: systemClock, log, metrics },
    { mode: 'blocking-strict', fsync: false, stdout: false,
      file: { path: process.argv[1], maxBytes: 0, maxAgeMs: 0, maxFiles: 0 } });
  let next = 0;
  const begin = async () => {
    for (;;) {
      const number = next++;
      const exchange = { ...resolved({}), auditId: 'n' + number };
      await audit.observer(exchange).received(exchange);
      writeSync(1, number + '\\n');
    }
  };
  for (let i = 0; i < 8; i++) begin();
`;

describe('kill -9', () => {
  it('loses no event for which an exchange has stopped waiting', async () => {
    const path = join(folder, 'killed.log');
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const stored: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      stored.push(line);
      if (stored.length === 300) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    assert.equal(child.signalCode, 'SIGKILL');
    const text = await readFile(path, 'utf8');
    const ids = new Set(parseEvents(text.slice(0, text.lastIndexOf('\n') + 1)).map(({ auditID }) => auditID));
    assert.deepEqual(
      stored.filter((number) => !ids.has(`n${number}`)),
      [],
    );
  });
});
