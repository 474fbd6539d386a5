// deploy/monitoring: alert rules and a dashboard that ask for metrics and labels which the gateway has.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { CATALOG } from '../../src/observe/metrics/catalog.ts';

interface Definition {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly buckets?: readonly number[];
}

const read = (name: string): Promise<string> =>
  readFile(new URL(`../../deploy/monitoring/${name}`, import.meta.url), 'utf8');

const definitions: readonly Definition[] = Object.values(CATALOG);
const known = new Map(
  definitions.flatMap(({ name, labels, buckets }): [string, readonly string[]][] => {
    const names = Object.keys(labels);
    return buckets === undefined
      ? [[name, names]]
      : ['bucket', 'sum', 'count'].map((suffix) => [`${name}_${suffix}`, [...names, 'le']]);
  }),
);
/** Labels that Prometheus itself puts on. */
const TARGET_LABELS = ['instance', 'job'];

/** What is wrong with an expression, or with the labels that its text uses. */
function problemsOf(expression: string, text: string): readonly string[] {
  const metrics = [...expression.matchAll(/kubelet_gateway_\w+/g)].map(([name]) => name);
  const labels = metrics.flatMap((name) => known.get(name) ?? []).concat(TARGET_LABELS);
  const used = [
    ...[...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/)),
    ...[...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, list = '']) =>
      list.split(',').map((match) => match.split(/[!=]/, 1)[0]?.trim() ?? ''),
    ),
    ...[...text.matchAll(/\{\{ *(?:\$labels\.)?(\w+) *\}\}/g)].map(([, name = '']) => name),
  ];
  return [
    ...(metrics.length === 0 ? [`no metric of the gateway: ${expression}`] : []),
    ...metrics.filter((name) => !known.has(name)).map((name) => `no metric ${name}`),
    ...used.filter((name) => !labels.includes(name)).map((name) => `no label ${name}: ${expression}`),
  ];
}

describe('alerts.yaml', () => {
  it('asks for metrics and labels that there are', async () => {
    const { groups } = parse(await read('alerts.yaml')) as {
      groups: readonly {
        rules: readonly { alert: string; expr: string; annotations: { summary: string } }[];
      }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
    assert.ok(rules.length > 0);
    assert.deepEqual(
      rules.flatMap(({ expr, annotations }) => problemsOf(expr, annotations.summary)),
      [],
    );
  });

  it('would not pass with a metric or a label that there is not', () => {
    assert.deepEqual(problemsOf('kubelet_gateway_nope', ''), ['no metric kubelet_gateway_nope']);
    assert.equal(problemsOf('sum by (nope) (kubelet_gateway_nodes)', '').length, 1);
    assert.equal(problemsOf('kubelet_gateway_nodes', '{{ $labels.nope }}').length, 1);
  });
});

describe('dashboard.json', () => {
  it('asks for metrics and labels that there are', async () => {
    const { panels } = JSON.parse(await read('dashboard.json')) as {
      panels: readonly { title: string; targets: readonly { expr: string; legendFormat: string }[] }[];
    };
    assert.ok(panels.length > 0);
    assert.deepEqual(
      panels.flatMap(({ targets }) => targets.flatMap((one) => problemsOf(one.expr, one.legendFormat))),
      [],
    );
  });
});
