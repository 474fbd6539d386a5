// kubelet-gateway login where something is wrong that the person has to mend: a code that nobody entered, a clock that is
// off, a provider that accepts connections and never answers. Each ends in words that say what to do, and in no loop.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import type { PeopleProvider } from '../sign-in/provider.ts';
import { CLIENT_ID, startPeopleProvider } from '../sign-in/provider.ts';
import { closeAll } from '../support/close-all.ts';
import { run } from '../support/scenario.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const PERSON = fileURLToPath(new URL('../sign-in/person.ts', import.meta.url));
const HOUR = 3_600;
const EXEC_INFO = JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', spec: {} });

let folder = '';
/** Its ID tokens are good for an hour. */
let provider: PeopleProvider;
/** For little more than the plugin wants to have left. */
let shortLived: PeopleProvider;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'login-trouble-'));
  [provider, shortLived] = await Promise.all([
    startPeopleProvider({ deviceCodeSeconds: 3 }),
    startPeopleProvider({ idTokenSeconds: 33 }),
  ]);
  // Each time that somebody has to sign in is a line.
  const browser = `#!/bin/sh\necho >> "${folder}/opened"\nNODE_OPTIONS= exec "${process.execPath}" "${PERSON}" "$1"\n`;
  await writeFile(join(folder, 'browser'), browser);
  await chmod(join(folder, 'browser'), 0o755);
});
after(async () => {
  await closeAll(provider, shortLived);
  await rm(folder, { recursive: true, force: true });
});

const opened = async (): Promise<number> =>
  (await readFile(join(folder, 'opened'), 'utf8').catch(() => '')).length;

interface Surroundings {
  readonly cache: string;
  readonly of?: PeopleProvider;
  readonly args?: readonly string[];
  /** By how many seconds the clock of this machine is ahead. */
  readonly ahead?: number;
}

async function login({ cache, of = provider, args = [], ahead = 0 }: Surroundings) {
  const authority = join(folder, `${new URL(of.issuer).port}.crt`);
  await writeFile(authority, of.certificateAuthority);
  const clock = `const now = Date.now; Date.now = () => now() + ${ahead * 1000};`;
  const { code, stdout, stderr } = await run(
    process.execPath,
    [
      ...['--import', `data:text/javascript,${encodeURIComponent(clock)}`, MAIN, 'login'],
      ...[`--issuer-url=${of.issuer}`, `--client-id=${CLIENT_ID}`, `--certificate-authority=${authority}`],
      ...[`--cache-dir=${join(folder, cache)}`, ...args],
    ],
    {
      env: {
        HOME: folder,
        BROWSER: join(folder, 'browser'),
        NODE_EXTRA_CA_CERTS: authority,
        KUBERNETES_EXEC_INFO: EXEC_INFO,
      },
    },
  );
  assert.doesNotMatch(stderr, /\bat .*\.(?:ts|js):\d|node:internal/, 'no stack trace');
  const credential = stdout.length === 0 ? undefined : (JSON.parse(stdout.toString()) as Credential);
  return { code, credential, words: stderr };
}

interface Credential {
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
}

describe('a device code that nobody enters', () => {
  it('ends with words that say so', async () => {
    const { code, credential, words } = await login({ cache: 'device', args: ['--flow=device'] });
    assert.deepEqual([code, credential], [1, undefined]);
    assert.match(words, /the code was not entered in time; run the command again for a new one/);
  });

  it('is told from a limit that the caller set', async () => {
    const args = ['--flow=device', '--timeout=1s'];
    const { code, words } = await login({ cache: 'device', args });
    assert.equal(code, 1);
    assert.match(words, /nobody signed in in time; run the command again/);
  });
});

describe('a clock of this machine that is off', () => {
  it('by more than a token lives: words, and nobody is asked twice', async () => {
    const before = await opened();
    const { code, credential, words } = await login({ cache: 'far-ahead', ahead: 2 * HOUR });
    assert.deepEqual([code, credential], [1, undefined]);
    assert.match(words, /is the clock of this machine right\?/);
    assert.equal((await opened()) - before, 1);
  });

  it('so that a login seems to be too old: words', async () => {
    const args = ['--max-age=10m'];
    const { code, words } = await login({ cache: 'too-old', ahead: HOUR / 2, args });
    assert.equal(code, 1);
    assert.match(words, /is the clock of this machine right\?/);
  });

  for (const [name, ahead, said] of [
    ['ahead', HOUR - 10, /the clock of this machine is 60 min ahead of the provider's: set it right/],
    ['behind', -2 * HOUR, /the clock of this machine is 120 min behind the provider's: set it right/],
  ] as const) {
    it(`${name}: a token all the same, a warning, and no further login`, async () => {
      const before = await opened();
      const first = await login({ cache: name, ahead });
      assert.equal(first.code, 0, first.words);
      assert.match(first.words, said);
      const again = await login({ cache: name, ahead });
      assert.equal(again.credential?.status.token, first.credential?.status.token);
      assert.equal((await opened()) - before, 1);
      // By the clock of this machine, which is that of kubectl.
      const { expirationTimestamp = '' } = first.credential?.status ?? {};
      const left = Date.parse(expirationTimestamp) - (Date.now() + ahead * 1000);
      assert.ok(left > (HOUR - 60) * 1000 && left <= HOUR * 1000, `${left} ms`);
    });
  }

  it('behind: a token that is over is not taken for one that is good', async () => {
    const surroundings = { cache: 'behind-short', of: shortLived, ahead: -2 * HOUR };
    const first = await login(surroundings);
    assert.equal(first.code, 0, first.words);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const before = await opened();
    const second = await login(surroundings);
    const [old, renewed] = [first, second].map(({ credential }) => decodeJwt(credential?.status.token ?? ''));
    assert.ok((renewed?.exp ?? 0) > (old?.exp ?? 0), 'it was renewed');
    assert.equal(await opened(), before, 'and nobody was asked');
  });
});

describe('a provider that accepts connections and never answers', () => {
  let server: Server;
  const sockets = new Set<Socket>();
  before(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('is one that cannot be reached, after a while, and nothing is tried again', async () => {
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const silent = { ...provider, issuer: `https://127.0.0.1:${address.port}` };
    const began = Date.now();
    const { code, credential, words } = await login({ cache: 'silent', of: silent });
    assert.deepEqual([code, credential], [1, undefined]);
    assert.match(words, /cannot be reached: .*Check the network/s);
    assert.ok(Date.now() - began < 25_000);
    assert.equal(sockets.size, 1);
  });
});
