// What nodes and containers say, opened in a real browser that is signed in at the gateway: nothing runs, nothing is
// asked of anybody, no cookie is set, wiped or read. The same page straight from the node does all of it, which shows
// that these tests would notice.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { BrowserContext, Page, Response } from 'playwright-core';
import { eventually } from '../support/scenario.ts';
import { MISSING, findChromium } from './chromium.ts';
import { hostileHeaders } from './hostile-node.ts';
import type { Surroundings } from './surroundings.ts';
import { LOGIN, startSurroundings } from './surroundings.ts';

const { executable, required } = findChromium(process.env);

/** What the gateway answers itself is not sandboxed: its own words, and JSON. */
type Shown = 'text' | 'json' | 'listing' | 'refusal';

const PAGES: readonly (readonly [path: string, shown: Shown, status?: number])[] = [
  ['/nodes/hostile/metrics', 'text'],
  ['/nodes/hostile/metrics/cadvisor', 'text'],
  ['/nodes/hostile/healthz', 'text'],
  ['/nodes/hostile/pods', 'json'],
  ['/nodes/hostile/configz', 'json'],
  ['/nodes/hostile/stats/summary', 'json'],
  ['/nodes/hostile/flagz', 'text'],
  ['/nodes/hostile/containerLogs/default/evil/evil', 'text'],
  ['/nodes/hostile/logs/', 'listing'],
  ['/nodes/hostile/logs/?query=kubelet', 'text'],
  ['/nodes/hostile/logs/x.html', 'text'],
  ['/nodes/hostile/logs/missing', 'text', 404],
  ['/nodes/hostile/logs/moved', 'refusal', 502],
  ['/nodes/hostile/api/v1/namespaces/default/pods', 'refusal', 502],
  ['/api/v1/nodes/hostile/proxy/metrics', 'text'],
  ['/nodes/printing/containerLogs/default/evil/evil', 'text'],
  ['/nodes/printing/api/v1/namespaces/default/pods/evil/log', 'text'],
  ['/nodes/printing/logs/', 'listing'],
  ['/nodes/printing/logs/names/', 'listing'],
  ['/nodes/printing/logs/x.html', 'text'],
  ['/nodes/printing/logs/x', 'text'],
  ['/nodes/printing/containerLogs/default/evil/%3Cscript%3Edocument.title=1%3C%2Fscript%3E', 'refusal', 400],
];

const DOWNLOADS = [
  '/nodes/hostile/logs/x.bin',
  '/nodes/hostile/debug/pprof/goroutine',
  '/nodes/printing/logs/x.svg',
];

const TYPES = {
  text: /^text\/plain\b/,
  json: /^application\/json$/,
  listing: /^text\/html; charset=utf-8$/,
  refusal: /^application\/json$/,
} as const;

it('there is a Chromium', { skip: executable === undefined && !required ? MISSING : false }, () => {
  assert.ok(executable, MISSING);
});

describe('a browser', { skip: executable === undefined }, () => {
  let all: Surroundings;
  let context: BrowserContext;
  /** Every page stays open, so that what comes late is seen at the end. */
  const pages: Page[] = [];

  before(async () => {
    assert.ok(executable, MISSING);
    all = await startSurroundings(executable);
    context = await all.openContext({ signedIn: true });
  });
  after(() => (all as Surroundings | undefined)?.close());

  const openPage = async (): Promise<Page> => {
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    pages.push(page);
    return page;
  };

  const assertHarmless = async (page: Page): Promise<void> => {
    assert.notEqual(await page.title(), 'owned');
    assert.deepEqual(all.canary.asked, []);
    const cookies = (await context.cookies()).map(({ name, value }) => ({ name, value }));
    assert.deepEqual(cookies, [LOGIN]);
  };

  const assertSandboxed = async (page: Page): Promise<void> => {
    assert.equal(await page.evaluate('self.origin'), 'null');
    await assert.rejects(page.evaluate('document.cookie'), /SecurityError.*sandboxed/s);
    await assert.rejects(page.evaluate('localStorage.length'), /SecurityError/);
  };

  for (const [path, shown, status = 200] of PAGES) {
    it(`${path} is ${shown}, and only that`, async () => {
      const page = await openPage();
      const response = await page.goto(`${all.gateway}${path}`);
      assert.ok(response);
      assert.equal(response.status(), status);
      const headers = await response.allHeaders();
      assert.match(headers['content-type'] ?? '', TYPES[shown]);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cache-control'], 'no-store');
      if (shown !== 'refusal') {
        assert.equal(headers['content-security-policy'], "sandbox; default-src 'none'");
        assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
        await assertSandboxed(page);
      }
      await assertNothingOfTheNode(response);
      await assertHarmless(page);
    });
  }

  /** None of the node's headers, whatever its name, has the value that the node gave. */
  const assertNothingOfTheNode = async (response: Response): Promise<void> => {
    const refused = new Map(
      hostileHeaders(all.canary.url).map(([name, value]) => [name.toLowerCase(), value]),
    );
    for (const { name, value } of await response.headersArray()) {
      assert.notEqual(value, refused.get(name.toLowerCase()), name);
      assert.doesNotMatch(name, /^(set-cookie|clear-site-data|location|link|refresh|access-control-.*)$/i);
    }
  };

  it('shows what a container printed as it printed it', async () => {
    const page = await openPage();
    await page.goto(`${all.gateway}/nodes/printing/containerLogs/default/evil/evil`);
    const text = String(await page.evaluate('document.body.innerText'));
    assert.match(text, /^<!doctype html><title>harmless<\/title>\n/);
    assert.match(text, /document\.cookie = 'script=1; path=\/';/);
    assert.equal(await page.evaluate('document.scripts.length'), 0);
  });

  it('does not run the script of a link in a listing', async () => {
    for (const path of ['/nodes/hostile/logs/', '/nodes/printing/logs/names/']) {
      const page = await openPage();
      await page.goto(`${all.gateway}${path}`);
      await page.locator('a[href^="javascript:"]').first().click({ noWaitAfter: true });
      assert.equal(page.url(), `${all.gateway}${path}`);
      await assertHarmless(page);
    }
  });

  it('does not send the form of a listing', async () => {
    const page = await openPage();
    await page.goto(`${all.gateway}/nodes/hostile/logs/`);
    await page.locator('form button').click({ noWaitAfter: true });
    assert.equal(page.url(), `${all.gateway}/nodes/hostile/logs/`);
    await assertHarmless(page);
  });

  it('shows the output of run as text', async () => {
    const page = await openPage();
    await page.goto(`${all.canary.url}/page`);
    const command = encodeURIComponent(`printf <script>document.title="owned"</script>`);
    const action = `${all.gateway}/nodes/printing/run/default/evil/evil?cmd=${command}`;
    const [response] = await Promise.all([
      page.waitForResponse(action),
      page.waitForURL(action),
      page.evaluate(`{
        const form = document.createElement('form');
        form.method = 'post';
        form.action = ${JSON.stringify(action)};
        document.body.append(form);
        form.submit();
      }`),
    ]);
    assert.equal(response.status(), 200);
    assert.equal(response.headers()['content-type'], 'text/plain; charset=utf-8');
    assert.match(String(await page.evaluate('document.body.innerText')), /^<script>/);
    await assertSandboxed(page);
    await assertHarmless(page);
  });

  for (const path of DOWNLOADS) {
    it(`${path} is a download`, async () => {
      const page = await openPage();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        assert.rejects(page.goto(`${all.gateway}${path}`), /Download is starting|ERR_ABORTED/),
      ]);
      assert.doesNotMatch(download.suggestedFilename(), /html$/);
      assert.match(await readFile(await download.path(), 'utf8'), /<script>/);
      assert.equal(page.url(), 'about:blank');
      await assertHarmless(page);
    });
  }

  it('gives nothing of a node to a page of another site', async () => {
    const page = await openPage();
    await page.goto(`${all.canary.url}/page`);
    const target = JSON.stringify(`${all.gateway}/nodes/hostile/metrics`);
    const read = page.evaluate(
      `fetch(${target}, { credentials: 'include' }).then((answer) => answer.text())`,
    );
    await assert.rejects(read, /Failed to fetch/);
    const embed = (tag: string): Promise<unknown> =>
      page.evaluate(`new Promise((resolve) => {
        const element = document.createElement('${tag}');
        element.onload = () => resolve('loaded');
        element.onerror = () => resolve('refused');
        element.src = ${target};
        document.body.append(element);
      })`);
    assert.equal(await embed('script'), 'refused');
    assert.equal(await embed('img'), 'refused');
    await assertHarmless(page);
  });

  it('and nothing came later', async () => {
    await Promise.all(pages.map((page) => page.waitForLoadState('networkidle')));
    for (const page of pages) await assertHarmless(page);
  });

  it('is harmed by the same page when no gateway is in between', async () => {
    const unprotected = await all.openContext({ signedIn: false });
    const open = async (path: string): Promise<void> => {
      await (await unprotected.newPage()).goto(`${all.hostileNode}${path}`);
    };
    await open('/metrics');
    await eventually('the canary is asked for everything', () => {
      const asked = new Set(all.canary.asked.map((target) => target.split('?', 1)[0]));
      const wanted = ['/style', '/preload', '/script', '/image', '/onerror', '/onload', '/frame', '/object'];
      const refreshed = asked.has('/refresh') || asked.has('/meta-refresh');
      return refreshed && wanted.every((path) => asked.has(path)) ? true : undefined;
    });
    const told = all.canary.asked.find((target) => target.startsWith('/script?')) ?? '';
    assert.match(decodeURIComponent(told), /^\/script\?owned .*session=of-the-attacker/);
    const assertCookies = (...wanted: string[]): Promise<unknown> =>
      eventually(`the cookies are ${wanted.join(' and ')}`, async () => {
        const cookies = await unprotected.cookies();
        const found = cookies.map(({ name, value }) => `${name}=${value}`).sort();
        return isDeepStrictEqual(found, wanted) ? true : undefined;
      });
    await assertCookies('node=1', 'script=1', 'session=of-the-attacker');
    // All are wiped by Clear-Site-Data, then the script sets its own again.
    await open('/configz');
    await assertCookies('script=1');
    await unprotected.close();
  });
});
