// A headless Chromium for tests, where the machine has one. A machine without it skips these tests and is told what to
// install; CI, which installs one, must not skip them.

import type { X509Certificate } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';
import { findInPath, isExecutable } from '../support/programs.ts';

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
  const { CHROMIUM: given } = env;
  return {
    executable: given === undefined ? findInPath(env, NAMES) : [given].find(isExecutable),
    required: env['CI'] === 'true' || env['REQUIRE_CHROMIUM'] === '1',
  };
}

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
