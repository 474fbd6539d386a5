// What a SIGHUP meets that cannot be done: the gateway says so, goes on, and heeds the next one.

import assert from 'node:assert/strict';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';

let scenario: Scenario;
before(async () => {
  scenario = await startScenario();
});
after(() => closeAll(scenario));

const said = async (words: string): Promise<true | undefined> =>
  (await scenario.gatewayLog()).includes(words) ? true : undefined;

describe('a SIGHUP while the audit file cannot be opened', () => {
  it('does not end the gateway, and does not keep it from reloading later', async () => {
    const path = join(scenario.environment.directory, 'audit.log');
    await rename(path, `${path}.1`);
    await mkdir(path);
    scenario.gateway.signal('SIGHUP');
    await eventually('a word about it', () => said('the audit log could not be opened anew'));
    await eventually('the reload that belongs to it', () => said('configuration reloaded'));

    await rm(path, { recursive: true });
    scenario.gateway.signal('SIGHUP');
    await eventually('an audit file', async () => {
      const { stdout } = await scenario.curl('alice', '/nodes/node-1/healthz');
      assert.equal(stdout.toString(), 'ok');
      return (await scenario.auditEvents().catch(() => [])).length > 0 ? true : undefined;
    });
  });
});

describe('a SIGHUP with the end close behind it', () => {
  it('does not make a crash of the end: what was read is given up', async (t) => {
    const scenario = await startScenario();
    t.after(() => closeAll(scenario));
    // Reading the configuration takes longer than ending does while nothing runs.
    scenario.gateway.signal('SIGHUP');
    scenario.gateway.signal('SIGTERM');
    assert.equal(await scenario.gateway.ended, 0);
  });
});
