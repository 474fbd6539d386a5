// A headless Chromium for tests, where the machine has one. A machine without it skips these tests and is told what to
// install; CI, which installs one, must not skip them.

import type { X509Certificate } from 'node:crypto';
import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Said when there is no Chromium. */
export const MISSING =
  'no Chromium on this machine: apt-get install chromium, or set CHROMIUM to the path of one';

export interface Finding {
  readonly executable: string | undefined;
  /** A missing one is a failure and not a reason to skip. */
  readonly required: boolean;
}

/** `CHROMIUM`, or the first of the usual names in `PATH`. */
export function findChromium(env: Readonly<Record<string, string | undefined>>): Finding {
  const inPath = (env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => (folder === '' ? [] : NAMES.map((name) => join(folder, name))));
  return {
    executable: (env['CHROMIUM'] === undefined ? inPath : [env['CHROMIUM']]).find(isExecutable),
    required: env['CI'] === 'true' || env['REQUIRE_CHROMIUM'] === '1',
  };
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/**
 * Starts it with a profile of its own. The certificates' keys are trusted, and nothing else is waived: to the browser
 * these are secure origins like any other.
 */
export function launchChromium(executable: string, trusted: readonly X509Certificate[]): Promise<Browser> {
  const keys = trusted.map(({ publicKey }) =>
    createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64'),
  );
  return chromium.launch({
    executablePath: executable,
    headless: true,
    timeout: 60_000,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--ignore-certificate-errors-spki-list=${keys.join(',')}`,
    ],
  });
}
