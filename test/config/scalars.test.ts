// Durations, quantities, hosts and ranges: the texts that are accepted, what they mean, and those that are not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findNearest } from '../../src/config/nearest.ts';
import { toPathText } from '../../src/config/problem.ts';
import { isCidr, isHost, parseDuration, parseQuantity } from '../../src/config/schema/scalars.ts';

describe('durations', () => {
  const rows: readonly (readonly [string, number | undefined])[] = [
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['366d', 31_622_400_000],
    ['30', undefined],
    ['', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1S', undefined],
    ['1w', undefined],
    ['1h30', undefined],
    ['1e3s', undefined],
    ['1h\n', undefined],
  ];
  for (const [text, expected] of rows) {
    it(JSON.stringify(text), () => assert.equal(parseDuration(text), expected));
  }
});

describe('quantities', () => {
  const rows: readonly (readonly [string, number | undefined])[] = [
    ['100Mi', 104_857_600],
    ['128Ki', 131_072],
    ['1.5Gi', 1_610_612_736],
    ['100M', 100_000_000],
    ['1k', 1000],
    ['1048576', 1_048_576],
    ['0.1Ki', 103],
    ['1K', undefined],
    ['1MB', undefined],
    ['1mi', undefined],
    ['-1', undefined],
    ['', undefined],
    ['1 Mi', undefined],
    ['1m', undefined],
  ];
  for (const [text, expected] of rows) {
    it(JSON.stringify(text), () => assert.equal(parseQuantity(text), expected));
  }
});

describe('hosts and ranges', () => {
  it('takes names and addresses', () => {
    for (const host of ['node-1', 'Node-1.example.org', '10.0.0.1', '::1', 'fe80::1', 'a.b.c', '1a', 'x1']) {
      assert.ok(isHost(host), host);
    }
  });
  it('refuses everything else', () => {
    for (const host of [
      '',
      '.',
      'a..b',
      '-a',
      'a-',
      'a b',
      'a:1',
      '[::1]',
      '1.2.3',
      '999.1.1.1',
      'a/b',
      'a.',
      'ü',
    ]) {
      assert.ok(!isHost(host), host);
    }
  });
  it('tells ranges', () => {
    for (const range of ['10.0.0.0/8', '10.0.0.1', '::/0', 'fd00::1/128']) assert.ok(isCidr(range), range);
    for (const range of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', 'a/8', '10.0.0.0/-1', '']) {
      assert.ok(!isCidr(range), range);
    }
  });
});

describe('suggestions', () => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['listners', 'listeners'],
    ['LISTENERS', 'listeners'],
    ['lsiteners', 'listeners'],
    ['node', 'nodes'],
    ['something', undefined],
    ['', undefined],
  ];
  for (const [word, expected] of rows) {
    it(`${word} → ${expected ?? 'nothing'}`, () => {
      assert.equal(findNearest(word, ['listeners', 'nodes']), expected);
    });
  }
});

it('paths are written as in JavaScript', () => {
  assert.equal(toPathText(['credentials', 1, 'bearerTokenFile']), 'credentials[1].bearerTokenFile');
  assert.equal(toPathText(['a b', 'c']), '["a b"].c');
  assert.equal(toPathText([]), '');
});
