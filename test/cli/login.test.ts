// kubelet-gateway login as a process, against a real OpenID provider over TLS and a person who fills in its forms.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import { CLIENT_ID, startPeopleProvider } from '../sign-in/provider.ts';
import type { PeopleProvider } from '../sign-in/provider.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const PERSON = fileURLToPath(new URL('../sign-in/person.ts', import.meta.url));
const EXEC_INFO = JSON.stringify({
  apiVersion: 'client.authentication.k8s.io/v1',
  kind: 'ExecCredential',
  spec: { interactive: false },
});

let folder = '';
let provider: PeopleProvider;
let shortLived: PeopleProvider;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'login-'));
  [provider, shortLived] = await Promise.all([
    startPeopleProvider(),
    // Within the leeway, so that every token is due at once.
    startPeopleProvider({ idTokenSeconds: 20, hasDeviceFlow: false }),
  ]);
  await writeFile(join(folder, 'ca.crt'), provider.certificateAuthority);
  await writeFile(join(folder, 'short-ca.crt'), shortLived.certificateAuthority);
  const browser = `#!/bin/sh\nexec "${process.execPath}" "${PERSON}" "$1"\n`;
  await writeFile(join(folder, 'browser'), browser);
  await chmod(join(folder, 'browser'), 0o755);
});

after(async () => {
  await Promise.all([provider.close(), shortLived.close()]);
  await rm(folder, { recursive: true, force: true });
});

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Surroundings {
  readonly cache: string;
  readonly env?: Record<string, string>;
  readonly of?: PeopleProvider;
  /** Told what the program has said so far, each time that it says something. */
  readonly onErr?: (text: string) => void;
}

function login(
  args: readonly string[],
  { cache, env = {}, of = provider, onErr }: Surroundings,
): Promise<Run> {
  const authority = join(folder, of === provider ? 'ca.crt' : 'short-ca.crt');
  const child = spawn(
    process.execPath,
    [
      MAIN,
      'login',
      `--issuer-url=${of.issuer}`,
      `--client-id=${CLIENT_ID}`,
      `--certificate-authority=${authority}`,
      `--cache-dir=${join(folder, cache)}`,
      ...args,
    ],
    {
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        BROWSER: join(folder, 'browser'),
        NODE_EXTRA_CA_CERTS: authority,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    onErr?.(err);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

const asPlugin = { KUBERNETES_EXEC_INFO: EXEC_INFO };

const tokenOf = ({ out, err }: Run): string => {
  assert.notEqual(out, '', err);
  const credential: unknown = JSON.parse(out);
  assert.ok(typeof credential === 'object' && credential !== null && 'status' in credential);
  const { status } = credential;
  assert.ok(typeof status === 'object' && status !== null && 'token' in status);
  return String(status.token);
};

test('from an empty cache: a browser, an ExecCredential of a real ID token, and a file that is the owner’s alone', async () => {
  const run = await login([], { cache: 'first', env: asPlugin });
  assert.equal(run.code, 0, run.err);
  const claims = decodeJwt(tokenOf(run));
  assert.equal(claims.iss, provider.issuer);
  assert.equal(claims.aud, CLIENT_ID);
  assert.equal(claims.sub, 'alice');
  assert.match(run.out, /"apiVersion":"client.authentication.k8s.io\/v1"/);
  assert.match(
    run.out,
    new RegExp(`"expirationTimestamp":"${new Date((claims.exp ?? 0) * 1000).toISOString()}"`),
  );
  const [file, ...others] = await readdir(join(folder, 'first'));
  assert.deepEqual(others, [], 'no lock and no temporary file stays');
  const { mode } = await stat(join(folder, 'first', file ?? ''));
  assert.equal(mode & 0o777, 0o600);
  assert.equal((await stat(join(folder, 'first'))).mode & 0o777, 0o700);

  const asked = provider.tokenRequests();
  const again = await login([], { cache: 'first', env: { ...asPlugin, BROWSER: '/nonexistent' } });
  assert.equal(tokenOf(again), tokenOf(run), 'the second run needs nobody');
  assert.equal(provider.tokenRequests(), asked);
});

test('a token that is due is renewed with the refresh token, which the provider takes once, by many at a time', async () => {
  const first = await login([], { cache: 'renewed', of: shortLived, env: asPlugin });
  assert.equal(first.code, 0, first.err);
  const env = { ...asPlugin, BROWSER: '/nonexistent' };
  const second = await Promise.all([1, 2, 3].map(() => login([], { cache: 'renewed', of: shortLived, env })));
  for (const run of second) {
    assert.equal(run.code, 0, run.err);
    assert.notEqual(tokenOf(run), tokenOf(first));
  }
});

test('a device code, for a machine without a browser', async () => {
  let visited: Promise<unknown> | undefined;
  const run = await login(['--flow=device', '--output=token'], {
    cache: 'device',
    onErr: (text) => {
      const [url] = /https:\S+user_code=\S+/.exec(text) ?? [];
      if (url === undefined || visited !== undefined) return;
      visited = new Promise((resolve) => {
        spawn(process.execPath, [PERSON, url], {
          env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt'), PERSON: 'bob' },
        }).once('close', resolve);
      });
    },
  });
  await visited;
  assert.equal(run.code, 0, run.err);
  assert.equal(decodeJwt(run.out.trim()).sub, 'bob');
  assert.match(run.err, /enter the code [A-Z]{4}-[A-Z]{4}/);
});

test('by hand no token is printed, and a fresher login is made when it is asked for', async () => {
  const first = await login([], { cache: 'fresh' });
  assert.equal(first.code, 0, first.err);
  assert.equal(first.out, '');
  assert.match(first.err, /signed in as alice, until /);
  const asked = provider.tokenRequests();
  await login(['--max-age=10m'], { cache: 'fresh' });
  assert.equal(provider.tokenRequests(), asked, 'it is fresh enough');
  const forced = await login(['--max-age=0'], { cache: 'fresh' });
  assert.equal(forced.code, 0, forced.err);
  assert.equal(provider.tokenRequests(), asked + 1);
});

test('a way of signing in that the provider did not use is not taken for it', async () => {
  const run = await login(['--acr-values=urn:example:mfa'], { cache: 'acr' });
  assert.equal(run.code, 1);
  assert.match(run.err, /not in the way that is asked for \(acr urn:example:mfa\)/);
  await assert.rejects(readFile(join(folder, 'acr', `${'0'.repeat(32)}.json`)), /ENOENT/);
});

test('a login that is cancelled says so', async () => {
  const run = await login([], { cache: 'no', env: { ...asPlugin, PERSON_SAYS: 'no' } });
  assert.equal(run.code, 1);
  assert.equal(run.out, '');
  assert.match(run.err, /refused or cancelled at the provider; run the command again/);
  assert.doesNotMatch(run.err, /at .*\.ts:\d+/);
});

test('answers that are not of this login change nothing', async () => {
  const seen: string[] = [];
  const script = join(folder, 'intruder');
  // The intruder knows the port, as any page in the browser may, and tries before the person does.
  await writeFile(
    script,
    `#!/bin/sh\nexec "${process.execPath}" "${fileURLToPath(new URL('../sign-in/intruder.ts', import.meta.url))}" "${PERSON}" "$1" "${join(folder, 'seen')}"\n`,
  );
  await chmod(script, 0o755);
  const run = await login([], { cache: 'intruded', env: { ...asPlugin, BROWSER: script } });
  assert.equal(run.code, 0, run.err);
  assert.equal(decodeJwt(tokenOf(run)).sub, 'alice');
  seen.push(...(await readFile(join(folder, 'seen'), 'utf8')).trim().split('\n'));
  assert.deepEqual(seen, [
    'no state 400',
    'a wrong state 400',
    'another path 404',
    'another host 404',
    'a POST 404',
  ]);
});

const REFUSED: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an issuer without TLS', ['--issuer-url=http://127.0.0.1:1'], /--issuer-url must be an https URL/],
  ['an unknown flow', ['--flow=magic'], /--flow must be auto, browser or device/],
  ['an unknown output', ['--output=yaml'], /--output must be/],
  ['a port that is none', ['--redirect-port=http'], /--redirect-port must be a port number/],
  ['a duration that is none', ['--max-age=soon'], /--max-age must be a duration/],
  ['an unknown token', ['--token=gold'], /--token must be id or access/],
  ['a missing authority', ['--certificate-authority=/nonexistent'], /\/nonexistent cannot be read/],
];

for (const [name, args, words] of REFUSED) {
  test(`refused: ${name}`, async () => {
    const run = await login(args, { cache: 'refused' });
    assert.equal(run.code, 2, run.err);
    assert.match(run.err, words);
  });
}

test('refused: a provider that is not there, or whose certificate is of another authority', async () => {
  const gone = await login(['--issuer-url=https://127.0.0.1:1'], { cache: 'gone' });
  assert.equal(gone.code, 1);
  assert.match(gone.err, /https:\/\/127.0.0.1:1 cannot be reached: .*Check the network/s);
  const foreign = await login([`--certificate-authority=${join(folder, 'short-ca.crt')}`], {
    cache: 'foreign',
  });
  assert.equal(foreign.code, 1);
  assert.match(foreign.err, /cannot be reached: .*certificate/s);
});

test('refused: a provider without a device flow, and a time limit that passes', async () => {
  const device = await login(['--flow=device'], { cache: 'no-device', of: shortLived });
  assert.equal(device.code, 1);
  assert.match(device.err, /no device login; use --flow browser/);
  const late = await login(['--timeout=1s'], { cache: 'late', env: { BROWSER: 'true' } });
  assert.equal(late.code, 1);
  assert.match(late.err, /nobody signed in in time; run the command again/);
});

test('refused: a kubectl that speaks another language, and a cache that others may read', async () => {
  const info = JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1alpha1' });
  const old = await login([], { cache: 'old', env: { KUBERNETES_EXEC_INFO: info } });
  assert.equal(old.code, 1);
  assert.match(old.err, /another apiVersion/);
  await login([], { cache: 'open' });
  await chmod(join(folder, 'open'), 0o755);
  const open = await login([], { cache: 'open' });
  assert.equal(open.code, 1);
  assert.match(open.err, /others may read .*chmod 700/);
});

test('a cache file that was made by somebody else’s hand is not used', async () => {
  const settings = [provider.issuer, CLIENT_ID, ['offline_access', 'openid'], 'id'];
  const name = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 32);
  await login([], { cache: 'planted' });
  const file = join(folder, 'planted', `${name}.json`);
  for (const content of ['{', '[]', '{"token":1}', '{"token":"forged","expiresAt":"never","subject":"x"}']) {
    await writeFile(file, content, { mode: 0o600 });
    const run = await login(['--output=token'], { cache: 'planted' });
    assert.equal(run.code, 0, run.err);
    assert.equal(decodeJwt(run.out.trim()).sub, 'alice');
  }
});

async function logout(cache: string, ...more: readonly string[]) {
  const args = [MAIN, 'logout', `--client-id=${CLIENT_ID}`, `--cache-dir=${join(folder, cache)}`, ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const [code, err] = await Promise.all([
    new Promise((resolve) => child.once('close', resolve)),
    text(child.stderr),
  ]);
  return { code, err };
}

test('logout forgets the tokens, and gives the refresh token back to the provider', async () => {
  await login([], { cache: 'forgotten' });
  const [name = '', ...others] = await readdir(join(folder, 'forgotten'));
  assert.deepEqual(others, []);
  const kept = JSON.parse(await readFile(join(folder, 'forgotten', name), 'utf8')) as Record<string, string>;
  const run = await logout(
    'forgotten',
    `--issuer-url=${provider.issuer}`,
    `--certificate-authority=${join(folder, 'ca.crt')}`,
  );
  assert.deepEqual(run, { code: 0, err: 'the tokens on this machine are forgotten\n' });
  assert.deepEqual(await readdir(join(folder, 'forgotten')), []);
  assert.ok(provider.handedBack().includes(kept['refreshToken'] ?? 'none'));
});

test('logout without its provider forgets the tokens all the same, and says what that leaves', async () => {
  await login([], { cache: 'left' });
  // Its certificate is of nobody that this machine knows.
  const run = await logout('left', `--issuer-url=${provider.issuer}`);
  assert.equal(run.code, 0);
  assert.match(
    run.err,
    /could not be given back, a copy of it counts until it runs out: .*cannot be reached/,
  );
  assert.deepEqual(await readdir(join(folder, 'left')), []);
  assert.doesNotMatch((await logout('left', `--issuer-url=${provider.issuer}`)).err, /given back/);
});
