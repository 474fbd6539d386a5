// Checks of credentials and of the rules that hand them out.

import type { CredentialMapping } from '../../core/credential-source.ts';
import type { Findings, Path } from '../problem.ts';
import type { Sections } from '../schema/gateway.ts';
import type { Source } from '../yaml.ts';
import { compileExpression } from '../../cel/compile.ts';
import { toSuggestion } from '../nearest.ts';

interface Checking {
  readonly source: Source;
  readonly findings: Findings;
}

export function checkMappings(sections: Sections, checking: Checking): void {
  checkNames(sections, checking);
  checkReferences(sections, checking);
  checkExpressions(sections, checking);
  checkReachable(sections, checking);
  checkUse(sections, checking);
  checkReplay(sections, checking);
}

function checkNames({ credentials = [] }: Sections, { source, findings }: Checking): void {
  credentials.forEach(({ name }, index) => {
    if (credentials.findIndex((credential) => credential.name === name) === index) return;
    findings.problem(source, ['credentials', index, 'name'], 'another credential has this name already');
  });
}

function checkReferences(sections: Sections, { source, findings }: Checking): void {
  const { credentials, nodes, credentialMappings = [] } = sections;
  const refer = (name: string, known: readonly string[] | undefined, what: string, path: Path): void => {
    if (known === undefined || known.includes(name)) return;
    findings.problem(source, path, `there is no ${what} of this name${toSuggestion(name, known)}`);
  };
  const credentialNames = credentials?.map(({ name }) => name);
  // Only the list is known here: nodes of the other sources come and go.
  const nodeNames = nodes?.list?.map(({ name }) => name);
  credentialMappings.forEach((mapping, index) => {
    const path = ['credentialMappings', index];
    refer(mapping.credential, credentialNames, 'credential', [...path, 'credential']);
    mapping.nodes?.forEach((node, at) => refer(node, nodeNames, 'node', [...path, 'nodes', at]));
  });
}

const LISTS = ['users', 'groups', 'nodes', 'actions'] as const;

function checkExpressions({ credentialMappings = [] }: Sections, { source, findings }: Checking): void {
  credentialMappings.forEach(({ when }, index) => {
    if (when === undefined) return;
    const compiled = compileExpression(when, { variables: 'mapping', results: ['bool'] });
    if (compiled.kind === 'program') return;
    findings.problem(source, ['credentialMappings', index, 'when'], `the expression ${compiled.message}`);
  });
}

/** Whether every exchange that `inner` matches is matched by `outer`. What an expression matches is not known here. */
const covers = (outer: CredentialMapping, inner: CredentialMapping): boolean =>
  (outer.when === undefined || outer.when === inner.when) &&
  LISTS.every((key) => {
    const wide: readonly string[] | undefined = outer[key];
    const narrow: readonly string[] | undefined = inner[key];
    return wide === undefined || (narrow?.every((value) => wide.includes(value)) ?? false);
  });

function checkReachable({ credentialMappings = [] }: Sections, { source, findings }: Checking): void {
  credentialMappings.forEach((mapping, index) => {
    const earlier = credentialMappings.slice(0, index).findIndex((other) => covers(other, mapping));
    if (earlier < 0) return;
    const message = `is never reached: credentialMappings[${earlier}] matches everything that it does`;
    findings.warning(source, ['credentialMappings', index], message);
  });
}

function checkUse({ credentials = [], credentialMappings }: Sections, { source, findings }: Checking): void {
  if (credentialMappings === undefined) return;
  credentials.forEach(({ name }, index) => {
    if (credentialMappings.some(({ credential }) => credential === name)) return;
    findings.warning(source, ['credentials', index], 'is not used by any of credentialMappings');
  });
}

/** The names of the nodes that rules can show a credential to. */
export function nodesOf(credential: string, { nodes, credentialMappings = [] }: Sections): readonly string[] {
  const rules = credentialMappings.filter((mapping) => mapping.credential === credential);
  return (nodes?.list ?? [])
    .map(({ name }) => name)
    .filter((name) => rules.some((rule) => rule.nodes?.includes(name) ?? true));
}

/** A node sees the token that it is shown: one that is valid at other nodes too could be used there. */
function checkReplay(sections: Sections, { source, findings }: Checking): void {
  const { credentials = [] } = sections;
  const shown = new Map<string, Set<string>>();
  credentials.forEach((credential, index) => {
    if (credential.kind !== 'bearerToken' || credential.bearerTokenFile.includes('{node}')) return;
    const before = shown.get(credential.bearerTokenFile) ?? new Set();
    const nodes = new Set([...before, ...nodesOf(credential.name, sections)]);
    shown.set(credential.bearerTokenFile, nodes);
    const isKnown = sections.nodes?.list !== undefined;
    if (isKnown && nodes.size < 2) return;
    const message = `this token is shown to ${isKnown ? nodes.size : 'all'} nodes: any of them could use it at the others; prefer certificates, or one token for each {node}`;
    findings.warning(source, ['credentials', index, 'bearerTokenFile'], message);
  });
}
