// What a node's refusal becomes: the kubectl table, the redirect that only adds a slash, and the words of an ending.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { EndReason } from '../../src/core/lifetime.ts';
import { toEndFault, toErrorText, toKubectlFault, toSlashRedirect } from '../../src/forward/faults.ts';

describe('an error of a node, for kubectl', () => {
  const rows: readonly [number, string, string, number, string][] = [
    [404, 'pod does not exist', 'NotFound', 404, 'pod does not exist'],
    [404, 'container "x" not found in pod "p"\n', 'BadRequest', 400, 'container "x" not found in pod "p"'],
    [500, 'container not found ("x")', 'BadRequest', 400, 'container not found ("x")'],
    [400, '{"message": "Unable to decode query."}', 'BadRequest', 400, 'Unable to decode query.'],
    [422, '{"message": "Invalid request."}', 'BadRequest', 400, 'Invalid request.'],
    [500, '{"other": 1}', 'InternalError', 500, '{"other": 1}'],
    [500, '{broken', 'InternalError', 500, '{broken'],
    [405, '405: Method Not Allowed', 'MethodNotAllowed', 405, '405: Method Not Allowed'],
    [429, 'busy', 'TooManyRequests', 429, 'busy'],
    [503, '', 'ServiceUnavailable', 503, 'the node answered 503'],
    [418, 'tea', 'BadRequest', 400, 'tea'],
    [599, 'x', 'InternalError', 500, 'x'],
  ];
  for (const [code, body, reason, told, message] of rows) {
    it(`${code} ${body} is ${told} ${reason}`, () => {
      const fault = toKubectlFault(code, Buffer.from(body), undefined);
      assert.deepEqual([fault.reason, fault.code, fault.message], [reason, told, message]);
    });
  }

  it('says when to come again', () => {
    assert.deepEqual(toKubectlFault(429, Buffer.from(''), '60').headers, { 'retry-after': '60' });
    assert.deepEqual(toKubectlFault(429, Buffer.from(''), 'soon').headers, {});
  });

  it('holds no control characters and not more than 50,000 bytes', () => {
    assert.equal(toErrorText(Buffer.from('a\u001b]52;c;x\u0007b\tc\nd\u009b')), 'a]52;c;xb\tc\nd');
    assert.equal(toErrorText(Buffer.alloc(60_000, 'x')).length, 50_000);
  });
});

describe('a redirect of a node', () => {
  const file: Action = { kind: 'nodeLogs', path: ['pods', 'a b'], directory: false };
  const to = (location: string | undefined, action: Action = file, client = '/nodes/n/logs/pods/a%20b') =>
    toSlashRedirect(action, location, '/logs/pods/a%20b', client);

  it('that only adds a slash is to the client’s own path', () => {
    for (const location of ['a b/', 'a%20b/', './a b/', '/logs/pods/a%20b/', 'a b/?x=y']) {
      assert.equal(to(location), '/nodes/n/logs/pods/a%20b/', location);
    }
    assert.equal(to('a b/', file, '/nodes/n/logs/pods/a%20b?x=1'), '/nodes/n/logs/pods/a%20b/?x=1');
  });

  it('to anywhere else is none', () => {
    const elsewhere = [
      'b/',
      'a b',
      '../a b/',
      '//evil/a b/',
      'https://evil/',
      '/logs/',
      '/pods',
      '/\\evil/',
      '',
    ];
    for (const location of elsewhere) assert.equal(to(location), undefined, location);
    assert.equal(to(undefined), undefined);
  });

  it('of anything but a file below /logs/ is none', () => {
    assert.equal(to('a b/', { kind: 'configz' }), undefined);
    assert.equal(to('a b/', { kind: 'nodeLogs', path: ['a b'], directory: true }), undefined);
    assert.equal(to('/', { kind: 'nodeLogs', path: [], directory: false }), undefined);
  });

  it('is none when the client’s target is no path', () => {
    assert.equal(to('a b/', file, 'https://gateway/logs'), undefined);
    assert.equal(to('a b/', file, '//evil/logs'), undefined);
  });
});

describe('an ending before anything was sent', () => {
  const rows: Record<EndReason, number> = {
    clientClosed: 502,
    nodeClosed: 502,
    completed: 502,
    protocolError: 502,
    draining: 503,
    credentialExpired: 401,
    idleTimeout: 504,
    sessionTimeout: 504,
    requestTimeout: 504,
    auditFailed: 500,
    signedOut: 401,
    terminated: 403,
    rightRevoked: 403,
    rightUnconfirmed: 503,
    recordingFailed: 500,
  };
  for (const [reason, code] of Object.entries(rows)) {
    it(`${reason} is ${code}`, () => {
      assert.equal(toEndFault(reason as EndReason).code, code);
    });
  }
});
