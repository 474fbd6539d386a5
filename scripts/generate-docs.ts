// Writes the pages that are made from the source: docs/config.md and config/schema.json from the configuration's
// schemas, docs/metrics.md from the metrics' catalog, docs/cel.md from the functions of expressions. With --check nothing is written, and the exit code is 1 when a
// page is not what the source would make of it.

import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { renderCelReference } from '../src/cel/reference.ts';
import { toJsonSchema, toReferencePage } from '../src/config/reference.ts';
import { renderMetricsReference } from '../src/observe/metrics/reference.ts';

const PAGES: Readonly<Record<string, () => string>> = {
  'docs/config.md': toReferencePage,
  'config/schema.json': () => JSON.stringify(toJsonSchema()),
  'docs/metrics.md': renderMetricsReference,
  'docs/cel.md': renderCelReference,
};

const check = process.argv.includes('--check');
for (const [name, make] of Object.entries(PAGES)) {
  const file = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const text = await format(make(), { ...(await resolveConfig(file)), filepath: file });
  const present = await readFile(file, 'utf8').catch(() => '');
  if (present === text) continue;
  if (check) {
    console.error(`${name} is not up to date: run npm run docs`);
    process.exitCode = 1;
  } else {
    await writeFile(file, text);
    console.log(`wrote ${name}`);
  }
}
