// The doctor's report for people: what is to be done first, what is fine last.

import type { Finding, Severity } from '../../doctor/finding.ts';
import type { Report } from './run.ts';
import { SEVERITIES, isProblem, toPlain } from '../../doctor/finding.ts';

const TITLES: Readonly<Record<Severity, string>> = {
  critical: 'CRITICAL',
  error: 'ERROR',
  warning: 'WARNING',
  info: 'ok',
};

/** Ends in a line feed. */
export function toReportText({ node, address, credentials, findings }: Report): string {
  const sorted = findings.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  const problems = findings.filter(isProblem).length;
  const shown =
    credentials.length === 0 ? 'no credential' : credentials.map((name) => JSON.stringify(name)).join(', ');
  return [
    toPlain(`node ${node} at ${address}, with ${shown}`),
    ...sorted.flatMap(toLines),
    problems === 0 ? 'Nothing is to be done.' : `${problems} ${problems === 1 ? 'finding' : 'findings'}.`,
    '',
  ].join('\n');
}

const toLines = (finding: Finding): readonly string[] => {
  const { severity, id, what, why, todo } = finding;
  if (!isProblem(finding)) return [`${TITLES[severity].padEnd(10)}${what}`];
  return [`${TITLES[severity].padEnd(10)}${id}: ${what}`, `          Why: ${why}`, `          Do:  ${todo}`];
};
