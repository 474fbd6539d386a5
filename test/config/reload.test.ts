// Changes of configuration files, with real files: every way in which editors and Kubernetes replace them is noticed,
// and nothing else is.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { stringify } from 'yaml';
import type { Watch } from '../../src/config/reload.ts';
import type { Log } from '../../src/core/ports.ts';
import type { SetUp } from './set-up.ts';
import { watchConfiguration } from '../../src/config/reload.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createSetUp, minimal, RBAC } from './set-up.ts';

const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, message) => assert.fail(`${message}: ${JSON.stringify(fields)}`),
};
/** Fails a test that waits for a change which is never seen. */
const DEADLINE_MS = 10_000;

let setUp: SetUp;
let folder: string;
let watch: Watch | undefined;
/** Keeps the process alive: the clock of the watch does not. */
let alive: NodeJS.Timeout;

before(async () => {
  setUp = await createSetUp();
  alive = setInterval(() => undefined, 1000);
});
after(() => clearInterval(alive));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-reload-'));
});
afterEach(async () => {
  watch?.close();
  await rm(folder, { recursive: true });
});

async function fill(at: string): Promise<void> {
  await mkdir(at, { recursive: true });
  for (const [name, text] of setUp.files) await writeFile(join(at, name.split('/').at(-1) ?? ''), text);
  await writeFile(join(at, 'gateway.yaml'), stringify(minimal()));
}

/** Watches a file; each call of the returned function waits for the next change. */
async function start(file: string): Promise<() => Promise<void>> {
  let changes = 0;
  let seen = 0;
  let wake = (): void => undefined;
  const looked = Promise.withResolvers<undefined>();
  // The first wait of the watch says that it has had its first look.
  const clock: typeof systemClock = {
    ...systemClock,
    after: (delayMs, callback) => {
      looked.resolve(undefined);
      return systemClock.after(delayMs, callback);
    },
  };
  watch = watchConfiguration(
    file,
    () => {
      changes += 1;
      wake();
    },
    { clock, log },
    { intervalMs: 10 },
  );
  await looked.promise;
  return async () => {
    seen += 1;
    if (changes >= seen) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    wake = () => resolve(undefined);
    const deadline = setTimeout(() => assert.fail('no change was seen'), DEADLINE_MS);
    await promise;
    clearTimeout(deadline);
  };
}

describe('a change of the configuration is seen', () => {
  it('in the file itself, and again', async () => {
    await fill(folder);
    const file = join(folder, 'gateway.yaml');
    const change = await start(file);
    await writeFile(file, stringify({ ...minimal(), log: { level: 'debug' } }));
    await change();
    await writeFile(file, stringify({ ...minimal(), log: { level: 'error' } }));
    await change();
  });

  it('in a file that it names, replaced atomically', async () => {
    await fill(folder);
    const change = await start(join(folder, 'gateway.yaml'));
    await writeFile(join(folder, 'rbac.new'), `${RBAC}# more\n`);
    await rename(join(folder, 'rbac.new'), join(folder, 'rbac.yaml'));
    await change();
  });

  it('in a file that it names only since a change', async () => {
    await fill(folder);
    const file = join(folder, 'gateway.yaml');
    const change = await start(file);
    const rbac = { manifestFiles: ['other.yaml'] };
    await writeFile(join(folder, 'other.yaml'), RBAC);
    await writeFile(
      file,
      stringify({ ...minimal(), authorization: { mode: 'RBAC', podSubresources: 'enabled', rbac } }),
    );
    await change();
    await writeFile(join(folder, 'other.yaml'), `${RBAC}# more\n`);
    await change();
  });

  it('when a file goes and when it comes back', async () => {
    await fill(folder);
    const change = await start(join(folder, 'gateway.yaml'));
    await rm(join(folder, 'client-ca.crt'));
    await change();
    await writeFile(join(folder, 'client-ca.crt'), setUp.authority);
    await change();
  });

  it('when the content is broken and when it is mended', async () => {
    await fill(folder);
    const file = join(folder, 'gateway.yaml');
    const change = await start(file);
    await writeFile(file, 'listeners: [');
    await change();
    await writeFile(file, stringify(minimal()));
    await change();
  });

  it('when Kubernetes swaps the symlink of a mounted ConfigMap', async () => {
    await fill(join(folder, '..1'));
    await symlink('..1', join(folder, '..data'));
    for (const name of [
      'gateway.yaml',
      'rbac.yaml',
      ...[...setUp.files.keys()].map((key) => key.split('/').at(-1) ?? ''),
    ]) {
      await symlink(join('..data', name), join(folder, name)).catch(() => undefined);
    }
    const change = await start(join(folder, 'gateway.yaml'));
    await fill(join(folder, '..2'));
    await symlink('..2', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await change();
  });
});

describe('nothing is reported', () => {
  it('for a file that is not named, nor after close', async () => {
    await fill(folder);
    let changes = 0;
    let looks = 0;
    const enough = Promise.withResolvers<undefined>();
    watch = watchConfiguration(
      join(folder, 'gateway.yaml'),
      () => (changes += 1),
      {
        log,
        clock: {
          ...systemClock,
          after: (delayMs, callback) => {
            looks += 1;
            if (looks === 1) void writeFile(join(folder, 'other.txt'), 'x');
            if (looks === 10) enough.resolve(undefined);
            return systemClock.after(delayMs, callback);
          },
        },
      },
      { intervalMs: 1 },
    );
    await enough.promise;
    watch.close();
    await writeFile(join(folder, 'gateway.yaml'), 'x');
    assert.equal(changes, 0);
  });
});
