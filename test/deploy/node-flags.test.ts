// Whoever starts the program as it is shipped gives Node the same flags: docs/adr/0025.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SHIPPED_FLAGS } from '../../bench/proxies/gateway.ts';

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');

const flagsIn = (text: string): readonly string[] => text.match(/--max-[\w-]+=\d+/g) ?? [];

describe('the flags of Node', () => {
  const [entryPoint = ''] = /^ENTRYPOINT .*$/m.exec(read('Dockerfile')) ?? [];
  const [firstLine = ''] = read('src/main.ts').split('\n', 1);
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };
  const [byHand = ''] = /`node [^`]*dist\/main\.js`/.exec(read('README.md')) ?? [];

  for (const [where, text] of [
    ['the image', entryPoint],
    ['the built program', firstLine],
    ['npm start', scripts['start'] ?? ''],
    ['npm run gateway', scripts['gateway'] ?? ''],
    ['the README', byHand],
  ] as const) {
    it(`are those of the benchmark in ${where}`, () => {
      assert.deepEqual(flagsIn(text), SHIPPED_FLAGS);
    });
  }

  it('keep the young generation within 32 MB', () => {
    const script = `
      const kept = [];
      for (let i = 0; i < 2_000_000; i += 1) kept[i % 200_000] = { i, list: [i] };
      const space = require('node:v8').getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
      console.log(space.space_size);`;
    const bytes = (flags: readonly string[]): number =>
      Number(execFileSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' }));
    assert.ok(bytes(SHIPPED_FLAGS) <= 32 * 1024 * 1024);
    assert.ok(bytes([]) > 32 * 1024 * 1024, 'Node has another default by now: the flag may go');
  });
});
