// Request targets: everything that two parsers could read in two ways is refused, by the rule's name.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { parseTarget } from '../../src/resolve/target.ts';
import { refusal } from './request.ts';

const message = (raw: string): string => {
  try {
    parseTarget(raw);
  } catch (error) {
    assert(error instanceof Fault);
    assert.equal(error.code, 400);
    return error.message;
  }
  return assert.fail(`${JSON.stringify(raw.slice(0, 80))} is not refused`);
};

describe('a request target is refused', () => {
  const rows: readonly [raw: string, rule: RegExp][] = [
    ['', /origin-form/],
    ['*', /origin-form/],
    ['http://other/nodes/node-1/pods', /origin-form/],
    ['node-1:10250', /origin-form/],
    ['nodes/node-1/pods', /origin-form/],
    ['//nodes/node-1/pods', /empty path segment/],
    ['/nodes/node-1//exec/ns/p/c', /empty path segment/],
    ['/nodes/node-1/pods//', /empty path segment/],
    ['/nodes/node-1/./pods', /dot segment/],
    ['/nodes/node-1/pods/../exec/ns/p/c', /dot segment/],
    ['/nodes/node-1/pods/..', /dot segment/],
    ['/.', /dot segment/],
    ['/nodes/node-1/pods/%2e%2e/exec/ns/p/c', /needs no encoding/],
    ['/nodes/node-1/pods/%2E/x', /needs no encoding/],
    ['/nodes/node-1/%70ods', /needs no encoding/],
    ['/nodes/node-1/logs/foo%2elog', /needs no encoding/],
    ['/nodes/node-1/logs/%7E', /needs no encoding/],
    ['/nodes/node-1/exec/ns%2Fp%2Fc', /slash/],
    ['/nodes/node-1/exec/ns%2fp%2fc', /slash/],
    ['/nodes/node-1/logs/..%2ffoo', /slash/],
    ['/nodes/node-1/logs/a%5cb', /backslash/],
    ['/nodes/node-1/logs/a%252fb', /percent sign/],
    ['/nodes/node-1/logs/a%00b', /control character/],
    ['/nodes/node-1/logs/a%0d%0aHost:x', /control character/],
    ['/nodes/node-1/logs/%C2%85', /control character/],
    ['/nodes/node-1/logs/%ff', /not UTF-8/],
    ['/nodes/node-1/logs/%c0%af', /not UTF-8/],
    ['/nodes/node-1/logs/%ed%a0%80', /not UTF-8/],
    ['/nodes/node-1/logs/a%', /malformed percent-escape/],
    ['/nodes/node-1/logs/a%2', /malformed percent-escape/],
    ['/nodes/node-1/logs/a%zz', /malformed percent-escape/],
    ['/nodes/node-1/pods?a=%', /malformed percent-escape/],
    ['/nodes/node-1\\pods', /backslash/],
    ['/nodes/node-1/pods?a=\\', /backslash/],
    ['/nodes/node-1/pods#x', /fragment/],
    ['/nodes/node-1/pods?a#x', /fragment/],
    ['/nodes/node-1/pods;x=1', /semicolon/],
    ['/nodes/node-1/containerLogs/ns/p/c?follow=1;tailLines=3', /semicolon/],
    ['/nodes/node-1/pods\r\nX: y', /control, space/],
    ['/nodes/node-1/pods\0', /control, space/],
    ['/nodes/node-1/po ds', /control, space/],
    ['/nodes/node-1/pods?a=b c', /control, space/],
    ['/nodes/node-1/logs/\u00e9', /non-ASCII/],
    ['/nodes/node-1/pods?a=\u00ff', /non-ASCII/],
    ['/nodes/node-1/logs/a"b', /must be percent-encoded/],
    ['/nodes/node-1/logs/a<b', /must be percent-encoded/],
    ['/nodes/node-1/logs/a|b', /must be percent-encoded/],
    ['/nodes/node-1/pods?a=%ff', /not UTF-8/],
    ['/nodes/node-1/pods?%c3=1', /not UTF-8/],
    ['/nodes/node-1/pods?a=%00', /NUL/],
    ['/nodes/node-1/pods?=1', /without a name/],
    [`/${'a'.repeat(4096)}`, /path of more than 4096/],
    [`/nodes/node-1/logs/${'a'.repeat(65536)}`, /path of more than 4096/],
    [`/nodes/node-1/exec/ns/p/c?command=${'a'.repeat(128 * 1024)}`, /longer than 131072/],
  ];
  for (const [raw, rule] of rows) {
    it(`${JSON.stringify(raw.length > 60 ? `${raw.slice(0, 60)}…` : raw)}: ${rule.source}`, () => {
      assert.match(message(raw), rule);
      assert.match(refusal('GET', raw).message, rule);
    });
  }
});

describe('a request target is parsed', () => {
  const rows: readonly [raw: string, segments: readonly string[], pairs?: readonly [string, string][]][] = [
    ['/', ['']],
    ['/a/b', ['a', 'b']],
    ['/a/b/', ['a', 'b', '']],
    ['/a?', ['a']],
    ['/a?&&b&', ['a'], [['b', '']]],
    ['/logs/%C3%A9%20x%3B%25'.slice(0, -3), ['logs', 'é x;']],
    ['/logs/%EF%BB%BFx', ['logs', '\ufeffx']],
    ['/logs/...', ['logs', '...']],
    ['/a?b=c=d', ['a'], [['b', 'c=d']]],
    ['/a?b=1+2%2B3', ['a'], [['b', '1 2+3']]],
    ['/a?b=/../?%3B', ['a'], [['b', '/../?;']]],
    ['/a?b=%EF%BB%BF%0A', ['a'], [['b', '\ufeff\n']]],
    [
      '/a?c=1&b=2&c=3',
      ['a'],
      [
        ['c', '1'],
        ['b', '2'],
        ['c', '3'],
      ],
    ],
  ];
  for (const [raw, segments, pairs = []] of rows) {
    it(JSON.stringify(raw), () => {
      const target = parseTarget(raw);
      assert.deepEqual(target.segments, segments);
      assert.deepEqual(target.pairs, pairs);
    });
  }

  it('a script of 100 kB fits', () => {
    assert.equal(parseTarget(`/a?command=${'x'.repeat(100_000)}`).pairs.length, 1);
  });
});

describe('percent-encoding in a path', () => {
  for (const target of [
    '/nodes/node-1/exec/ns/p%20/c?command=id&output=1',
    '/nodes/node%3A1/pods',
    '/%C3%A9',
    '/nodes/node%3A1/logs/x',
  ]) {
    it(`${target} is refused outside /logs/`, () => {
      assert.equal(refusal('GET', target).code, 400);
    });
  }
});
