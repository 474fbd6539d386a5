// Typed lines are let through when they came back, and withheld when they did not: whatever a terminal shows instead.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EchoFilter, MAX_PENDING } from '../../src/record/echo-filter.ts';

/** `>` before what is typed, `<` before what is shown. Returns the lines that were let through, and withheld counts. */
function watch(...steps: readonly string[]): readonly (string | number)[] {
  const told: (string | number)[] = [];
  const filter = new EchoFilter({
    onEchoed: (line) => told.push(line.toString()),
    onWithheld: (bytes) => told.push(bytes),
  });
  for (const step of steps) {
    const data = Buffer.from(step.slice(1));
    if (step.startsWith('>')) filter.typed(data);
    else filter.shown(data);
  }
  filter.end();
  return told;
}

describe('what is typed at a terminal', () => {
  const rows: readonly (readonly [string, readonly string[], readonly (string | number)[]])[] = [
    ['a line that comes back key by key', ['>l', '<l', '>s', '<s', '>\r', '<\r\n'], ['ls\r']],
    ['a line that comes back at once', ['>ls -l\r', '<ls -l\r\nfile\r\n$ '], ['ls -l\r']],
    ['keys that are faster than their echo', ['>l', '>s', '<l', '>\r', '<s', '<\r', '<\n'], ['ls\r']],
    [
      'a password at a prompt of sudo',
      ['>sudo ls\r', '<sudo ls\r\n[sudo] password for a: ', '>hunter2', '>\r', '<\r\n', '<root\r\n'],
      ['sudo ls\r', 8],
    ],
    ['a password that nothing follows', ['>hunter2\r'], [8]],
    ['asterisks', ['>h', '<*', '>u', '<*', '>\r', '<\r\n'], [3]],
    ['a password that begins as the prompt does', ['>Password1\r', '<Password: ', '<\r\n'], [10]],
    ['a password that is the prompt', ['>Password\r', '<Password: ', '<\r\n'], [9]],
    ['half of it shown', ['>hunter2\r', '<hun', '<\r\n'], [8]],
    ['a password of one character, whose line ends', ['>x\r', '<\r\n'], [2]],
    ['the password before its prompt', ['>su\rhunter2\r', '<su\r\nPassword: ', '<\r\n# '], ['su\r', 8]],
    [
      'output in between: withheld, as it could be anything',
      ['>l', '<[1]+ Done\r\n', '>s', '<s', '>\r', '<\r\n'],
      [3],
    ],
    ['the line after a withheld one', ['>x\r', '<\r\n$ ', '>ls\r', '<ls\r\n'], [2, 'ls\r']],
    ['a rub-out by the terminal', ['>lx', '<lx', '>\x7f', '<\b \b', '>s\r', '<s\r\n'], ['lx\x7fs\r']],
    ['a rub-out by a shell', ['>lx', '<lx', '>\x7f', '<\b\x1b[K', '>s\r', '<s\r\n'], ['lx\x7fs\r']],
    ['a rub-out and a space', ['>lx', '<lx', '>\x7f', '<\b\x1b[K', '> s\r', '< s\r\n'], ['lx\x7f s\r']],
    ['two rub-outs', ['>ab\x7f\x7fc\r', '<ab\b \b\b \bc\r\n'], ['ab\x7f\x7fc\r']],
    ['two rub-outs by a shell', ['>ab\x7f\x7fc\r', '<ab\b\x1b[K\b\x1b[Kc\r\n'], ['ab\x7f\x7fc\r']],
    ['colours around the echo', ['>ls\r', '<\x1b[32ml\x1b[0m\x1b]0;title\x07s\x1b[?2004l\r\n'], ['ls\r']],
    ['completion', ['>cat fi\t', '<cat file ', '>\r', '<\r\n'], [8]],
    ['an arrow', ['>\x1b[A', '<ls -l', '>\r', '<\r\n'], [4]],
    ['keys of an editor', ['>i', '<-- INSERT --', '>hello', '<hello', '>\x1b', '>:wq\r', '<\r\n'], [11]],
    ['^C after an echoed word', ['>ab', '<ab', '>\x03', '<^C\r\n$ '], ['ab\x03']],
    ['^C within a password', ['>hun', '>\x03', '<\r\n$ '], [4]],
    ['^D', ['>\x04'], ['\x04']],
    ['a line without its end', ['>ls', '<ls'], [2]],
    ['nothing', [], []],
  ];
  for (const [what, steps, expected] of rows) {
    it(what, () => {
      assert.deepEqual(watch(...steps), expected);
    });
  }

  it('may be cut anywhere, within a character too', () => {
    const line = Buffer.from('grüße 𝄞\r');
    const echo = Buffer.from('\x1b[1mgrüße\x1b]0;t\x1b\\ 𝄞\r\n');
    for (let cut = 0; cut <= echo.length; cut++) {
      const told: string[] = [];
      const filter = new EchoFilter({
        onEchoed: (each) => told.push(each.toString()),
        onWithheld: () => assert.fail(),
      });
      filter.typed(line.subarray(0, 3));
      filter.typed(line.subarray(3));
      filter.shown(echo.subarray(0, cut));
      filter.shown(echo.subarray(cut));
      filter.end();
      assert.deepEqual(told, [line.toString()]);
    }
  });

  it('holds a bounded number of bytes', () => {
    const line = 'x'.repeat(MAX_PENDING + 100);
    assert.deepEqual(watch(`>${line}`, '>\r', `<${line}\r\n`, '>ls\r', '<ls\r\n'), [line.length + 1, 'ls\r']);
    const filter = new EchoFilter({ onEchoed: () => assert.fail(), onWithheld: () => undefined });
    for (let i = 0; i < 1000; i++) filter.typed(Buffer.from('secret\r'));
    filter.end();
  });

  it('is never let through unless it is in what was shown', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', ' ', '\r', '\n', '\x7f', '\b', '\x03', '\x1b', '['),
      maxLength: 8,
    });
    const step = fc.tuple(fc.constantFrom('>', '<'), text).map(([to, data]) => to + data);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const typed = steps
          .filter((each) => each.startsWith('>'))
          .map((each) => each.slice(1))
          .join('');
        const shown = steps
          .filter((each) => each.startsWith('<'))
          .map((each) => each.slice(1))
          .join('');
        const told = watch(...steps);
        let bytes = 0;
        for (const one of told) {
          bytes += typeof one === 'number' ? one : one.length;
          if (typeof one === 'number') continue;
          assert.ok(typed.includes(one));
          for (const word of one.split(/[\r\n\x7f\b\x03 ]/)) {
            assert.ok(
              Array.from(word).every((letter) => shown.includes(letter)),
              JSON.stringify(steps),
            );
          }
        }
        assert.equal(bytes, typed.length);
      }),
      { numRuns: 3000 },
    );
  });
});
