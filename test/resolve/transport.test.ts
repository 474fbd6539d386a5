// How a session wants to be carried, and every way in which a handshake is refused before a node hears of it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusal, resolved, SPDY, WEBSOCKET } from './request.ts';

const EXEC = '/nodes/node-1/exec/default/shell/shell?command=id&output=1';

type Change = Readonly<Record<string, readonly string[]>>;

/** A handshake with some of its lines replaced by others (none: taken out). */
function changed(headers: readonly string[], change: Change): readonly string[] {
  const lines: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (!(name.toLowerCase() in change)) lines.push(name, headers[i + 1] ?? '');
  }
  for (const [name, values] of Object.entries(change)) for (const value of values) lines.push(name, value);
  return lines;
}

describe('SPDY', () => {
  for (const method of ['GET', 'POST']) {
    it(`is taken by ${method}`, () => {
      assert.deepEqual(resolved(method, EXEC, SPDY).transport, {
        kind: 'spdy',
        protocols: ['v4.channel.k8s.io'],
      });
    });
  }

  it('joins repeated and listed protocols in order', () => {
    const headers = changed(SPDY, {
      'x-stream-protocol-version': ['v5.channel.k8s.io, v4.channel.k8s.io', 'v3'],
    });
    assert.deepEqual(resolved('POST', EXEC, headers).transport, {
      kind: 'spdy',
      protocols: ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3'],
    });
  });

  it('is known in any case', () => {
    const headers = changed(SPDY, { upgrade: ['spdy/3.1'], connection: ['UPGRADE'] });
    assert.equal(resolved('POST', EXEC, headers).transport.kind, 'spdy');
  });
});

describe('a WebSocket', () => {
  it('is taken by GET', () => {
    assert.deepEqual(resolved('GET', EXEC, WEBSOCKET).transport, {
      kind: 'websocket',
      protocols: ['v5.channel.k8s.io'],
      key: 'dGhlIHNhbXBsZSBub25jZQ==',
    });
  });

  it('joins its subprotocols in order and leaves the token out', () => {
    const token = `base64url.bearer.authorization.k8s.io.${'a'.repeat(2000)}`;
    const headers = changed(WEBSOCKET, {
      upgrade: ['WebSocket'],
      'sec-websocket-protocol': [`v4.channel.k8s.io,${token}`, 'SPDY/3.1+portforward.k8s.io'],
    });
    const { transport } = resolved('GET', EXEC, headers);
    assert(transport.kind === 'websocket');
    assert.deepEqual(transport.protocols, ['v4.channel.k8s.io', 'SPDY/3.1+portforward.k8s.io']);
  });

  it('may offer no subprotocol', () => {
    const { transport } = resolved('GET', EXEC, changed(WEBSOCKET, { 'sec-websocket-protocol': [] }));
    assert(transport.kind === 'websocket');
    assert.deepEqual(transport.protocols, []);
  });

  it('by POST is 405', () => {
    const fault = refusal('POST', EXEC, WEBSOCKET);
    assert.equal(fault.code, 405);
    assert.equal(fault.headers['allow'], 'GET');
  });
});

describe('a handshake is refused', () => {
  const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
  const rows: readonly [title: string, headers: readonly string[], change: Change, message: RegExp][] = [
    ['without an Upgrade', SPDY, { upgrade: [] }, /^upgrade request required$/],
    ['without a Connection', SPDY, { connection: [] }, /Connection header does not say upgrade/],
    ['when Connection says something else', SPDY, { connection: ['keep-alive'] }, /does not say upgrade/],
    ['when Connection only resembles it', SPDY, { connection: ['x-upgrade'] }, /does not say upgrade/],
    [
      'with two Connection lines',
      SPDY,
      { connection: ['keep-alive', 'Upgrade'] },
      /connection header is repeated/,
    ],
    ['with two Upgrade lines', SPDY, { upgrade: ['websocket', 'SPDY/3.1'] }, /upgrade header is repeated/],
    ['with a list of upgrades', SPDY, { upgrade: ['SPDY/3.1, websocket'] }, /must be SPDY\/3.1 or websocket/],
    ['to h2c', SPDY, { upgrade: ['h2c'] }, /must be SPDY\/3.1 or websocket/],
    ['with an odd Upgrade', SPDY, { upgrade: ['SPDY/3.1\r\nX: y'] }, /must be SPDY\/3.1 or websocket/],
    [
      'without stream protocols',
      SPDY,
      { 'x-stream-protocol-version': [] },
      /needs an X-Stream-Protocol-Version/,
    ],
    ['with an empty stream protocol', SPDY, { 'x-stream-protocol-version': ['a,,b'] }, /malformed/],
    ['with CR LF in a protocol', SPDY, { 'x-stream-protocol-version': ['a\r\nb'] }, /malformed/],
    ['with NUL in a protocol', WEBSOCKET, { 'sec-websocket-protocol': ['a\0'] }, /malformed/],
    ['with a space in a protocol', WEBSOCKET, { 'sec-websocket-protocol': ['a b'] }, /malformed/],
    ['with an empty protocol line', WEBSOCKET, { 'sec-websocket-protocol': [''] }, /malformed/],
    ['with an endless protocol', WEBSOCKET, { 'sec-websocket-protocol': ['a'.repeat(257)] }, /malformed/],
    [
      'with a token of other characters',
      WEBSOCKET,
      { 'sec-websocket-protocol': ['base64url.bearer.authorization.k8s.io.a b'] },
      /malformed/,
    ],
    ['of another WebSocket version', WEBSOCKET, { 'sec-websocket-version': ['8'] }, /must be 13/],
    ['without a WebSocket version', WEBSOCKET, { 'sec-websocket-version': [] }, /must be 13/],
    ['without a key', WEBSOCKET, { 'sec-websocket-key': [] }, /16 bytes/],
    ['with a short key', WEBSOCKET, { 'sec-websocket-key': ['dGhlIHNhbXBsZQ=='] }, /16 bytes/],
    ['with a key that is not base64', WEBSOCKET, { 'sec-websocket-key': ['!'.repeat(24)] }, /16 bytes/],
    ['with two keys', WEBSOCKET, { 'sec-websocket-key': [KEY, KEY] }, /sec-websocket-key header is repeated/],
    ['with a body', SPDY, { 'content-length': ['16'] }, /must not have a body/],
    ['with two lengths', SPDY, { 'content-length': ['0', '16'] }, /must not have a body/],
    ['with a chunked body', SPDY, { 'transfer-encoding': ['chunked'] }, /must not have a body/],
  ];
  for (const [title, headers, change, message] of rows) {
    it(title, () => {
      const fault = refusal('GET', EXEC, changed(headers, change));
      assert.equal(fault.code, 400);
      assert.match(fault.message, message);
    });
  }

  it('but not for a body of no length', () => {
    resolved('POST', EXEC, changed(SPDY, { 'content-length': ['0'] }));
  });

  for (const path of [
    'exec/default/shell/shell?command=id&output=1',
    'attach/default/shell/shell?output=1',
    'portForward/default/web',
  ]) {
    it(`${path} without one`, () => {
      assert.equal(refusal('GET', `/nodes/node-1/${path}`, []).message, 'upgrade request required');
    });
  }

  for (const [method, target] of [
    ['GET', '/nodes/node-1/pods'],
    ['GET', '/nodes/node-1/containerLogs/default/shell/shell?follow=true'],
    ['POST', '/nodes/node-1/run/default/shell/shell?cmd=id'],
    ['GET', '/nodes/node-1/version'],
    ['GET', '/nodes/node-1/logs'],
    ['GET', '/sd/prometheus'],
  ] as const) {
    it(`on ${target}, which does not upgrade`, () => {
      assert.equal(refusal(method, target, WEBSOCKET).code, 400);
      assert.equal(refusal(method, target, SPDY).message, 'this path does not upgrade the connection');
    });
  }
});
