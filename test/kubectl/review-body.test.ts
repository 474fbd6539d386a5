// Reviews of one's own rights, as kubectl sends them and as an attacker may.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/core/fault.ts';
import { readAccessReview, readRulesReview } from '../../src/kubectl/review-body.ts';

type Part = Buffer | string;

/** A length-delimited field. */
function field(id: number, ...parts: readonly Part[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  assert(body.length < 16_384);
  const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return Buffer.concat([Buffer.from([(id << 3) | 2, ...length]), body]);
}

const envelope = (kind: string, spec: Buffer, apiVersion = 'authorization.k8s.io/v1'): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    field(1, field(1, apiVersion), field(2, kind)),
    field(2, field(1, field(1, '')), field(2, spec)),
    field(3, ''),
    field(4, ''),
  ]);

const ATTRIBUTES = field(1, field(1, 'default'), field(2, 'create'), field(5, 'pods'), field(6, 'exec'));
const ACCESS = envelope('SelfSubjectAccessReview', ATTRIBUTES);
const RULES = envelope('SelfSubjectRulesReview', field(1, 'default'));

const refusal = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    assert(error instanceof Fault);
    assert.equal(error.reason, 'BadRequest');
    return error.message;
  }
  return '';
};

describe('a review', () => {
  const attributes = {
    namespace: 'default', verb: 'create', apiGroup: '', version: '', resource: 'pods', subresource: 'exec', name: '',
  }; // prettier-ignore

  it('in protobuf', () => {
    assert.deepEqual(readAccessReview(ACCESS), attributes);
    assert.equal(readRulesReview(RULES), 'default');
    const path = envelope('SelfSubjectAccessReview', field(2, field(1, '/metrics'), field(2, 'get')));
    assert.deepEqual(readAccessReview(path), { verb: 'get', path: '/metrics' });
  });

  it('in JSON', () => {
    const json = (kind: string, spec: object): Buffer =>
      Buffer.from(JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind, spec }));
    const { apiGroup: group, ...others } = attributes;
    assert.deepEqual(
      readAccessReview(json('SelfSubjectAccessReview', { resourceAttributes: { ...others, group } })),
      attributes,
    );
    assert.equal(readRulesReview(json('SelfSubjectRulesReview', { namespace: 'x' })), 'x');
    assert.match(
      refusal(() => readAccessReview(json('SelfSubjectAccessReview', {}))),
      /exactly one/,
    );
  });

  it('in JSON without its kind, or with one of the two words, is what its path says', () => {
    for (const said of [{}, { apiVersion: 'authorization.k8s.io/v1' }, { kind: 'SelfSubjectAccessReview' }]) {
      const body = { ...said, spec: { nonResourceAttributes: { path: '/metrics', verb: 'get' } } };
      const read = () => readAccessReview(Buffer.from(JSON.stringify(body)));
      assert.deepEqual(read(), { verb: 'get', path: '/metrics' });
    }
    for (const said of [{ kind: 'Pod' }, { kind: null }, { apiVersion: 'v1' }, { apiVersion: '' }]) {
      const body = Buffer.from(JSON.stringify({ ...said, spec: { namespace: 'x' } }));
      assert.match(
        refusal(() => readRulesReview(body)),
        /must be a SelfSubjectRulesReview/,
      );
    }
    for (const body of ['[]', 'null', '"x"', '1']) {
      assert.match(
        refusal(() => readRulesReview(Buffer.from(body))),
        /must be a SelfSubjectRulesReview/,
      );
    }
  });

  it('of another kind is refused, and so are both at once', () => {
    assert.match(
      refusal(() => readAccessReview(RULES)),
      /must be a SelfSubjectAccessReview/,
    );
    assert.match(
      refusal(() => readRulesReview(ACCESS)),
      /must be a SelfSubjectRulesReview/,
    );
    const beta = envelope('SelfSubjectAccessReview', ATTRIBUTES, 'authorization.k8s.io/v1beta1');
    assert.match(
      refusal(() => readAccessReview(beta)),
      /authorization.k8s.io\/v1/,
    );
    const both = envelope('SelfSubjectAccessReview', Buffer.concat([ATTRIBUTES, field(2, field(1, '/'))]));
    assert.match(
      refusal(() => readAccessReview(both)),
      /exactly one/,
    );
  });
});

describe('whatever comes is read or refused', () => {
  const readAll = (body: Buffer): void => {
    refusal(() => readAccessReview(body));
    refusal(() => readRulesReview(body));
  };

  it('cut at every position, and with every byte changed', () => {
    for (const body of [ACCESS, RULES]) {
      for (let at = 0; at < body.length; at += 1) {
        readAll(body.subarray(0, at));
        for (const flip of [0x01, 0x80, 0xff]) {
          const changed = Buffer.from(body);
          changed.writeUInt8((changed[at] ?? 0) ^ flip, at);
          readAll(changed);
        }
      }
    }
  });

  it('random bytes, with and without the magic', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        readAll(Buffer.from(bytes));
        readAll(Buffer.concat([Buffer.from('k8s\0'), bytes]));
      }),
      { numRuns: 500 },
    );
  });

  const magic = Buffer.from('k8s\0');
  for (const [what, body] of [
    ['a length of 4 GB', Buffer.concat([magic, Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])])],
    ['a length of 2^63', Buffer.concat([magic, Buffer.from([0x0a, ...Array<number>(9).fill(0xff), 0x7f])])],
    ['a varint without an end', Buffer.concat([magic, Buffer.alloc(60_000, 0xff)])],
    ['groups 30,000 deep', Buffer.concat([magic, Buffer.alloc(60_000, 0x0b)])],
    ['groups that end', Buffer.concat([magic, Buffer.alloc(30_000, 0x0b), Buffer.alloc(30_000, 0x0c)])],
    ['30,000 fields', Buffer.concat([magic, Buffer.alloc(60_000, Buffer.from([0x0a, 0x00]))])],
    ['JSON 30,000 deep', Buffer.from('['.repeat(30_000))],
    ['JSON 30,000 deep that ends', Buffer.from('['.repeat(30_000) + ']'.repeat(30_000))],
    [
      'a text that is not UTF-8',
      envelope('SelfSubjectAccessReview', field(1, field(2, Buffer.from([0xff])))),
    ],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    it(what, () =>
      assert.notEqual(
        refusal(() => readAccessReview(body)),
        '',
      ),
    );
  }
});
