// The reason of a session: where it may stand, and what it may not be.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusal, resolved, SPDY, WEBSOCKET } from './request.ts';

const EXEC = '/nodes/node-1/exec/default/shell/shell?command=id&output=1';
const KUBECTL =
  '/nodes/node-1/api/v1/namespaces/default/pods/shell/exec?command=id&stdout=true&container=shell';
const header = (value: string): readonly string[] => ['Kubelet-Gateway-Reason', value];

describe('a reason', () => {
  it('is none unless one is given', () => {
    assert.equal(resolved('GET', EXEC, WEBSOCKET).reason, undefined);
  });

  it('is a header or a query parameter, on every path of a session', () => {
    assert.equal(resolved('GET', EXEC, [...WEBSOCKET, ...header('INC-7: looking')]).reason, 'INC-7: looking');
    assert.equal(resolved('POST', `${EXEC}&reason=INC-7%3A+gr%C3%BC%C3%9Fe`, SPDY).reason, 'INC-7: grüße');
    assert.equal(resolved('GET', `${KUBECTL}&reason=INC-7`, WEBSOCKET).reason, 'INC-7');
    const forward = '/nodes/node-1/portForward/default/web?port=80&reason=x';
    assert.equal(resolved('GET', forward, WEBSOCKET).reason, 'x');
    assert.equal(resolved('POST', '/nodes/node-1/run/default/shell/shell?cmd=id&reason=x', []).reason, 'x');
  });

  it('may have marks, joiners and pictures beside its letters', () => {
    for (const reason of ['می\u200cخواهم', 'क्\u200dष', 'fix ❤\ufe0f now', '障害 42', 'e\u0301té']) {
      assert.equal(resolved('GET', `${EXEC}&reason=${encodeURIComponent(reason)}`, WEBSOCKET).reason, reason);
    }
  });

  it('is no part of what is sent to the node', () => {
    const { action } = resolved('GET', `${EXEC}&reason=INC-7`, WEBSOCKET);
    assert.ok(!JSON.stringify(action).includes('INC-7'));
  });

  const rows: readonly (readonly [string, string, readonly string[], RegExp])[] = [
    ['twice in the query', '&reason=a&reason=b', [], /more than once/],
    ['twice in the header', '', [...header('a'), ...header('a')], /more than once/],
    ['in both places', '&reason=a', header('a'), /more than once/],
    ['empty', '&reason=', [], /is empty/],
    ['blank', '&reason=+%20', [], /is empty/],
    ['too long', `&reason=${'x'.repeat(513)}`, [], /longer than 512/],
    ['a line break', '&reason=a%0Ab', [], /cannot be printed/],
    ['an escape', '&reason=%1B%5B2J', [], /cannot be printed/],
    ['text that runs backwards', '&reason=%E2%80%AEabc', [], /cannot be printed/],
    ['nothing that can be seen: a zero-width space', '&reason=%E2%80%8B', [], /cannot be printed/],
    ['a filler that is called a letter', '&reason=%E3%85%A4', [], /cannot be printed/],
    ['text in tags that no font shows', '&reason=a%F3%A0%81%A1', [], /cannot be printed/],
    ['joiners alone', '&reason=%E2%80%8D%E2%80%8C', [], /neither a letter nor a digit/],
    ['an empty pattern of Braille', '&reason=%E2%A0%80', [], /neither a letter nor a digit/],
    ['dots', '&reason=...', [], /neither a letter nor a digit/],
    ['a header of dashes', '', header('--'), /neither a letter nor a digit/],
    ['a header that is not ASCII', '', header('gr\xfc\xdfe'), /not ASCII/],
    ['a header with a control character', '', header('a\x7f'), /not ASCII/],
  ];
  for (const [what, query, headers, expected] of rows) {
    it(`${what}: refused`, () => {
      const fault = refusal('GET', EXEC + query, [...WEBSOCKET, ...headers]);
      assert.equal(fault.code, 400);
      assert.match(fault.message, expected);
    });
  }

  it('is not known where there is no session', () => {
    assert.match(refusal('GET', '/nodes/node-1/pods?reason=x', []).message, /"reason" is not known/);
  });
});
