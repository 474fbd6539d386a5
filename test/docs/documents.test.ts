// The documents say what is there: every local link leads somewhere, every `npm run` is a script, every command and
// option of the program that is named exists, and every page can be found from the README.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli/main.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

const below = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...below('docs'),
  ...below('deploy'),
  ...below('bench'),
].sort();

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutBlocks(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let at = 1; anchors.has(anchor); at += 1) anchor = `${slug}-${at}`;
    anchors.add(anchor);
  }
  return anchors;
}

const withoutBlocks = (text: string): string => text.replace(/^ *```[\s\S]*?^ *```$/gm, '');

function* localLinks(text: string): Generator<string> {
  const prose = withoutBlocks(text).replace(/`[^`\n]*`/g, '');
  for (const [, target = ''] of prose.matchAll(/\]\(<?([^)\s>]+)>?\)/g)) {
    if (!/^[a-z]+:/.test(target)) yield target;
  }
}

/** What is written to be typed: code blocks, with lines that go on put together, and code in the text. */
function* typed(text: string): Generator<string> {
  for (const [, block = ''] of text.matchAll(/^ *```(?:sh|shell|console)?\n([\s\S]*?)^ *```$/gm)) {
    yield* block.replace(/\\\n\s*/g, '').split('\n');
  }
  for (const [, code = ''] of withoutBlocks(text).matchAll(/`([^`]+)`/g)) yield code.replace(/\s+/g, ' ');
}

// A namespace may have the same name: `kubectl -n kubelet-gateway`.
const PROGRAM =
  /(?:^|[\s|;&(])(?:(?<!-n )kubelet-gateway|node (?:dist\/main\.js|src\/main\.ts)|npm run (?:-s )?gateway --) +([a-z][a-z-]*)(.*)/;

/** `kubelet-gateway doctor --config …`: the command and what follows it, up to a comment, a pipe, or another command. */
function toCall(line: string): { command: string; rest: string } | undefined {
  const [, command, rest = ''] = PROGRAM.exec(line) ?? [];
  if (command === undefined) return undefined;
  return { command, rest: rest.split(/ # | \| | && |; | -- /, 1)[0] ?? '' };
}

/** What the program answers without a command of its own. */
const BUILT_IN = ['help', 'version'];

async function helpOf(command: string): Promise<string | undefined> {
  let text = '';
  const out = (piece: string): void => void (text += piece);
  const argv = BUILT_IN.includes(command) ? [command] : ['help', command];
  return (await main(argv, { out, err: out })) === 0 ? text : undefined;
}

describe('links', () => {
  for (const name of documents) {
    it(`of ${name} lead somewhere`, () => {
      const broken = [...localLinks(read(name))].filter((target) => {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? name : normalize(join(dirname(name), decodeURIComponent(path)));
        if (file.startsWith('..') || !existsSync(join(root, file))) return true;
        if (anchor === undefined || statSync(join(root, file)).isDirectory()) return false;
        return file.endsWith('.md') && !anchorsOf(read(file)).has(anchor);
      });
      assert.deepEqual(broken, []);
    });
  }

  it('of README.md lead to every page of docs', () => {
    const linked = new Set([...localLinks(read('README.md'))].map((target) => target.split('#', 1)[0]));
    const pages = documents.filter((name) => dirname(name) === 'docs');
    assert.ok(pages.length > 5);
    assert.deepEqual(
      pages.filter((page) => !linked.has(page)),
      [],
    );
  });
});

describe('what is written to be typed', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };
  // What a changelog or a decision says was true on its day.
  const current = documents.filter(
    (name) => name !== 'CHANGELOG.md' && !name.startsWith(join('docs', 'adr')),
  );

  it('names scripts of package.json', () => {
    const missing = current.flatMap((name) =>
      [...typed(read(name))].flatMap((line) =>
        [...line.matchAll(/\bnpm (?:run (?:-s )?|(?=start\b|test\b))([a-z][a-z:-]*)/g)]
          .map(([, script = '']) => script)
          .filter((script) => !(script in scripts))
          .map((script) => `${name}: npm run ${script}`),
      ),
    );
    assert.deepEqual(missing, []);
  });

  it('names commands of the program, with options that they have', async () => {
    const wrong: string[] = [];
    let calls = 0;
    for (const name of current) {
      for (const line of typed(read(name))) {
        const call = toCall(line);
        if (call === undefined) continue;
        calls += 1;
        const help = await helpOf(call.command);
        if (help === undefined) wrong.push(`${name}: no command ${call.command}: ${line}`);
        for (const [option] of call.rest.matchAll(/(?<=^|[\s[(])--[a-z][a-z-]*/g)) {
          const known = option === '--help' || new RegExp(`${option}(?![a-z-])`).test(help ?? '');
          if (!known) wrong.push(`${name}: ${call.command} has no ${option}: ${line}`);
        }
      }
    }
    assert.ok(calls > 20, `${calls} calls were found`);
    assert.deepEqual(wrong, []);
  });

  it('asks `explain` for what it understands', async () => {
    const written = [
      ...current.flatMap((name) => [...typed(read(name))]),
      ...read('demo/main.ts').split('\n'),
    ];
    const calls = written.flatMap(
      (line) => /\bexplain (--config .*)/.exec(line)?.[1]?.split(/ +# /, 1)[0] ?? [],
    );
    assert.ok(calls.length >= 3, `${calls.length} calls were found`);
    for (const call of calls) {
      let text = '';
      const out = (piece: string): void => void (text += piece);
      const argv = call
        .trim()
        .replace(/--config \S+/, '--config no-such-file')
        .split(/ +/);
      await main(['explain', ...argv], { out, err: out });
      // The words come first: what follows of a good call is that there is no such file.
      assert.match(text, /no-such-file/, call);
      assert.doesNotMatch(text, /^Usage:/m, call);
    }
  });

  it('names files of the project that are there', () => {
    const missing = current.flatMap((name) =>
      [...typed(read(name))].flatMap((line) =>
        [...line.matchAll(/(?:^|\s)((?:config|deploy|scripts|docs)\/[\w./-]+\.\w+)/g)]
          .map(([, file = '']) => file)
          // From the root, from the page, or from src, as docs/architecture.md counts.
          .filter(
            (file) =>
              ![root, join(root, dirname(name)), join(root, 'src')].some((at) => existsSync(join(at, file))),
          )
          .map((file) => `${name}: ${file}`),
      ),
    );
    assert.deepEqual(missing, []);
  });
});
