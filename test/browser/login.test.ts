// Signing in with a real Chromium at a real OpenID provider: pages that work without script and with a keyboard, a cookie
// that the browser keeps as it was told to, and what pages of other sites can do with it (S10, S28, S38).

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Scenario } from '../support/scenario.ts';
import type { Canary } from './canary.ts';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { RawClient, WEBSOCKET, bearer } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { startCanary } from './canary.ts';
import { MISSING, findChromium, launchChromium } from './chromium.ts';

const { executable } = findChromium(process.env);
/** A folder for pictures of the pages, where somebody wants to look at them. */
const pictures = process.env['SCREENSHOTS'];

const METRICS = '/nodes/node-1/metrics';

/** The demo's provider has no second factor, and its logins are newer than a second only once. */
const STEP_UP = `stepUp:
  rules:
    - { actions: [configz], maxAge: 1s }
    - { actions: [stats], acrValues: ["urn:example:mfa"] }
`;
const NARROW = { viewport: { width: 400, height: 800 }, colorScheme: 'dark' } as const;

describe('a person with Chromium', { skip: executable === undefined ? MISSING : false }, () => {
  let scenario: Scenario;
  let canary: Canary;
  let browser: Browser;
  let gateway: string;
  const contexts: BrowserContext[] = [];

  before(async () => {
    scenario = await startScenario({ configure: (yaml) => `${yaml}${STEP_UP}` });
    canary = await startCanary();
    const { directory, port } = scenario.environment;
    gateway = `https://localhost:${port}`;
    const certificates = await Promise.all(
      ['gateway', 'provider'].map((name) => readFile(join(directory, 'pki', `${name}.crt`))),
    );
    browser = await launchChromium(
      executable ?? '',
      certificates.map((pem) => new X509Certificate(pem)),
    );
    if (pictures !== undefined) await mkdir(pictures, { recursive: true });
  });
  after(async () => {
    await (browser as Browser | undefined)?.close();
    await (scenario as Scenario | undefined)?.close();
    await (canary as Canary | undefined)?.close();
  });

  const openPage = async (options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> => {
    const context = await browser.newContext(options);
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    return page;
  };
  const picture = async (page: Page, name: string): Promise<void> => {
    if (pictures !== undefined)
      await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  };
  /** How many pixels of a page are beyond the window's right edge. */
  const overflow = (page: Page): Promise<number> =>
    page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  const signIn = async (page: Page, path: string, user = 'alice'): Promise<void> => {
    await page.goto(`${gateway}${path}`);
    await page.getByRole('button', { name: user, exact: true }).click();
    await page.waitForURL(`${gateway}${path === '/' ? '/-/home' : path}`);
  };

  it('comes to the metrics of a node by signing in, with scripts switched off', async () => {
    const page = await openPage({ javaScriptEnabled: false });
    await signIn(page, METRICS);
    assert.match((await page.locator('body').textContent()) ?? '', /# HELP/);
    const cookies = await page.context().cookies(gateway);
    const session = cookies.find(({ name }) => name === SESSION_COOKIE);
    assert.ok(session !== undefined);
    const { httpOnly, secure, sameSite, path, domain } = session;
    assert.deepEqual(
      { httpOnly, secure, sameSite, path, domain },
      { httpOnly: true, secure: true, sameSite: 'Lax', path: '/', domain: 'localhost' },
    );
  });

  it('lands on a page with their nodes, follows its links, and signs out here and at the provider', async () => {
    const page = await openPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await signIn(page, '/');
    assert.equal(await page.getByRole('row').count(), 4);
    await picture(page, 'home');
    await page.getByRole('link', { name: 'metrics of node-2', exact: true }).click();
    await page.waitForURL(`${gateway}/nodes/node-2/metrics`);
    await page.goBack();
    await page.getByRole('link', { name: 'Who you are to the gateway' }).click();
    assert.match((await page.locator('dl').textContent()) ?? '', /alice.*sre/s);
    await picture(page, 'whoami');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${gateway}/-/logged-out`);
    await picture(page, 'logged-out');
    const names = (await page.context().cookies(gateway)).map(({ name }) => name);
    assert.ok(!names.includes(SESSION_COOKIE));
    assert.deepEqual(complaints, []);
  });

  it('keeps a session that is too long for one cookie, and loses all its parts by signing out', async () => {
    const moreGroups = Array.from({ length: 150 }, (_, index) => `a-group-of-the-company-${index}`);
    const crowded = await startScenario({ moreGroups });
    const { directory, port } = crowded.environment;
    const certificates = await Promise.all(
      ['gateway', 'provider'].map((name) => readFile(join(directory, 'pki', `${name}.crt`))),
    );
    const other = await launchChromium(
      executable ?? '',
      certificates.map((pem) => new X509Certificate(pem)),
    );
    try {
      const page = await other.newPage({ colorScheme: 'dark' });
      const start = `https://localhost:${port}`;
      const parts = async () =>
        (await page.context().cookies(start)).filter(({ name }) =>
          /^__Host-kubelet-gateway(?:\.\d)?$/.test(name),
        );
      await page.goto(`${start}/`);
      await page.getByRole('button', { name: 'alice', exact: true }).click();
      await page.waitForURL(`${start}/-/home`);
      const kept = await parts();
      assert.ok(kept.length >= 2, `${kept.length} cookies`);
      assert.ok(kept.every(({ name, value }) => name.length + value.length <= 4_096));
      await page.goto(`${start}${METRICS}`);
      assert.match((await page.locator('body').textContent()) ?? '', /# HELP/);
      await page.goto(`${start}/-/logout`);
      await picture(page, 'sign-out-dark');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${start}/-/logged-out`);
      assert.deepEqual(await parts(), []);
    } finally {
      await other.close();
      await crowded.close();
    }
  });

  it('is shown pages that say what to do', async () => {
    const page = await openPage({ viewport: { width: 420, height: 800 }, colorScheme: 'dark' });
    await page.goto(`${gateway}/-/login?choose`);
    await picture(page, 'choose-dark');
    assert.equal(await page.getByRole('link', { name: 'Demo identity provider' }).count(), 1);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Demo identity provider');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Nobody' }).click();
    await page.getByRole('heading', { name: 'The sign-in was declined' }).waitFor();
    await picture(page, 'declined-dark');
    await page.goto(`${gateway}/-/callback/demo?code=x&state=y`);
    await page.getByRole('heading', { name: 'This sign-in was not begun here' }).waitFor();
    await picture(page, 'stale');
    await page.goto(`${gateway}/-/login?return=//evil.example`);
    await page.getByRole('heading', { name: 'This link does not lead here' }).waitFor();
  });

  it('is sent through another login where one is too old, and is told where none will do', async () => {
    const page = await openPage(NARROW);
    await signIn(page, '/');
    // The login is older than a second by now, or will be in a moment.
    await eventually('the other login', async () => {
      await page.goto(`${gateway}/nodes/node-1/configz`);
      return page.url().includes('/interaction/') ? true : undefined;
    });
    await picture(page, 'step-up-asked');
    await page.getByRole('button', { name: 'alice', exact: true }).click();
    // By itself to where the person was going; should that have taken more than the second, the page that says so.
    await page.waitForURL((url) => /configz|\/-\/login/.test(url.href) && !url.pathname.includes('callback'));
    const weak = await openPage(NARROW);
    await signIn(weak, '/');
    // The provider knows the person already and asks nothing: the browser goes there and back by itself, once.
    await weak.goto(`${gateway}/nodes/node-1/stats/summary`);
    await weak.locator('p.warning').waitFor();
    await picture(weak, 'step-up-not-enough');
    assert.equal(new URL(weak.url()).pathname, '/-/login');
    assert.match((await weak.locator('p.warning').textContent()) ?? '', /newer or stronger login/);
    const wide = await overflow(weak);
    assert.ok(wide <= 0, `${wide} px wider than the window`);
  });

  it('reads in words what they may not see', async () => {
    const page = await openPage(NARROW);
    await page.goto(`${gateway}/`);
    await page.getByRole('button', { name: 'carol', exact: true }).click();
    await page.waitForURL(`${gateway}/-/home`);
    await page.goto(`${gateway}${METRICS}`);
    await page.getByRole('heading', { name: 'This is not yours to see' }).waitFor();
    await picture(page, 'refused');
    assert.ok((await overflow(page)) <= 0);
    await page.getByRole('link', { name: 'Start' }).click();
    await page.waitForURL(`${gateway}/-/home`);
  });

  it('sees what they have running, and ends it', async () => {
    const page = await openPage(NARROW);
    await signIn(page, '/');
    const client = await RawClient.open(scenario);
    const token = await scenario.environment.issueToken('alice');
    const exec = '/nodes/node-1/exec/default/shell/shell?command=sleep&command=60&output=1';
    const host = `Host: localhost:${scenario.environment.port}`;
    client.send([`GET ${exec} HTTP/1.1`, host, bearer(token), ...WEBSOCKET, '', ''].join('\r\n'));
    assert.equal((await client.readHead()).code, 101);
    await page.goto(`${gateway}/-/home`);
    await picture(page, 'running');
    assert.ok((await overflow(page)) <= 0);
    await page.getByRole('button', { name: 'End exec in default/shell' }).click();
    await client.closed;
    await page.waitForURL(`${gateway}/-/home`);
    await eventually('the page without it', async () => {
      await page.reload();
      return (await page.getByText('Nothing: no exec').count()) === 1 ? true : undefined;
    });
  });

  it('is asked before a link of another site opens a node', async () => {
    const page = await openPage();
    await signIn(page, '/');
    await page.goto(`${canary.url}/page`);
    await page.evaluate(`{
      const link = document.createElement('a');
      link.href = ${JSON.stringify(`${gateway}${METRICS}`)};
      link.textContent = 'a link';
      document.body.append(link);
    }`);
    await page.getByRole('link', { name: 'a link' }).click();
    await page.getByRole('heading', { name: 'Go on?' }).waitFor();
    await picture(page, 'go-on');
    await page.getByRole('link', { name: 'Open it' }).click();
    await page.waitForURL(`${gateway}${METRICS}`);
    assert.match((await page.locator('body').textContent()) ?? '', /# HELP/);
  });

  it('lends nothing to a page of another site: no socket, no form, no fetch, no frame', async () => {
    const page = await openPage();
    await signIn(page, '/');
    const kubelet = scenario.environment.kubelets.get('node-1');
    assert.ok(kubelet !== undefined);
    const seen = kubelet.requests.length;
    const exec = `wss://localhost:${scenario.environment.port}/nodes/node-1/exec/default/shell/shell?command=id&output=1`;
    const socket = (url: string): string => `new Promise((resolve) => {
      const socket = new WebSocket(${JSON.stringify(url)}, ['v5.channel.k8s.io']);
      socket.onopen = () => { socket.close(); resolve('open'); };
      socket.onerror = () => resolve('refused');
    })`;
    // Of the same site as the gateway, and another origin: SameSite does not stop its requests.
    const neighbour = canary.url.replace('127.0.0.1', 'localhost');
    for (const site of [canary.url, neighbour]) {
      await page.goto(`${site}/page`);
      assert.equal(await page.evaluate(socket(exec)), 'refused', site);
      const fetching = `fetch(${JSON.stringify(`${gateway}${METRICS}`)}, { credentials: 'include' }).then((a) => a.text())`;
      await assert.rejects(page.evaluate(fetching), /Failed to fetch/);
      const blind = `fetch(${JSON.stringify(`${gateway}/nodes/node-1/run/default/shell/shell?cmd=id`)}, { method: 'POST', mode: 'no-cors', credentials: 'include' }).then(() => 'sent')`;
      await page.evaluate(blind);
      const framed = await page.evaluate(`new Promise((resolve) => {
        const frame = document.createElement('iframe');
        frame.src = ${JSON.stringify(`${gateway}/-/home`)};
        frame.onload = () => { try { resolve(frame.contentDocument === null ? 'closed' : 'blank'); } catch { resolve('closed'); } };
        document.body.append(frame);
      })`);
      assert.equal(framed, 'closed');
      await page.evaluate(`{
        const form = document.createElement('form');
        form.method = 'post';
        form.action = ${JSON.stringify(`${gateway}/-/logout`)};
        document.body.append(form);
        form.submit();
      }`);
      await page.getByRole('heading', { name: 'Another page asked for this' }).waitFor();
    }
    assert.equal(kubelet.requests.length, seen);
    await page.goto(`${gateway}/-/home`);
    await page.getByRole('heading', { name: 'Nodes' }).waitFor();
    // The same from a page of the gateway itself, which shows that the cookie was there all along. Its policy lets it
    // open no socket, so that the browser is told to pass over it.
    const own = await page.context().browser()?.newContext({ bypassCSP: true });
    assert.ok(own !== undefined);
    await own.addCookies(await page.context().cookies());
    const ownPage = await own.newPage();
    await ownPage.goto(`${gateway}/-/home`);
    assert.equal(await ownPage.evaluate(socket(exec)), 'open');
    await eventually('the exec', () => (kubelet.requests.length > seen ? true : undefined));
    await own.close();
  });

  it('is shown what a container prints as text, beside a session that no script can read', async () => {
    const page = await openPage();
    await signIn(page, '/');
    await page.goto(`${gateway}/nodes/node-1/containerLogs/default/logger/logger?tailLines=3`);
    assert.equal(await page.evaluate('self.origin'), 'null');
    await assert.rejects(page.evaluate('document.cookie'), /SecurityError/);
    await page.goto(`${gateway}/-/home`);
    assert.equal(await page.evaluate('document.cookie'), '');
    await assert.rejects(
      page.evaluate(`fetch('/-/whoami').then((answer) => answer.text())`),
      /Failed to fetch/,
    );
  });
});
