// Every request of the probe table, asked of the simulator as alice, bob, carol, the API server, nobody and somebody with
// a certificate of a foreign authority: the same status, and the same body where it does not speak of the machine.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask, startTestNode } from './clients.ts';
import type { TestNode } from './clients.ts';

interface Probe {
  readonly method: string;
  readonly path: string;
  readonly by: Readonly<
    Record<string, { readonly status: number; readonly body: string; readonly type: string | null }>
  >;
}

const isProbe = (value: unknown): value is Probe =>
  typeof value === 'object' && value !== null && 'method' in value && 'path' in value && 'by' in value;

const readProbes = (): readonly Probe[] => {
  const text = readFileSync(new URL('../fixtures/http/probe.json', import.meta.url), 'utf8');
  const probes: unknown = JSON.parse(text);
  assert.ok(Array.isArray(probes) && probes.every(isProbe));
  return probes;
};

const IDENTITIES = ['none', 'alice', 'bob', 'carol', 'apiserver-client', 'wrong-ca'];

/** Rows that are not replayed, and why. */
const LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ['FOO /pods', "Node's HTTP parser knows no method FOO and answers 400 itself"],
]);

/** Rows whose body is the machine's. */
const OWN_WORDS = /^\/(checkpoint|debug\/pprof|run)\//;

describe('the simulated kubelet against the probe table', () => {
  const logDirectory = mkdtempSync(join(tmpdir(), 'node-logs-'));
  let node: TestNode;
  before(async () => {
    writeFileSync(join(logDirectory, 'dpkg.log'), 'startup archives unpack\n');
    node = await startTestNode({ logDirectory });
  });
  after(async () => {
    await node.kubelet.close();
    rmSync(logDirectory, { recursive: true });
  });

  for (const probe of readProbes()) {
    const name = `${probe.method} ${probe.path}`;
    const reason = LEFT_OUT.get(name);
    it(name, { skip: reason ?? false }, async () => {
      for (const identity of IDENTITIES) {
        const expected: Probe['by'][string] | undefined = probe.by[identity];
        assert.ok(expected, identity);
        const as = identity === 'none' ? undefined : identity;
        const answer = await ask(node, as, probe.method, probe.path);
        assert.equal(answer.status, expected.status, `${identity}: ${answer.body}`);
        assert.equal(answer.header('content-type') ?? null, expected.type, identity);
        if (answer.status >= 300 && !OWN_WORDS.test(probe.path))
          assert.equal(answer.body, expected.body, identity);
        assert.equal(answer.header('connection'), undefined);
        assert.equal(answer.header('www-authenticate'), undefined);
      }
    });
  }
});
