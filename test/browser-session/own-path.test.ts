// S10: where somebody may be sent after signing in.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isOwnPath } from '../../src/browser-session/own-path.ts';

describe('an address to return to', () => {
  for (const path of [
    '/',
    '/-/home',
    '/-/whoami',
    '/nodes/node-1/metrics',
    '/nodes/node-1/logs/?query=kubelet&tailLines=5',
    '/nodes/node-1/logs/a%20b',
    '/nodes/n/logs/x?u=https%3A%2F%2Fevil.example',
  ]) {
    it(`may be ${path}`, () => assert.equal(isOwnPath(path), true));
  }
  for (const path of [
    '',
    'nodes',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '\\\\evil.example',
    'https:evil.example',
    'https://evil.example',
    'https:/evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r\nSet-Cookie: a=b',
    '\t//evil.example',
    ' //evil.example',
    '/ /evil.example',
    '/%2Fevil.example',
    '/%2fevil.example',
    '/%5Cevil.example',
    '/%09/evil.example',
    '/%0d%0aSet-Cookie:a',
    '/a/%5c/evil',
    '/a//b',
    '/a\\b',
    '/a#b',
    '/./a',
    '/a/../b',
    '/..//evil.example',
    '/.//evil.example',
    '/%2e/a',
    '/é',
    '/a\u0000b',
    '/a\u2028b',
    '/-/login',
    '/-/login?return=%2F',
    '/-/login/demo',
    '/-/callback/demo?code=x&state=y',
    '/-/logout',
    '/-/style.css',
    `/${'a'.repeat(5000)}`,
  ]) {
    it(`may not be ${JSON.stringify(path.slice(0, 60))}`, () => assert.equal(isOwnPath(path), false));
  }
});
