// A recorded terminal session, exported as asciicast of either version, in asciinema's own player for the web and a real
// browser: the text in the player's terminal is the recorded one, and it grows when the recorded one did.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import type { Browser, Page } from 'playwright-core';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { main } from '../../src/cli/main.ts';
import { closeAll } from '../support/close-all.ts';
import type { Scenario } from '../support/scenario.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { parseCast } from '../record/support.ts';
import { MISSING, findChromium, launchChromium } from './chromium.ts';

const { executable, required } = findChromium(process.env);
const require = createRequire(import.meta.url);
const BUNDLE = dirname(require.resolve('asciinema-player/dist/bundle/asciinema-player.min.js'));
const RECORDING = `
recording:
  directory: recordings
  rules: [{ mode: required }]
`;
/** What is typed, and what the screen has when it was carried out. */
const STEPS = [
  ['stty size\r', /30 100\r\n/],
  [
    String.raw`printf '\033[31mred\033[0m gr\303\274\303\237e \360\237\220\263 %s\n' end` + '\r',
    /grüße 🐳 end\r\n/,
  ],
] as const;

interface Size {
  readonly columns: number;
  readonly rows: number;
}

it('there is a Chromium', { skip: executable === undefined && !required ? MISSING : false }, () => {
  assert.ok(executable, MISSING);
});

describe('a recording in the player of asciinema', { skip: executable === undefined }, () => {
  let scenario: Scenario;
  let browser: Browser;
  let id: string;
  before(async () => {
    scenario = await startScenario({ configure: (yaml) => yaml + RECORDING });
    id = await record(scenario);
    browser = await launchChromium(executable ?? '', []);
  });
  after(async () => {
    await (browser as Browser | undefined)?.close();
    await closeAll(scenario);
  });

  async function exportAs(format: string): Promise<string> {
    const { directory } = scenario.environment;
    const said: string[] = [];
    const terminal = {
      out: (text: string) => void said.push(text),
      err: (text: string) => void said.push(text),
    };
    const from = ['--directory', join(directory, 'recordings'), '--format', format];
    assert.equal(await main(['recordings', 'export', id, ...from], terminal), 0, said.join(''));
    return said.join('');
  }

  for (const format of ['asciicast-v3', 'asciicast-v2']) {
    it(`is played as ${format} to its end, with the recorded text and sizes`, async (t) => {
      const text = await exportAs(format);
      const page = await browser.newPage({ viewport: { width: 1300, height: 900 } });
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      await openPlayer(page, text);
      await page.waitForFunction('window.recorded.metadata !== undefined');
      // Before anything was resized, and at the end.
      assert.deepEqual(await sizeOf(page), { columns: 80, rows: 24 });
      await page.evaluate('window.recorded.player.play()');
      await page.waitForFunction('window.recorded.ended', undefined, { timeout: 30_000 });
      const expected = await finalScreen(await exportAs('asciicast-v3'));
      await eventually('the last line', async () =>
        (await linesOf(page)).includes(expected.lines.at(-1) ?? '') ? true : undefined,
      );
      assert.deepEqual(await linesOf(page), expected.lines);
      assert.deepEqual(await sizeOf(page), { columns: 120, rows: 40 });
      assert.deepEqual(expected.size, { columns: 120, rows: 40 });
      assert.ok(
        expected.lines.some((line) => /^red grüße 🐳 +end$/.test(line)),
        expected.lines.join('\n'),
      );
      assert.deepEqual(errors, []);
      const folder = process.env['SCREENSHOTS'];
      if (folder !== undefined) await writeFile(join(folder, `${format}.png`), await page.screenshot());
      t.diagnostic(`${expected.lines.length} lines`);
      await page.close();
    });
  }
});

/** A session in a terminal that is made larger in the middle; resolves to the recording's id. */
async function record(scenario: Scenario): Promise<string> {
  const terminal = spawnTerminal(kubectlPath(), ['--context', 'alice', 'exec', '-it', 'shell', '--', 'sh'], {
    cols: 100,
    rows: 30,
    env: { ...process.env, ...scenario.kubectlEnv },
  });
  let shown = '';
  terminal.onData((data) => (shown += data));
  const exited = new Promise((resolve) => terminal.onExit(resolve));
  await eventually('a prompt', () => (shown.includes('$ ') ? true : undefined));
  for (const [typed, wanted] of STEPS) {
    terminal.write(typed);
    await eventually(String(wanted), () => (wanted.test(shown) ? true : undefined));
  }
  terminal.resize(120, 40);
  await eventually('the new size', async () => {
    if (shown.includes('40 120')) return true;
    terminal.write('stty size\r');
    await new Promise((resolve) => setTimeout(resolve, 100));
    return undefined;
  });
  terminal.write('exit\r');
  await exited;
  return eventually('the end of the session', async () => {
    const events = await scenario.auditEvents();
    return events.find(
      ({ stage, annotations = {} }) =>
        stage === 'ResponseComplete' && annotations['kubelet-gateway.io/recording']?.endsWith(' complete'),
    )?.auditID;
  });
}

async function openPlayer(page: Page, recording: string): Promise<void> {
  await page.setContent('<!doctype html><meta charset="utf-8"><div id="player"></div>');
  await page.addStyleTag({ path: join(BUNDLE, 'asciinema-player.css') });
  await page.addScriptTag({ path: join(BUNDLE, 'asciinema-player.min.js') });
  await page.evaluate((data) => {
    const scope = globalThis as unknown as {
      AsciinemaPlayer: { create(source: object, element: unknown, options: object): Player };
      document: { getElementById(id: string): unknown };
      recorded: { player: Player; metadata?: unknown; ended: boolean };
    };
    interface Player {
      addEventListener(name: string, listener: (event: unknown) => void): void;
    }
    const options = { preload: true, speed: 20, fit: false, idleTimeLimit: 1 };
    const player = scope.AsciinemaPlayer.create({ data }, scope.document.getElementById('player'), options);
    scope.recorded = { player, ended: false };
    player.addEventListener('metadata', (metadata) => (scope.recorded.metadata = metadata));
    player.addEventListener('ended', () => (scope.recorded.ended = true));
  }, recording);
}

async function sizeOf(page: Page): Promise<Size> {
  const style = (name: string): Promise<number> =>
    page.evaluate(`Number(getComputedStyle(document.querySelector('.ap-term')).getPropertyValue('${name}'))`);
  return { columns: await style('--term-cols'), rows: await style('--term-rows') };
}

/** Without what is empty at the end. */
async function linesOf(page: Page): Promise<readonly string[]> {
  const lines: string[] = await page.evaluate(
    "[...document.querySelectorAll('.ap-term-text .ap-line')].map((line) => line.textContent)",
  );
  return toLines(lines);
}

/** Where a terminal that was fed with the recording is in the end. */
async function finalScreen(
  cast: string,
): Promise<{ readonly lines: readonly string[]; readonly size: Size }> {
  const terminal = new xterm.Terminal({ cols: 80, rows: 24, allowProposedApi: true });
  for (const { code, data } of parseCast(cast).events) {
    if (code === 'o') await new Promise<void>((resolve) => terminal.write(data, resolve));
    const [columns, rows] = data.split('x').map(Number);
    if (code === 'r') terminal.resize(columns ?? 0, rows ?? 0);
  }
  const { active } = terminal.buffer;
  const lines = Array.from(
    { length: terminal.rows },
    (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? '',
  );
  return { lines: toLines(lines), size: { columns: terminal.cols, rows: terminal.rows } };
}

const toLines = (lines: readonly string[]): readonly string[] => {
  const trimmed = lines.map((line) => line.replaceAll('\u00a0', ' ').trimEnd());
  return trimmed.slice(0, trimmed.findLastIndex((line) => line !== '') + 1);
};
