// Checks of the rules about sessions: who is recorded, and what is let through.

import type { SessionMatch } from '../../core/session-match.ts';
import type { Findings } from '../problem.ts';
import type { Sections } from '../schema/gateway.ts';
import type { Source } from '../yaml.ts';
import { toSuggestion } from '../nearest.ts';

const LISTS = ['users', 'groups', 'nodes', 'namespaces', 'actions'] as const;

export function checkRecording(
  { recording, sessionPolicy, nodes }: Sections,
  { source, findings }: { readonly source: Source; readonly findings: Findings },
): void {
  const names: readonly string[] | undefined = nodes?.list?.map(({ name }) => name);
  const checkRules = (section: string, rules: readonly SessionMatch[] = []): void =>
    rules.forEach((rule, index) => {
      const path = [section, 'rules', index];
      rule.nodes?.forEach((node, at) => {
        if (names === undefined || names.includes(node)) return;
        const message = `there is no node of this name${toSuggestion(node, names)}`;
        findings.problem(source, [...path, 'nodes', at], message);
      });
      const earlier = rules.slice(0, index).findIndex((other) => covers(other, rule));
      if (earlier < 0) return;
      const message = `is never reached: ${section}.rules[${earlier}] matches everything that it does`;
      findings.warning(source, path, message);
    });
  checkRules('recording', recording?.rules);
  checkRules('sessionPolicy', sessionPolicy?.rules);
}

/** The outer rule matches whatever the inner one does. */
const covers = (outer: SessionMatch, inner: SessionMatch): boolean =>
  LISTS.every((key) => {
    const wide: readonly string[] | undefined = outer[key];
    const narrow: readonly string[] | undefined = inner[key];
    return wide === undefined || (narrow?.every((value) => wide.includes(value)) ?? false);
  });
