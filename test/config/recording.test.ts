// The recording section: what it becomes, and what is said of mistakes in it.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { JsonObject, SetUp } from './set-up.ts';
import { FOLDER, createSetUp, load, minimal, problemsOf, warningsOf } from './set-up.ts';

let setUp: SetUp;
before(async () => {
  setUp = await createSetUp();
});

const withRecording = (recording: JsonObject): JsonObject => ({ ...minimal(), recording });

describe('the recording section', () => {
  it('is absent, and nothing is recorded', async () => {
    const result = await load(setUp, minimal());
    assert.ok(result.ok);
    assert.equal(result.configuration.recording, undefined);
  });

  it('becomes typed values, with stdin off and segments of a second and a mebibyte by default', async () => {
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
      segment: { maxAgeMs: 1000, maxBytes: 1_048_576 },
      fsync: false,
      rules: [
        { users: ['robot'], mode: 'off', stdin: false },
        { namespaces: ['shop'], actions: ['exec'], nodes: ['node-1'], mode: 'required', stdin: true },
      ],
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
    ['a key that nobody knows', { directory: 'r', rule: [], rules: [{ mode: 'off' }] }, /unknown key/],
  ];
  for (const [what, recording, message] of rows) {
    it(`${what}: refused by name`, async () => {
      const problems = problemsOf(await load(setUp, withRecording(recording)));
      assert.equal(problems.length, 1, problems.join());
      assert.match(problems[0] ?? '', message);
    });
  }

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
