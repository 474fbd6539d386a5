// The recording section: what it becomes, and what is said of mistakes in it.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import type { JsonObject, SetUp } from './set-up.ts';
import { FOLDER, createSetUp, load, minimal, problemsOf, warningsOf } from './set-up.ts';

let setUp: SetUp;
before(async () => {
  setUp = await createSetUp();
});

const withRecording = (recording: JsonObject): JsonObject => ({ ...minimal(), recording });

const OFF: JsonObject = { directory: 'r', rules: [{ mode: 'off' }] };
const S3: JsonObject = {
  bucket: 'recordings',
  accessKeyIdFile: 'node-1.crt',
  secretAccessKeyFile: 'node-1.key',
};
const IDENTITY = `AGE-SECRET-KEY-1${'Q'.repeat(58)}`;

describe('the recording section', () => {
  it('is absent, and nothing is recorded', async () => {
    const result = await load(setUp, minimal());
    assert.ok(result.ok);
    assert.equal(result.configuration.recording, undefined);
  });

  it('becomes typed values, with stdin off and segments of a second and eight mebibytes by default', async () => {
    const result = await load(
      setUp,
      withRecording({
        directory: 'recordings',
        rules: [
          { users: ['robot'], mode: 'off' },
          { namespaces: ['shop'], actions: ['exec'], nodes: ['node-1'], mode: 'required', stdin: 'on' },
        ],
      }),
    );
    assert.deepEqual(problemsOf(result), []);
    assert.ok(result.ok);
    assert.deepEqual(result.configuration.recording, {
      directory: `${FOLDER}/recordings`,
      segment: { maxAgeMs: 1000, maxBytes: 8 * 1024 * 1024 },
      fsync: false,
      tellAfterMs: 30_000,
      rules: [
        { users: ['robot'], mode: 'off', stdin: 'off' },
        { namespaces: ['shop'], actions: ['exec'], nodes: ['node-1'], mode: 'required', stdin: 'on' },
      ],
      // That of sessions.default.
      longestSessionMs: 12 * 3_600_000,
    });
  });

  const rows: readonly (readonly [string, JsonObject, RegExp])[] = [
    ['no directory', { rules: [{ mode: 'off' }] }, /^recording\.directory: /],
    ['no rules', { directory: 'r', rules: [] }, /^recording\.rules: must name at least one rule/],
    ['a rule without a mode', { directory: 'r', rules: [{ stdin: 'on' }] }, /^recording\.rules\[0\]\.mode: /],
    [
      'a list that matches nothing',
      { directory: 'r', rules: [{ users: [], mode: 'off' }] },
      /matches nothing/,
    ],
    [
      'an action that has no session',
      { directory: 'r', rules: [{ actions: ['pods'], mode: 'off' }] },
      /actions\[0\]/,
    ],
    [
      'a node that is not there',
      { directory: 'r', rules: [{ nodes: ['node-2'], mode: 'off' }] },
      /no node of this name/,
    ],
    [
      'a stdin mode that there is none of',
      { directory: 'r', rules: [{ mode: 'required', stdin: 'noecho' }] },
      /stdin/,
    ],
    ['encryption to nobody', { ...OFF, encryption: {} }, /must have recipients or recipientsFile/],
    [
      'what is no recipient',
      { ...OFF, encryption: { recipients: ['age1x'] } },
      /age1x is no recipient of age/,
    ],
    [
      'an identity for a recipient',
      { ...OFF, encryption: { recipients: [IDENTITY] } },
      /: there is one that is no/,
    ],
    [
      'recipients that cannot be read',
      { ...OFF, encryption: { recipientsFile: 'gone' } },
      /there is no such file/,
    ],
    ['a store of no kind', { ...OFF, store: {} }, /store\.s3: /],
    [
      'an endpoint with a path',
      { ...OFF, store: { s3: { ...S3, endpoint: 'https://s3/x' } } },
      /without a path/,
    ],
    [
      'an endpoint with a secret',
      { ...OFF, store: { s3: { ...S3, endpoint: 'https://a:b@s3' } } },
      /endpoint/,
    ],
    ['no bucket', { ...OFF, store: { s3: { ...S3, bucket: 'No Bucket' } } }, /the name of a bucket/],
    [
      'a prefix that leads elsewhere',
      { ...OFF, store: { s3: { ...S3, prefix: '/a//b' } } },
      /names with slashes/,
    ],
    [
      'a spool with no room for segments',
      { ...OFF, segment: { maxSize: '1Mi' }, store: { s3: { ...S3, spoolMaxSize: '1Mi' } } },
      /must have room for two segments/,
    ],
    [
      'segments that no upload holds in memory',
      { ...OFF, segment: { maxSize: '17Mi' }, store: { s3: S3 } },
      /at most 16Mi where recordings go to a store/,
    ],
    ['retention of everything', { ...OFF, retention: {} }, /must have maxAge or maxTotalSize/],
    ['a key that nobody knows', { directory: 'r', rule: [], rules: [{ mode: 'off' }] }, /unknown key/],
  ];
  for (const [what, recording, message] of rows) {
    it(`${what}: refused by name`, async () => {
      const problems = problemsOf(await load(setUp, withRecording(recording)));
      assert.equal(problems.length, 1, problems.join());
      assert.match(problems[0] ?? '', message);
    });
  }

  it('says what is encrypted to whom, where it goes, and for how long it is kept', async () => {
    const recipient = await identityToRecipient(await generateIdentity());
    const store = { s3: { ...S3, prefix: 'a/b', endpoint: 'http://127.0.0.1:9000', forcePathStyle: true } };
    const retention = { maxAge: '1d', maxTotalSize: '1Gi' };
    const section = { ...OFF, encryption: { recipients: [recipient] }, store, retention };
    const result = await load(setUp, withRecording(section));
    assert.deepEqual(problemsOf(result), []);
    assert.ok(result.ok);
    const { encryption, s3, retention: kept } = result.configuration.recording ?? {};
    assert.deepEqual(encryption, { recipients: [recipient] });
    assert.deepEqual(s3, {
      endpoint: 'http://127.0.0.1:9000',
      region: 'us-east-1',
      bucket: 'recordings',
      prefix: 'a/b/',
      forcePathStyle: true,
      accessKeyIdFile: `${FOLDER}/node-1.crt`,
      secretAccessKeyFile: `${FOLDER}/node-1.key`,
      spoolMaxBytes: 2 ** 30,
    });
    assert.deepEqual(kept, { maxAgeMs: 86_400_000, maxTotalBytes: 2 ** 30 });
    assert.ok(warningsOf(result).some((warning) => warning.includes('over plain HTTP')));
  });

  it('warns of a rule that is never reached', async () => {
    const rules = [
      { groups: ['sre'], mode: 'required' },
      { groups: ['sre'], users: ['alice'], mode: 'off' },
    ];
    const result = await load(setUp, withRecording({ directory: 'r', rules }));
    assert.ok(
      warningsOf(result).includes(
        'recording.rules[1]: is never reached: recording.rules[0] matches everything that it does',
      ),
    );
  });
});
