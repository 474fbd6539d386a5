// The version of the program: that of package.json, which stands beside src/ and dist/ alike.

import { readFileSync } from 'node:fs';

const readVersion = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof version === 'string' ? version : 'unknown';
};

export const VERSION = readVersion();
