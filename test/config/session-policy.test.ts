// The sessionPolicy section: what it becomes, and what is said of mistakes in it.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { JsonObject, SetUp } from './set-up.ts';
import { createSetUp, load, minimal, problemsOf, warningsOf } from './set-up.ts';

let setUp: SetUp;
before(async () => {
  setUp = await createSetUp();
});

const withPolicy = (...rules: readonly JsonObject[]): JsonObject => ({
  ...minimal(),
  sessionPolicy: { rules: [...rules] },
});

describe('the sessionPolicy section', () => {
  it('is absent, and everything is let through', async () => {
    const result = await load(setUp, minimal());
    assert.ok(result.ok);
    assert.deepEqual(result.configuration.sessionPolicy, []);
  });

  it('becomes rules, by default with the same commands in a terminal, without a reason', async () => {
    const result = await load(
      setUp,
      withPolicy(
        {
          namespaces: ['prod'],
          commands: [
            ['cat', '*'],
            ['tar', '**'],
          ],
          reason: 'required',
        },
        { terminal: 'none' },
      ),
    );
    assert.deepEqual(problemsOf(result), []);
    assert.ok(result.ok);
    assert.deepEqual(result.configuration.sessionPolicy, [
      {
        namespaces: ['prod'],
        commands: [
          ['cat', '*'],
          ['tar', '**'],
        ],
        terminal: 'listed',
        reason: 'required',
        refuse: false,
      },
      { terminal: 'none', reason: 'optional', refuse: false },
    ]);
  });

  const rows: readonly (readonly [string, JsonObject, RegExp])[] = [
    ['a pattern with nothing in it', { commands: [[]] }, /commands\[0\]: must have at least one word/],
    [
      'a wildcard within a word',
      { commands: [['cat', '/var/*']] },
      /commands\[0\]\[1\]: \* stands for a whole/,
    ],
    ['a ** before the end', { commands: [['**', 'x']] }, /commands\[0\]\[0\]: \*\* stands at the end/],
    ['a -** before the end', { commands: [['-**', 'x']] }, /commands\[0\]\[0\]: -\*\* stands at the end/],
    [
      'a namespace that there cannot be',
      { namespaces: ['Payments'] },
      /namespaces\[0\]: must be a DNS-1123 label/,
    ],
    ['a command that is one text', { commands: ['cat /etc/hosts'] }, /commands\[0\]/],
    ['a word for reason that is none', { reason: 'yes' }, /reason/],
    ['a node that is not there', { nodes: ['node-9'] }, /no node of this name/],
    ['a key of another section', { mode: 'required' }, /unknown key/],
  ];
  for (const [what, rule, expected] of rows) {
    it(`${what} is a problem`, async () => {
      const problems = problemsOf(await load(setUp, withPolicy(rule)));
      assert.ok(
        problems.some((problem) => expected.test(problem)),
        problems.join('\n'),
      );
    });
  }

  it('warns of a rule that is never reached', async () => {
    const warnings = warningsOf(await load(setUp, withPolicy({ terminal: 'none' }, { reason: 'required' })));
    assert.ok(warnings.some((warning) => warning.includes('sessionPolicy.rules[0] matches everything')));
  });
});
