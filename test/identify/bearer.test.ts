import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderLines } from '../../src/core/headers.ts';
import { readBearer } from '../../src/identify/bearer.ts';

const read = (...lines: string[]): string | undefined => readBearer(new HeaderLines(lines));
const encoded = (token: string): string =>
  `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
const WS = ['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Protocol'];

describe('readBearer', () => {
  const accepted: readonly (readonly [string, string[], string | undefined])[] = [
    ['nothing', [], undefined],
    ['a bearer token', ['Authorization', 'Bearer a.b.c'], 'a.b.c'],
    ['the scheme in any case', ['authorization', 'bEARER a.b.c'], 'a.b.c'],
    ['spaces around', ['Authorization', '  Bearer   a.b.c  '], 'a.b.c'],
    ['protocols without a token', [...WS, 'v5.channel.k8s.io, v4.channel.k8s.io'], undefined],
    ['a token as a subprotocol', [...WS, `v5.channel.k8s.io, ${encoded('a.b.c')}`], 'a.b.c'],
    [
      'the same in two lines',
      [...WS, encoded('a.b.c'), 'Sec-WebSocket-Protocol', 'v4.channel.k8s.io'],
      'a.b.c',
    ],
    ['a token of 16 KiB', ['Authorization', `Bearer ${'a'.repeat(16_384)}`], 'a'.repeat(16_384)],
  ];
  for (const [what, lines, token] of accepted) {
    it(`reads ${what}`, () => {
      assert.equal(read(...lines), token);
    });
  }

  const refused: readonly (readonly [string, string[], 'BadRequest' | 'Unauthorized', RegExp])[] = [
    [
      'two Authorization lines',
      ['Authorization', 'Bearer a', 'Authorization', 'Bearer a'],
      'BadRequest',
      /more than one/,
    ],
    ['an empty Authorization', ['Authorization', ''], 'Unauthorized', /scheme/],
    ['Basic', ['Authorization', 'Basic YTpi'], 'Unauthorized', /use Bearer/],
    ['Negotiate', ['Authorization', 'Negotiate x'], 'Unauthorized', /use Bearer/],
    ['a bare token', ['Authorization', 'a.b.c'], 'Unauthorized', /use Bearer/],
    ['Bearer alone', ['Authorization', 'Bearer '], 'Unauthorized', /one token/],
    ['two tokens', ['Authorization', 'Bearer a b'], 'Unauthorized', /one token/],
    ['a comma list', ['Authorization', 'Bearer a,Bearer b'], 'Unauthorized', /one token/],
    ['a tab for a space', ['Authorization', 'Bearer\ta'], 'Unauthorized', /use Bearer/],
    ['a tab beside the space', ['Authorization', 'Bearer \ta'], 'Unauthorized', /characters/],
    ['characters of no token', ['Authorization', 'Bearer a"b'], 'Unauthorized', /characters/],
    ['a token above 16 KiB', ['Authorization', `Bearer ${'a'.repeat(16_385)}`], 'Unauthorized', /longer/],
    [
      'header and subprotocol',
      ['Authorization', 'Bearer a', ...WS, `v4.channel.k8s.io, ${encoded('a')}`],
      'BadRequest',
      /both/,
    ],
    [
      'two as subprotocols',
      [...WS, `${encoded('a')}, ${encoded('b')}, v4.channel.k8s.io`],
      'BadRequest',
      /more than/,
    ],
    [
      'the same one twice',
      [...WS, `${encoded('a')}, ${encoded('a')}, v4.channel.k8s.io`],
      'BadRequest',
      /more than/,
    ],
    ['no other subprotocol', [...WS, encoded('a')], 'BadRequest', /another subprotocol/],
    ['no other but empty ones', [...WS, `${encoded('a')}, ,`], 'BadRequest', /another subprotocol/],
    ['padding', [...WS, `${encoded('ab')}=, v4.channel.k8s.io`], 'Unauthorized', /base64url/],
    ['plain base64', [...WS, 'base64url.bearer.authorization.k8s.io.a+b/, x'], 'Unauthorized', /base64url/],
    ['an empty one', [...WS, 'base64url.bearer.authorization.k8s.io., x'], 'Unauthorized', /characters/],
    [
      'the prefix in another case',
      [...WS, `${encoded('a').replace('bearer', 'BEARER')}, x`],
      'Unauthorized',
      /base64url/,
    ],
    ['bytes beyond ASCII', [...WS, `${encoded('ü')}, x`], 'Unauthorized', /characters/],
    [
      'no WebSocket request',
      ['Sec-WebSocket-Protocol', `x, ${encoded('a')}`],
      'BadRequest',
      /WebSocket request/,
    ],
    [
      'another upgrade',
      ['Upgrade', 'SPDY/3.1', 'Sec-WebSocket-Protocol', `x, ${encoded('a')}`],
      'BadRequest',
      /WebSocket request/,
    ],
  ];
  for (const [what, lines, reason, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => read(...lines), { reason, message });
    });
  }
});
