// npm run bench:join: makes one result of the parts of a full benchmark that were run with --only, one after the other.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { joinResults } from './report/join.ts';
import type { Results } from './report/results.ts';
import { saveResults } from './report/save.ts';

const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const parts = ['requests', 'crowds', 'decisions', 'streams', 'recorded']
  .map((part) => `${RESULTS}full-${part}.json`)
  .filter((file) => existsSync(file))
  .map((file) => JSON.parse(readFileSync(file, 'utf8')) as Results);
saveResults(RESULTS, 'full', joinResults(parts));
