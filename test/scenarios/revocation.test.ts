// A right that is taken away is gone when the configuration says so, and not when an identity provider has answered.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';

/** It is reached, and says nothing: fetching its keys takes as long as fetching may. */
const sockets = new Set<Socket>();
const silent = createServer((socket) => sockets.add(socket.on('error', () => undefined)));

let scenario: Scenario;
before(async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  scenario = await startScenario();
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  await closeAll(scenario, silent);
});

const codeOf = async (path: string): Promise<string> =>
  (await scenario.curl('bob', path, '-o', '/dev/null', '-w', '%{http_code}')).stdout.toString();

describe('a reload that takes a right away', () => {
  it('does not wait for a silent identity provider', async () => {
    assert.equal(await codeOf('/nodes/node-1/metrics'), '200');
    const address = silent.address();
    assert.ok(address !== null && typeof address === 'object');
    const { directory } = scenario.environment;
    await appendFile(
      join(directory, 'authentication.yaml'),
      [
        '  - issuer:',
        `      url: https://127.0.0.1:${address.port}`,
        '      audiences: [kubelet-gateway]',
        '    claimMappings:',
        '      username: { claim: sub, prefix: "silent:" }',
        '',
      ].join('\n'),
    );
    const rbac = await readFile(join(directory, 'rbac.yaml'), 'utf8');
    await writeFile(join(directory, 'rbac.yaml'), rbac.replaceAll('nodes/metrics', 'nodes/nothing'));
    scenario.gateway.signal('SIGHUP');
    await eventually('a fetch of the keys', () => (sockets.size > 0 ? true : undefined));
    assert.equal(await codeOf('/nodes/node-1/metrics'), '403');
    assert.equal(await codeOf('/nodes/node-1/pods'), '200');
  });
});
