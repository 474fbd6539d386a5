import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { inspect } from 'node:util';
import type { FileCredentialSource } from '../../src/core/credential-source.ts';
import { createCredentialStore } from '../../src/credential/store.ts';
import { Fault } from '../../src/core/fault.ts';
import type { NodeName } from '../../src/core/names.ts';
import type { KubeletCredential } from '../../src/core/node.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createAuthority } from '../support/pki.ts';
import { nodeName } from '../support/resolved.ts';

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

let pairs: readonly Pair[];
before(async () => {
  const authority = await createAuthority('kubelet-clients');
  pairs = await Promise.all(
    ['a', 'b', 'c'].map((commonName) => authority.issue({ commonName, usages: ['client'] })),
  );
});
const pair = (i: number): Pair => {
  const found = pairs[i];
  assert.ok(found);
  return found;
};

const node1 = nodeName('node-1');
const node2 = nodeName('node-2');

function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'credentials-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = createFakeClock();
  const log = createKeptLog();
  const states: unknown[] = [];
  const path = (name: string) => join(folder, name);
  const write = (name: string, text: string) => {
    writeFileSync(path(`${name}.new`), text);
    renameSync(path(`${name}.new`), path(name));
  };
  return {
    clock,
    log,
    states,
    path,
    write,
    writePair: (name: string, { certificate, key }: Pair) => {
      write(`${name}.crt`, certificate);
      write(`${name}.key`, key);
    },
    certificate: (name: string, files = name): FileCredentialSource => ({
      kind: 'certificate',
      name,
      certificateFile: path(`${files}.crt`),
      privateKeyFile: path(`${files}.key`),
    }),
    token: (name: string): FileCredentialSource => ({
      kind: 'bearerToken',
      name,
      bearerTokenFile: path(name),
    }),
    open: (...sources: FileCredentialSource[]) =>
      createCredentialStore({ clock, log, onState: (...state) => void states.push(state) }, sources),
  };
}

const certificateOf = ({ material }: KubeletCredential): string => {
  assert.ok(material.kind === 'certificate');
  return material.certificate;
};

const isUnusable = (cause: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault);
  assert.equal(error.code, 503);
  assert.equal(error.message, 'no usable credential for this node');
  assert.match(String(error.cause), cause);
  return true;
};

describe('a credential with fixed file names', () => {
  it('is read at the start, and is one for all nodes', (t) => {
    const s = start(t);
    s.writePair('reader', pair(0));
    const store = s.open(s.certificate('reader'));
    assert.deepEqual([...store.names], ['reader']);
    assert.deepEqual(s.states, [['reader', undefined, true]]);
    const credential = store.get('reader', node1);
    assert.equal(credential, store.get('reader', node2));
    assert.equal(credential.name, 'reader');
    assert.equal(certificateOf(credential), pair(0).certificate);
    assert.ok(credential.material.kind === 'certificate');
    assert.equal(credential.material.key.reveal(), pair(0).key);
    assert.ok(!`${inspect(credential, { depth: 9 })}${JSON.stringify(credential)}`.includes('PRIVATE KEY'));
  });

  it('may be a bearer token', (t) => {
    const s = start(t);
    s.write('token', 'first.token\n');
    const store = s.open(s.token('token'));
    const first = store.get('token', node1);
    assert.ok(first.material.kind === 'bearerToken');
    assert.equal(first.material.token.reveal(), 'first.token');
    assert.ok(!JSON.stringify(first).includes('first'));
    s.write('token', 'second.token');
    s.clock.advance(5000);
    const second = store.get('token', node1);
    assert.ok(second.material.kind === 'bearerToken');
    assert.equal(second.material.token.reveal(), 'second.token');
    assert.notEqual(second.fingerprint, first.fingerprint);
  });

  it('that is missing is 503 until it is there, and hinders no other', (t) => {
    const s = start(t);
    s.writePair('good', pair(0));
    const store = s.open(s.certificate('late'), s.certificate('good'));
    assert.throws(() => store.get('late', node1), isUnusable(/ENOENT/));
    assert.equal(store.get('good', node1).name, 'good');
    s.writePair('late', pair(1));
    s.clock.advance(5000);
    assert.equal(store.get('late', node1).name, 'late');
    assert.deepEqual(s.states, [
      ['late', undefined, false],
      ['good', undefined, true],
      ['late', undefined, true],
    ]);
  });

  it('that is not in the configuration is 503', (t) => {
    assert.throws(() => start(t).open().get('ghost', node1), isUnusable(/no credential "ghost"/));
  });

  const malformed: readonly [string, (s: ReturnType<typeof start>) => FileCredentialSource, RegExp][] = [
    [
      'a certificate that is none',
      (s) => (s.writePair('x', { ...pair(0), certificate: 'nonsense' }), s.certificate('x')),
      /./,
    ],
    [
      'a key that is none',
      (s) => (s.writePair('x', { ...pair(0), key: 'nonsense' }), s.certificate('x')),
      /./,
    ],
    [
      'an empty certificate',
      (s) => (s.writePair('x', { ...pair(0), certificate: '' }), s.certificate('x')),
      /./,
    ],
    [
      'a key of another certificate',
      (s) => (s.writePair('x', { ...pair(0), key: pair(1).key }), s.certificate('x')),
      /does not belong/,
    ],
    ['an empty token', (s) => (s.write('x', ' \n'), s.token('x')), /does not hold one token/],
    [
      'a token with a line break',
      (s) => (s.write('x', 'a\r\nX-Evil: b'), s.token('x')),
      /does not hold one token/,
    ],
  ];
  for (const [what, make, cause] of malformed) {
    it(`is refused: ${what}`, (t) => {
      const s = start(t);
      const store = s.open(make(s));
      assert.throws(() => store.get('x', node1), isUnusable(cause));
      assert.ok(!inspect(s.log.lines).includes('nonsense'));
    });
  }
});

describe('a credential whose files change', () => {
  it('is looked at again after a while, and not on every use', (t) => {
    const s = start(t);
    s.writePair('reader', pair(0));
    const store = s.open(s.certificate('reader'));
    const first = store.get('reader', node1);
    s.writePair('reader', pair(1));
    s.clock.advance(4999);
    assert.equal(store.get('reader', node1), first);
    s.clock.advance(1);
    const second = store.get('reader', node1);
    assert.equal(certificateOf(second), pair(1).certificate);
    assert.notEqual(second.fingerprint, first.fingerprint);
    assert.deepEqual(s.states, [['reader', undefined, true]]);
    assert.deepEqual(
      s.log.lines.map(({ message }) => message),
      ['the credential was replaced'],
    );
  });

  it('is looked at again when the clock was set back', (t) => {
    const s = start(t);
    s.writePair('reader', pair(0));
    const store = s.open(s.certificate('reader'));
    s.writePair('reader', pair(1));
    s.clock.advance(-3_600_000);
    assert.equal(certificateOf(store.get('reader', node1)), pair(1).certificate);
  });

  it('is noticed when only the inode differs', (t) => {
    const s = start(t);
    s.write('token', 'aaaa');
    const { atime, mtime } = statSync(s.path('token'));
    const store = s.open(s.token('token'));
    const first = store.get('token', node1).fingerprint;
    s.write('token', 'bbbb');
    utimesSync(s.path('token'), atime, mtime);
    s.clock.advance(5000);
    assert.notEqual(store.get('token', node1).fingerprint, first);
  });

  it('stays what it was while certificate and key are not a pair, which is said once', (t) => {
    const s = start(t);
    s.writePair('reader', pair(0));
    const store = s.open(s.certificate('reader'));
    s.write('reader.crt', pair(1).certificate);
    for (let i = 0; i < 3; i += 1) {
      s.clock.advance(5000);
      assert.equal(certificateOf(store.get('reader', node1)), pair(0).certificate);
    }
    assert.deepEqual(s.states, [
      ['reader', undefined, true],
      ['reader', undefined, false],
    ]);
    assert.deepEqual(
      s.log.lines.map(({ level, message }) => [level, message]),
      [['error', 'the credential cannot be read; the last good one stays in use']],
    );

    s.write('reader.key', pair(1).key);
    s.clock.advance(5000);
    assert.equal(certificateOf(store.get('reader', node1)), pair(1).certificate);
    assert.deepEqual(s.states.at(-1), ['reader', undefined, true]);
  });

  it('stays what it was while its files are gone, and comes back', (t) => {
    const s = start(t);
    s.writePair('reader', pair(0));
    const store = s.open(s.certificate('reader'));
    const first = store.get('reader', node1);
    renameSync(s.path('reader.key'), s.path('aside'));
    s.clock.advance(5000);
    assert.equal(store.get('reader', node1), first);
    renameSync(s.path('aside'), s.path('reader.key'));
    s.clock.advance(5000);
    assert.equal(store.get('reader', node1), first);
    assert.deepEqual(
      s.states.map((state) => (state as unknown[])[2]),
      [true, false, true],
    );
    unlinkSync(s.path('reader.crt'));
    s.clock.advance(5000);
    assert.equal(store.get('reader', node1), first);
  });
});

describe('a credential with the node in its file names', () => {
  it('is read when a node is first spoken to, one for each', (t) => {
    const s = start(t);
    s.writePair('node-1-reader', pair(0));
    const store = s.open(s.certificate('reader', '{node}-reader'));
    assert.deepEqual(s.states, []);
    assert.equal(certificateOf(store.get('reader', node1)), pair(0).certificate);
    assert.throws(() => store.get('reader', node2), isUnusable(/ENOENT/));
    s.writePair('node-2-reader', pair(1));
    s.clock.advance(5000);
    assert.equal(certificateOf(store.get('reader', node2)), pair(1).certificate);
    assert.equal(certificateOf(store.get('reader', node1)), pair(0).certificate);
    assert.deepEqual(s.states, [
      ['reader', 'node-1', true],
      ['reader', 'node-2', false],
      ['reader', 'node-2', true],
    ]);
  });

  it('may have it in one of the names, and more than once', (t) => {
    const s = start(t);
    s.write('node-1-node-1.crt', pair(2).certificate);
    s.write('shared.key', pair(2).key);
    const store = s.open({
      kind: 'certificate',
      name: 'x',
      certificateFile: s.path('{node}-{node}.crt'),
      privateKeyFile: s.path('shared.key'),
    });
    assert.equal(certificateOf(store.get('x', node1)), pair(2).certificate);
  });

  for (const evil of ['../x', 'a/b', '..', '', 'a..b', 'A', 'x\0', '{node}', '$&']) {
    it(`is never read for ${JSON.stringify(evil)}`, (t) => {
      const s = start(t);
      const store = s.open(s.certificate('reader', '{node}-reader'));
      assert.throws(() => store.get('reader', evil as NodeName), isUnusable(/not the name of a node/));
    });
  }
});
