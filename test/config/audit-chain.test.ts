// The chain of the audit section: what it becomes, and what is said of mistakes in it.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { generateSigningKey } from '../../src/chain/jws.ts';
import type { JsonObject, SetUp } from './set-up.ts';
import { FOLDER, createSetUp, load, minimal, problemsOf, warningsOf } from './set-up.ts';

let setUp: SetUp;
let key: string;
before(async () => {
  setUp = await createSetUp();
  key = (await generateSigningKey()).privateKey;
});

const withChain = (
  chain: JsonObject | undefined,
  audit: JsonObject = { file: { path: 'a.log' } },
): JsonObject => ({
  ...minimal(),
  audit: { ...audit, ...(chain && { chain }) },
});
const loadChain = (chain: JsonObject | undefined, audit?: JsonObject) =>
  load(setUp, withChain(chain, audit), { 'key.pem': key, 'rsa.pem': setUp.key, 'none.pem': 'SECRET' });
const aboutChain = (texts: readonly string[]): readonly string[] =>
  texts.filter((text) => text.startsWith('audit'));

describe('the chain of the audit section', () => {
  it('is there with a file, signs nothing without a key, and says so', async () => {
    const result = await loadChain(undefined);
    assert.ok(result.ok);
    assert.deepEqual(result.configuration.audit.chain, {
      checkpoint: { maxAgeMs: 10_000, maxEvents: 1000 },
      secondSink: { stdout: false },
    });
    assert.match(
      aboutChain(warningsOf(result)).join(),
      /^audit\.chain: the audit file is chained and nothing signs it/,
    );
  });
  it('is not there without a file, or when it is switched off', async () => {
    for (const result of [
      await loadChain(undefined, { stdout: true }),
      await loadChain({ enabled: false }),
    ]) {
      assert.ok(result.ok);
      assert.equal(result.configuration.audit.chain, undefined);
      assert.deepEqual(aboutChain(warningsOf(result)), []);
    }
  });
  it('becomes typed values, and the key is a secret', async () => {
    const result = await loadChain({
      signingKeyFile: 'key.pem',
      checkpoint: { maxAge: '1s', maxEvents: 50 },
      required: true,
      maxUnsigned: 200,
      secondSink: { file: 'checkpoints', stdout: true },
    });
    assert.deepEqual(problemsOf(result), []);
    assert.ok(result.ok);
    const { signer, ...rest } = result.configuration.audit.chain ?? {};
    assert.deepEqual(rest, {
      checkpoint: { maxAgeMs: 1000, maxEvents: 50 },
      maxUnsigned: 200,
      secondSink: { path: `${FOLDER}/checkpoints`, stdout: true },
    });
    assert.equal(signer?.kind, 'key');
    assert.equal(JSON.stringify(signer), '{"kind":"key","key":"[redacted]"}');
    assert.deepEqual(aboutChain(warningsOf(result)), []);
    assert.ok(result.files.includes(`${FOLDER}/key.pem`));
  });
  it('may have a signer apart', async () => {
    const result = await loadChain({ signer: { socket: '/run/signer' } });
    assert.ok(result.ok);
    assert.deepEqual(result.configuration.audit.chain?.signer, {
      kind: 'socket',
      socket: '/run/signer',
      timeoutMs: 2000,
    });
    assert.deepEqual(aboutChain(warningsOf(result)), []);
  });
  it('warns where checkpoints are in the log alone', async () => {
    const result = await loadChain({ signingKeyFile: 'key.pem' });
    assert.match(aboutChain(warningsOf(result)).join(), /without a secondSink/);
  });

  const rows: readonly (readonly [string, JsonObject, RegExp, JsonObject?])[] = [
    [
      'a key of another kind',
      { signingKeyFile: 'rsa.pem' },
      /signingKeyFile: it is a key of type (ec|rsa), not Ed25519/,
    ],
    ['no key at all', { signingKeyFile: 'none.pem' }, /signingKeyFile: it is not a private key in PEM/],
    ['a key that is not there', { signingKeyFile: 'nowhere.pem' }, /signingKeyFile: cannot read/],
    [
      'two who sign',
      { signingKeyFile: 'key.pem', signer: { socket: 's' } },
      /chain\.signer: either a signer, or/,
    ],
    [
      'signatures required of nobody',
      { required: true },
      /chain\.required: needs a signingKeyFile or a signer/,
    ],
    [
      'a second sink for nothing',
      { secondSink: { stdout: true } },
      /chain\.secondSink: needs a signingKeyFile/,
    ],
    [
      'a key for a chain that is off',
      { enabled: false, signingKeyFile: 'key.pem', required: true },
      /chain\.required/,
    ],
    [
      'a key and no file',
      { signingKeyFile: 'key.pem' },
      /audit\.chain: signs the audit file, and there is none/,
      { stdout: true },
    ],
    ['a key that nobody knows', { signingKey: 'x' }, /chain\.signingKey: unknown key/],
  ];
  for (const [what, chain, problem, audit] of rows) {
    it(`${what} is a problem`, async () => {
      const result = await loadChain(chain, audit);
      assert.match(problemsOf(result).join('\n'), problem);
      assert.doesNotMatch(problemsOf(result).join('\n'), /SECRET/);
    });
  }
});
