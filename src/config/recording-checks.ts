// Checks of the rules that say who is recorded.

import type { RecordingRule } from '../core/recording.ts';
import type { Findings } from './problem.ts';
import type { Sections } from './schema/gateway.ts';
import type { Source } from './yaml.ts';
import { toSuggestion } from './nearest.ts';

const LISTS = ['users', 'groups', 'nodes', 'namespaces', 'actions'] as const;
type Lists = Pick<RecordingRule, (typeof LISTS)[number]>;

export function checkRecording(
  { recording, nodes }: Sections,
  { source, findings }: { readonly source: Source; readonly findings: Findings },
): void {
  const names: readonly string[] | undefined = nodes?.map(({ name }) => name);
  recording?.rules.forEach((rule, index) => {
    const path = ['recording', 'rules', index];
    rule.nodes?.forEach((node, at) => {
      if (names === undefined || names.includes(node)) return;
      const message = `there is no node of this name${toSuggestion(node, names)}`;
      findings.problem(source, [...path, 'nodes', at], message);
    });
    const earlier = recording.rules.slice(0, index).findIndex((other) => covers(other, rule));
    if (earlier < 0) return;
    const message = `is never reached: recording.rules[${earlier}] matches everything that it does`;
    findings.warning(source, path, message);
  });
}

/** The outer rule matches whatever the inner one does. */
const covers = (outer: Lists, inner: Lists): boolean =>
  LISTS.every((key) => {
    const wide: readonly string[] | undefined = outer[key];
    const narrow: readonly string[] | undefined = inner[key];
    return wide === undefined || (narrow?.every((value) => wide.includes(value)) ?? false);
  });
