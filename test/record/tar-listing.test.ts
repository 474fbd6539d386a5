// Archives that somebody made by hand, to hide a file from the listing, to have it named as another, to keep a recording
// from its end, or to have memory taken. What an extracting tar takes for an entry is one here.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { MAX_HEADER_BYTES, TarListing } from '../../src/record/tar-listing.ts';
import { END, cut, extended, file, header, list, padded, record } from './tar-archives.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MALFORMED = 'the archive is cut short or malformed';

describe('an archive that was made by hand', () => {
  const rows: readonly (readonly [string, readonly Buffer[], readonly string[], string?])[] = [
    ...(['1', '2', '3', '4', '5', '6'] as const).map(
      (type): [string, readonly Buffer[], readonly string[]] => [
        `an entry of type ${type}, which has no body, says that it has a size: nothing is hidden behind it`,
        [header('first', { type, size: 512 }), file('second')],
        [
          `${{ 1: 'link', 2: 'symlink', 3: 'character-device', 4: 'block-device', 5: 'directory', 6: 'fifo' }[type]} first 0`,
          'file second 0',
        ],
      ],
    ),
    [
      'a file whose name ends in a slash is a directory, and has no body',
      [header('folder/', { size: 512 }), file('second')],
      ['directory folder/ 0', 'file second 0'],
    ],
    [
      'a contiguous one, too',
      [header('folder/', { type: '7', size: 512 }), file('second')],
      ['directory folder/ 0', 'file second 0'],
    ],
    [
      'a directory at the very end says that it has a size',
      [header('folder/', { type: '5', size: 1_000_000 })],
      ['directory folder/ 0'],
    ],
    [
      'pax names, links and sizes count for one entry',
      [
        extended(record('path', 'real') + record('size', '3') + record('linkpath', 'there')),
        header('decoy'),
        padded(Buffer.from('abc')),
        file('next'),
      ],
      ['file real 3 -> there', 'file next 0'],
    ],
    [
      'the last of two pax records counts, whatever else is between',
      [extended(record('path', 'a') + record('__proto__', 'x') + record('path', 'b')), file('decoy')],
      ['file b 0'],
    ],
    [
      'a pax name over a GNU name',
      [extended('gnu\0', 'L'), extended(record('path', 'pax')), file('x')],
      ['file pax 0'],
    ],
    [
      'and the other way round',
      [extended(record('path', 'pax')), extended('gnu\0', 'L'), file('x')],
      ['file pax 0'],
    ],
    ['the old letter of pax', [extended(record('path', 'solaris'), 'X'), file('x')], ['file solaris 0']],
    [
      'a global name counts for all that follow',
      [extended(record('path', 'all'), 'g'), file('x'), file('y')],
      ['file all 0', 'file all 0'],
    ],
    [
      'an empty extended header',
      [header('e', { type: 'x' }), file('x', 10), file('y')],
      ['file x 10', 'file y 0'],
    ],
    ['an empty long name', [header('e', { type: 'L' }), file('x', 10), file('y')], ['file x 10', 'file y 0']],
    [
      'a sparse file in the old format, with two blocks of a map',
      [
        header('sparse', { type: 'S', size: 600, magic: 'ustar  \0', also: (block) => (block[482] = 1) }),
        Buffer.alloc(512).fill(1, 504, 505),
        Buffer.alloc(512),
        padded(Buffer.alloc(600, 'x')),
        file('y'),
      ],
      ['sparse-file sparse 600', 'file y 0'],
    ],
    [
      'a sparse file in the new format',
      [
        extended(record('path', 'GNUSparseFile.0/s') + record('GNU.sparse.name', 's')),
        file('GNUSparseFile.0/s', 5),
      ],
      ['file s 5'],
    ],
    [
      'a type that nobody knows has a body',
      [header('z', { type: 'Z', size: 5 }), padded(Buffer.from('abcde')), file('y')],
      ['unknown z 5', 'file y 0'],
    ],
    ["GNU's magic has no prefix", [header('x', { magic: 'ustar  \0', prefix: 'pre' })], ['file x 0']],
    ["and POSIX's has", [header('x', { prefix: 'pre' })], ['file pre/x 0']],
    [
      'a header of the seventies among others',
      [file('x'), header('old', { magic: '' })],
      ['file x 0', 'file old 0'],
    ],
    ['a sum of signed bytes', [header('gr\u00fc\u00dfe', { signed: true })], ['file grüße 0']],
    ['a lone block of zeros', [file('x'), Buffer.alloc(512), file('y')], ['file x 0', 'file y 0']],
    [
      'names that would steer a terminal are names',
      [file('a\u001b]52;c;eA==\u0007\n'), extended(record('path', '\u202egnp.exe\u009b2J')), file('x')],
      ['file a\u001b]52;c;eA==\u0007\n 0', 'file \u202egnp.exe\u009b2J 0'],
    ],
    ['a name that is not UTF-8', [header(Buffer.from([0x61, 0xff, 0xfe]))], ['file a\ufffd\ufffd 0']],
    [
      'a size of base 256',
      [
        header('x', { size: Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]) }),
        padded(Buffer.from('abc')),
        file('y'),
      ],
      ['file x 3', 'file y 0'],
    ],
    ['a negative one', [header('x', { size: Buffer.alloc(12, 0xff) }), file('y')], [], MALFORMED],
    [
      'one that is no safe integer',
      [header('x', { size: Buffer.from([0x80, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0]) })],
      [],
      MALFORMED,
    ],
    ['one of other digits', [header('x', { size: '00000000009\0' }), file('y')], [], MALFORMED],
    ...['-5', '1e3', '0x10', '9'.repeat(400), ''].map(
      (size): [string, readonly Buffer[], readonly string[], string] => [
        `a pax size of ${size.slice(0, 10)}`,
        [extended(record('size', size)), file('x')],
        [],
        MALFORMED,
      ],
    ),
    ...[
      '0 a=b\n',
      '-5 path=x\n',
      '99 path=x\n',
      '6 a=b',
      '3 =',
      '7 ab=c',
      ' 6 a=b\n',
      '6 a=bc',
      '5 ab\n',
    ].map((body): [string, readonly Buffer[], readonly string[], string] => [
      `pax records that are none: ${JSON.stringify(body)}`,
      [extended(body), file('x')],
      [],
      MALFORMED,
    ]),
    [
      'a sum that is wrong',
      [file('x'), Buffer.from(file('y')).fill('9', 148, 154), file('z')],
      ['file x 0'],
      MALFORMED,
    ],
    [
      'a huge extended header',
      [file('x'), header('e', { type: 'x', size: MAX_HEADER_BYTES + 1 }), file('y')],
      ['file x 0'],
      'the archive has a header that is too long',
    ],
    [
      'an extended header of a negative size',
      [header('e', { type: 'x', size: Buffer.alloc(12, 0xff) }), file('y')],
      [],
      MALFORMED,
    ],
    ['half a header', [file('x'), header('y').subarray(0, 300)], ['file x 0'], MALFORMED],
    ['half a body', [header('x', { size: 1000 }), Buffer.alloc(512)], ['file x 1000'], MALFORMED],
    ['half an extended header', [header('x', { type: 'x', size: 1000 }), Buffer.alloc(512)], [], MALFORMED],
  ];
  for (const [what, parts, entries, problem] of rows) {
    it(what, () => {
      const isWhole = problem !== MALFORMED || !what.startsWith('half');
      const bytes = Buffer.concat([...parts, ...(isWhole && !what.includes('very end') ? [END] : [])]);
      const expected = { entries, problems: problem === undefined ? [] : [problem] };
      for (const size of [bytes.length, 513, 511, 7, 1]) assert.deepEqual(list(cut(bytes, size)), expected);
    });
  }

  it('has names of any length: none is cut within a character, and none is longer than a path can be', () => {
    const name = `${'n'.repeat(4095)}${'\u{1f600}'.repeat(10)}`;
    const { entries } = list([extended(record('path', name)), file('x')]);
    assert.equal(entries.length, 1);
    const [entry = ''] = entries;
    assert.ok(entry.isWellFormed());
    assert.equal(entry.length, 'file  0'.length + 4096);
  });

  it('comes byte by byte with the longest extended header: it takes the memory of one', () => {
    const listing = new TarListing({ onEntry: () => undefined, onProblem: () => undefined });
    const byte = Buffer.alloc(1, 'x');
    listing.write(header('e', { type: 'x', size: MAX_HEADER_BYTES }));
    collectGarbage();
    const before = process.memoryUsage();
    for (let at = 0; at < MAX_HEADER_BYTES - 1; at += 1) listing.write(byte);
    collectGarbage();
    const after = process.memoryUsage();
    assert.ok(after.arrayBuffers - before.arrayBuffers < 2 * MAX_HEADER_BYTES);
    assert.ok(after.heapUsed - before.heapUsed < 4 * MAX_HEADER_BYTES);
    listing.write(byte);
  });

  it('is any bytes at all: nothing is thrown, at most one problem is told, and after it nothing', () => {
    const block = fc.oneof(
      fc
        .record({
          type: fc.constantFrom('0', '5', 'x', 'g', 'L', 'K', 'S', '2', 'Z', '\0'),
          size: fc.nat(3000),
        })
        .map((made) => header('n', made)),
      fc
        .constantFrom(record('path', 'p'), record('size', '700'), record('size', '0'))
        .map((text) => padded(Buffer.from(text))),
      fc.uint8Array({ minLength: 1, maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
      fc.constant(Buffer.alloc(512)),
    );
    fc.assert(
      fc.property(fc.array(block, { maxLength: 12 }), fc.integer({ min: 1, max: 2000 }), (parts, size) => {
        const bytes = Buffer.concat(parts);
        const whole = list([bytes]);
        assert.ok(whole.problems.length <= 1);
        assert.deepEqual(list(cut(bytes, size)), whole);
      }),
      { numRuns: 1000 },
    );
  });
});
