// Writes the results of a run: JSON for programs, Markdown and a plot for people.

import { mkdirSync, writeFileSync } from 'node:fs';
import { toMarkdown } from './markdown.ts';
import { toPlot } from './plot.ts';
import type { Results } from './results.ts';

/** `folder` ends in a slash. */
export function saveResults(folder: string, name: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  const markdown = toMarkdown(results);
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(`${folder}${name}.md`, markdown);
  const plotted = results.scenarios.filter(({ id }) => id.startsWith('keep-alive'));
  if (plotted.length > 0) writeFileSync(`${folder}${name}.svg`, toPlot(plotted));
  console.log(markdown);
}
