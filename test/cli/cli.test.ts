// The command line as a process: exit codes, and what goes to which output.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Command } from '../../src/cli/command.ts';
import { UsageError } from '../../src/cli/command.ts';
import { main } from '../../src/cli/main.ts';
import { createSetUp, minimal } from '../config/set-up.ts';

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-cli-'));
  const { files } = await createSetUp();
  for (const [name, text] of files) await writeFile(join(folder, name.split('/').at(-1) ?? ''), text);
  await writeFile(join(folder, 'good.yaml'), stringify(minimal()));
  await writeFile(join(folder, 'warned.yaml'), stringify({ ...minimal(), admin: { address: '0.0.0.0' } }));
  await writeFile(join(folder, 'bad.yaml'), stringify({ ...minimal(), nodse: [], log: { level: 'loud' } }));
});
after(() => rm(folder, { recursive: true }));

const run = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

describe('check-config as a process', () => {
  it('ends with 0 and a line for a good file', () => {
    assert.deepEqual(run('check-config', 'good.yaml'), {
      status: 0,
      stdout: 'good.yaml: the configuration is valid\n',
      stderr: '',
    });
  });

  it('ends with 0 for a file with warnings, and prints them', () => {
    const { status, stdout, stderr } = run('check-config', 'warned.yaml');
    assert.equal(status, 0);
    assert.equal(stdout, 'warned.yaml: the configuration is valid, with 1 warning\n');
    assert.match(stderr, /^warning: \S+warned\.yaml:\d+: admin\.address: is reachable .*\n$/);
  });

  it('ends with 2 for a bad file, every problem on a line of its own', () => {
    const { status, stdout, stderr } = run('check-config', 'bad.yaml');
    assert.equal(status, 2);
    assert.equal(stdout, '');
    const lines = stderr.trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^error: \S+bad\.yaml:\d+: nodse: unknown key \(did you mean "nodes"\?\)$/);
    assert.match(lines[1] ?? '', /^error: \S+bad\.yaml:\d+: log\.level: must be one of /);
    assert.equal(lines[2], '2 problems: the configuration is not usable');
    assert.equal(lines.length, 3);
  });

  it('ends with 2 for a file that is not there', () => {
    const { status, stderr } = run('check-config', 'none.yaml');
    assert.equal(status, 2);
    assert.match(stderr, /^error: \S+none\.yaml: cannot read \S+: there is no such file\n1 problem: /);
  });
});

describe('the program as a process', () => {
  it('tells its version', async () => {
    const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      readonly version: string;
    };
    assert.deepEqual(run('--version'), { status: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  it('ends with 2 and its usage without a command', () => {
    const { status, stdout, stderr } = run();
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^Usage: kubelet-gateway COMMAND\n/);
  });
});

describe('arguments', () => {
  const call = async (...argv: readonly string[]) => {
    let out = '';
    let err = '';
    const command: Command = {
      name: 'try',
      synopsis: 'FILE',
      summary: 'Try it.',
      run: (args) => {
        if (args.length > 1) throw new UsageError('one at a time');
        return Promise.resolve(args.length === 1 ? 7 : 0);
      },
    };
    const terminal = { out: (text: string) => (out += text), err: (text: string) => (err += text) };
    const code = await main(argv, terminal, [command]);
    return { code, out, err };
  };

  it('reach the command, whose code is the exit code', async () => {
    assert.deepEqual(await call('try', 'x'), { code: 7, out: '', err: '' });
  });
  it('that it does not take give 2 and its usage', async () => {
    const { code, err } = await call('try', 'x', 'y');
    assert.equal(code, 2);
    assert.equal(err, 'kubelet-gateway: one at a time\n\nUsage: kubelet-gateway try FILE\n\nTry it.\n');
  });
  it('that name no command give 2 and a suggestion', async () => {
    for (const argv of [['tyr'], ['help', 'tyr']]) {
      const { code, err } = await call(...argv);
      assert.equal(code, 2);
      assert.match(err, /^kubelet-gateway: unknown command "tyr" \(did you mean "try"\?\)\n/);
    }
  });
  it('can ask for help', async () => {
    for (const argv of [['--help'], ['-h'], ['help']]) {
      const { code, out } = await call(...argv);
      assert.equal(code, 0);
      assert.match(out, /^Usage: kubelet-gateway COMMAND\n/);
    }
    for (const argv of [
      ['help', 'try'],
      ['try', '--help'],
      ['try', '-h'],
    ]) {
      assert.deepEqual(await call(...argv), {
        code: 0,
        out: 'Usage: kubelet-gateway try FILE\n\nTry it.\n',
        err: '',
      });
    }
  });

  it('of the real commands are checked', async () => {
    const rows: readonly (readonly [readonly string[], RegExp])[] = [
      [['serve'], /--config FILE is missing/],
      [['serve', '--confg', 'x'], /Unknown option '--confg'/],
      [['serve', 'gateway.yaml'], /Unexpected argument/],
      [['check-config'], /name of the configuration file is missing/],
      [['check-config', 'a', 'b'], /one configuration file at a time/],
      [['check-config', '--show', 'a'], /Unknown option '--show'/],
    ];
    for (const [argv, message] of rows) {
      let err = '';
      const code = await main(argv, { out: () => undefined, err: (text) => (err += text) });
      assert.equal(code, 2);
      assert.match(err, message);
      assert.match(err, /\nUsage: kubelet-gateway /);
    }
  });
});

describe('the program on a Node.js that is too old', () => {
  it('says which it needs, instead of the first export that is missing', () => {
    const pretend =
      'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })';
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, program, '--version'],
      { encoding: 'utf8' },
    );
    assert.match(stderr, /^kubelet-gateway: this is Node\.js 20\.20\.2, and 24 or later is needed\./);
    assert.equal(status, 2);
  });
});
