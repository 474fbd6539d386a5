// docs/metrics.md, made from the catalog.

import { entries } from './registry.ts';

/** The whole page, as Markdown. */
export function renderMetricsReference(): string {
  const lines = [
    '# Metrics',
    '',
    '<!-- Generated from src/observe/metrics/catalog.ts: change it there. -->',
    '',
    'The admin listener serves these at `/metrics` in the Prometheus text format, with the usual `process_*` and `nodejs_*`',
    'metrics of the process. No label holds the name of a user or of a node, so that the number of series does not grow',
    'with the number of either: who did what is in the audit log.',
  ];
  for (const [, { name, type, help, labels, buckets }] of entries()) {
    lines.push('', `## ${name}`, '', `${toTitle(type)}. ${help}`);
    const rows = Object.entries(labels);
    if (rows.length > 0) lines.push('', ...rows.map(([label, values]) => `- \`${label}\`: ${values}`));
    if (buckets !== undefined) lines.push('', `Buckets: ${buckets.join(', ')}.`);
  }
  return `${lines.join('\n')}\n`;
}

const toTitle = (type: string): string => type.charAt(0).toUpperCase() + type.slice(1);
