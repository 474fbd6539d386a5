// Label selectors: what they select, and that one that cannot be read is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { matchesLabels, parseLabelSelector } from '../../src/kubectl/label-selector.ts';

const LABELS = new Map([
  ['app', 'web'],
  ['tier', ''],
  ['size', '7'],
  ['example.org/zone', 'a'],
]);

const ROWS: readonly [selector: string, selected: boolean][] = [
  ['', true],
  ['  ', true],
  ['app', true],
  ['nope', false],
  ['!nope', true],
  ['! app', false],
  ['app=web', true],
  ['app==web', true],
  ['app = web', true],
  ['app=db', false],
  ['app!=db', true],
  ['app!=web', false],
  ['nope!=web', true],
  ['tier=', true],
  ['app=', false],
  ['app in (db,web)', true],
  ['app in (db)', false],
  ['nope in (db)', false],
  ['app notin (db)', true],
  ['app notin (web)', false],
  ['nope notin (web)', true],
  ['tier in (a,)', true],
  ['tier in ()', true],
  ['size>6', true],
  ['size>7', false],
  ['size<8', true],
  ['app>1', false],
  ['nope<1', false],
  ['example.org/zone=a', true],
  ['app=web,example.org/zone in (a,b),!nope', true],
  ['app=web,tier=x', false],
  ['in=a', false],
  ['__proto__', false],
  ['constructor', false],
  ['toString!=x', true],
];

describe('label selector', () => {
  for (const [selector, selected] of ROWS) {
    it(`${JSON.stringify(selector)} ${selected ? 'selects' : 'does not select'}`, () => {
      if (selector === '__proto__') {
        assert.throws(() => parseLabelSelector(selector), Fault);
        return;
      }
      assert.equal(matchesLabels(parseLabelSelector(selector), LABELS), selected);
    });
  }

  for (const selector of [
    ',',
    'a,',
    ',a',
    'a,,b',
    'a b',
    'a=b c',
    '=b',
    'a in',
    'a in b',
    'a in (b',
    'a in (b c)',
    'a in (b))',
    'a>b',
    'a>',
    'a=b=c',
    '-a',
    'a/b/c',
    '/a',
    'UPPER/a',
    'a=-b',
    `a=${'x'.repeat(64)}`,
    '!',
    '!a=b',
    'a=\u0000',
    'é',
  ]) {
    it(`${JSON.stringify(selector)} is refused`, () => {
      assert.throws(
        () => parseLabelSelector(selector),
        (error) => error instanceof Fault && error.reason === 'BadRequest',
      );
    });
  }
});
