// What a session may do to the terminal of somebody who looks at it, and what not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createEscapeFilter } from '../../src/terminal/escape-filter.ts';
import { toInertText } from '../../src/terminal/inert.ts';

const filter = (text: string): string => {
  const one = createEscapeFilter();
  return one.push(text) + one.end();
};

const marked = (text: string): string => {
  const one = createEscapeFilter({ mark: (what) => `<${what}>` });
  return one.push(text) + one.end();
};

const KEPT = [
  'plain text, ünïcödé, 終, 🦊, and \t\r\n\b\u0007',
  '\u001b[1;31mred\u001b[0m',
  '\u001b[38:2::1:2:3m',
  '\u001b[2J\u001b[H\u001b[10;20H\u001b[K\u001b[?25l\u001b[?25h',
  '\u001b[?1049h\u001b[?1049;25l\u001b[4h\u001b[!p\u001b[2 q',
  '\u001b7\u001b8\u001bM\u001b(0lqqk\u001b(B\u001b#8\u000e\u000f',
  '\u001b[3;10r\u001b[S\u001b[2T\u001b[L\u001b[4@\u001b[?2026h',
];

const TAKEN: readonly (readonly [what: string, text: string, mark: string])[] = [
  ['the clipboard', '\u001b]52;c;cm0gLXJmIC8K\u0007', '<OSC 52>'],
  ['the clipboard, ended by ST', '\u001b]52;c;cm0gLXJmIC8K\u001b\\', '<OSC 52>'],
  ['the clipboard, by C1', '\u009d52;c;cm0=\u009c', '<OSC 52>'],
  ['a link', '\u001b]8;;https://evil.example\u001b\\', '<OSC 8>'],
  ['a title', '\u001b]0;evil\u0007', '<OSC 0>'],
  ['a title that is no number', '\u001b]lroot\u001b\\', '<OSC>'],
  ['a question for colours', '\u001b]11;?\u0007', '<OSC 11>'],
  ['DECRQSS', '\u001bP$q"p\u001b\\', '<DCS>'],
  ['XTGETTCAP', '\u001bP+q544e\u001b\\', '<DCS>'],
  ['a program for tmux', '\u001bPtmux;\u0007\u001b\\', '<DCS>'],
  ['APC', '\u001b_Gi=1,a=q;\u001b\\', '<APC>'],
  ['PM', '\u001b^x\u001b\\', '<PM>'],
  ['SOS', '\u001bXx\u001b\\', '<SOS>'],
  ['a question who it is', '\u001b[c', '<CSI c>'],
  ['a question who it is, second', '\u001b[>0c', '<CSI >0c>'],
  ['a question who it is, by C1', '\u009bc', '<CSI c>'],
  ['a question for the version', '\u001b[>q', '<CSI >q>'],
  ['a question where the cursor is', '\u001b[6n', '<CSI 6n>'],
  ['a question for a mode', '\u001b[?2004$p', '<CSI ?2004$p>'],
  ['a question for the title', '\u001b[21t', '<CSI 21t>'],
  ['the size of the window', '\u001b[8;1;1t', '<CSI 8;1;1t>'],
  ['a question for keys', '\u001b[?u', '<CSI ?u>'],
  ['other keys', '\u001b[>4;2m', '<CSI >4;2m>'],
  ['the mouse', '\u001b[?1003h', '<CSI ?1003h>'],
  ['the mouse among what is harmless', '\u001b[?25;1000h', '<CSI ?25;1000h>'],
  ['bracketed paste', '\u001b[?2004h', '<CSI ?2004h>'],
  ['application cursor keys', '\u001b[?1h', '<CSI ?1h>'],
  ['keyboard lock', '\u001b[2h', '<CSI 2h>'],
  ['what is done two thousand million times', '\u001b[2147483647b', '<CSI 2147483647b>'],
  ['printing', '\u001b[5i', '<CSI 5i>'],
  ['checksums of the screen', '\u001b[1;1;1;1;1;1*y', '<CSI 1;1;1;1;1;1*y>'],
  ['DECID', '\u001bZ', '<ESC Z>'],
  ['a reset', '\u001bc', '<ESC c>'],
  ['the keypad', '\u001b=', '<ESC =>'],
  ['ENQ', '\u0005', ''],
  ['DEL and NUL', '\u007f\u0000', ''],
  ['what has no end', '\u001b]52;c;', '<OSC 52>'],
  ['a sequence without an end', '\u001b[31', '<ESC>'],
];

describe('an escape filter', () => {
  for (const text of KEPT) it(`keeps ${JSON.stringify(text)}`, () => assert.equal(filter(text), text));

  for (const [what, text, mark] of TAKEN) {
    it(`takes out ${what}`, () => {
      assert.equal(filter(`a${text}`), 'a');
      assert.equal(marked(`a${text}`), `a${mark}`);
    });
  }

  it('goes on after what it has taken out', () => {
    assert.equal(filter('a\u001b]0;x\u0007b\u001b[cc\u001bPq\u001b\\d'), 'abcd');
  });

  it('lets an escape in the middle of a string end it', () => {
    assert.equal(filter('\u001b]0;x\u001b[31mred'), '\u001b[31mred');
  });

  it('lets CAN and SUB end what has begun', () => {
    assert.equal(filter('\u001b]52;c;\u0018a\u001b[3\u001ab'), 'ab');
  });

  it('passes on a line feed in the middle of a sequence as a terminal does', () => {
    assert.equal(filter('\u001b[3\n1mx'), '\n\u001b[31mx');
  });

  it('shows what follows a string that has no end', () => {
    const text = `\u001b]0;${'x'.repeat(300 * 1024)}rm -rf /`;
    assert.ok(filter(text).endsWith('rm -rf /'));
  });

  it('takes out a control sequence that is too long, and is bounded', () => {
    assert.equal(filter(`a\u001b[${'1;'.repeat(1e5)}mb`), 'ab');
    assert.equal(filter(`a\u001b${' '.repeat(200)}0b`), 'ab');
  });

  it('says the same however its input is cut', () => {
    const all = [...KEPT, ...TAKEN.map(([, text]) => text)].join('-');
    const whole = marked(all);
    for (let cut = 0; cut <= all.length; cut += 1) {
      const one = createEscapeFilter({ mark: (what) => `<${what}>` });
      const said = one.push(all.slice(0, cut)) + one.push(all.slice(cut)) + one.end();
      assert.equal(said, whole, `cut at ${cut}`);
    }
    const one = createEscapeFilter({ mark: (what) => `<${what}>` });
    assert.equal(
      all
        .split('')
        .map((piece) => one.push(piece))
        .join('') + one.end(),
      whole,
    );
  });

  it('lets nothing through that it would take out in a second round', () => {
    const piece = fc.oneof(
      fc.constantFrom('\u001b', '[', ']', 'P', '?', '0', ';', 'm', 'c', 'h', '\\', '\u0007', '\u009b', '\u009d', '\u0018', '1049', '52', '\n', 'x', '(', '#'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ); // prettier-ignore
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const once = filter(pieces.join(''));
        assert.equal(marked(once), once);
        assert.doesNotMatch(once, /[\u0000-\u0006\u0010-\u001a\u001c-\u001f\u007f-\u009f]|\u001b[\]PX^_Zc]/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('inert text', () => {
  it('has no control, no bidi override and no second line', () => {
    assert.equal(
      toInertText('a\u001b]52;c;eA==\u0007b\u009b31m\nc\u202Ed\u2028e\u200Bf'),
      'a\uFFFD]52;c;eA==\uFFFDb\uFFFD31m\uFFFDc\uFFFDd\uFFFDe\uFFFDf',
    );
  });
});
