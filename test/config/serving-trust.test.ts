// What a kubelet's serving certificate must be, as it is configured for a node.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { JsonObject, SetUp } from './set-up.ts';
import { createSetUp, load, minimal, problemsOf, warningsOf } from './set-up.ts';

let setUp: SetUp;
before(async () => {
  setUp = await createSetUp();
});

const PIN = `sha256/${'A'.repeat(43)}=`;
const OTHER = `sha256/${'B'.repeat(42)}A=`;
const CA = 'kubelet-ca.crt';

const read = (...nodes: readonly JsonObject[]) =>
  load(setUp, {
    ...minimal(),
    nodes: { list: nodes.map((node, i) => ({ name: `node-${i + 1}`, address: '10.0.0.11', ...node })) },
  });
const trustOf = async (node: JsonObject) => {
  const result = await read(node);
  assert.ok(result.ok, JSON.stringify(problemsOf(result)));
  const { source } = result.configuration.nodes;
  assert.ok(source.kind === 'list');
  const [first] = source.nodes;
  assert.ok(first);
  return { serverName: first.serverName, hasAuthority: first.certificateAuthority !== '', pins: first.pins };
};

describe('the trust in a node', () => {
  it('is an authority and the name of the node, unless it is said otherwise', async () => {
    assert.deepEqual(await trustOf({ certificateAuthorityFile: CA }), {
      serverName: 'node-1',
      hasAuthority: true,
      pins: undefined,
    });
  });

  it("may be the subject of Kubernetes' own signer", async () => {
    const trust = await trustOf({ certificateAuthorityFile: CA, serverName: 'system:node:{node}' });
    assert.equal(trust.serverName, 'system:node:node-1');
  });

  it('may be a key, or several while it is changed, with an authority or without', async () => {
    const pins = ['A'.repeat(43) + '=', `${'B'.repeat(42)}A=`];
    const alone = await trustOf({ certificatePins: [PIN, OTHER] });
    assert.deepEqual(alone, { serverName: 'node-1', hasAuthority: false, pins });
    const both = await trustOf({ certificateAuthorityFile: CA, certificatePins: [PIN] });
    assert.deepEqual(both, { serverName: 'node-1', hasAuthority: true, pins: pins.slice(0, 1) });
  });

  const NAME = 'serverName: must be a host name, an IP address without brackets, or system:node:{node}';
  const FORM =
    'certificatePins[0]: must be sha256/ and a SHA-256 digest in base64: 44 characters, of which the last is =';
  const rows: readonly [JsonObject, string][] = [
    [{}, 'certificateAuthorityFile: is required, unless there are certificatePins'],
    [{ certificatePins: [] }, 'certificatePins: must name at least one pin'],
    [{ certificatePins: [PIN, PIN] }, 'certificatePins[1]: this pin is listed twice'],
    [{ certificatePins: ['A'.repeat(43) + '='] }, FORM],
    [{ certificatePins: [`sha1/${'A'.repeat(27)}=`] }, FORM],
    [{ certificatePins: [`sha256/${'A'.repeat(42)}B=`] }, FORM],
    [{ certificatePins: [`sha256//${'A'.repeat(41)}A=\n`] }, FORM],
    [
      { certificatePins: [PIN], serverName: 'node-1' },
      'serverName: is not looked at without a certificateAuthorityFile: the pins say which key is trusted',
    ],
    [{ certificateAuthorityFile: CA, serverName: 'system:node:node-1' }, NAME],
    [{ certificateAuthorityFile: CA, serverName: 'system:node:{node}x' }, NAME],
    [{ certificateAuthorityFile: CA, serverName: '{node}' }, NAME],
    [{ certificateAuthorityFile: CA, serverName: 'system:masters' }, NAME],
  ];
  for (const [node, problem] of rows) {
    it(`is refused as ${JSON.stringify(node).slice(0, 60)}`, async () => {
      assert.deepEqual(problemsOf(await read(node)), [`nodes.list[0].${problem}`]);
    });
  }

  it('is warned of when two nodes have one key', async () => {
    const result = await read({ certificatePins: [PIN] }, { certificatePins: [OTHER, PIN] });
    assert.deepEqual(problemsOf(result), []);
    assert.match(
      warningsOf(result).join('\n'),
      /nodes\.list\[1\]\.certificatePins\[1\]: node node-1 has this key too/,
    );
  });
});
