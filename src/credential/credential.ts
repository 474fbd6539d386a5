// The credential stage: by the ordered mapping rules, the credential that the node's kubelet is shown for this user
// and this action. What no rule names is refused; there is no default.

import type { CredentialMapping } from '../core/credential-source.ts';
import type { Credentialed, Located } from '../core/exchange.ts';
import type { CredentialStore } from './store.ts';
import { Fault } from '../core/fault.ts';
import { toMappingRule } from './mapping.ts';
import type { Mismatch } from './mapping.ts';

/** Told of every rule that is tried, in order; `mismatch` is undefined for the one that matches. */
export type MappingTrace = (tried: {
  readonly located: Located;
  readonly index: number;
  readonly credential: string;
  readonly mismatch: Mismatch | undefined;
}) => void;

export interface CredentialStageDependencies {
  readonly credentials: CredentialStore;
  /** For those who want to know why. */
  readonly trace?: MappingTrace | undefined;
}

/**
 * Answers at once. Throws Forbidden when no rule matches, InternalError when the expression of a rule cannot be evaluated
 * and ServiceUnavailable when the credential of the rule that matches cannot be used; a later rule is never tried
 * instead. A mapping to an unknown credential is a TypeError here.
 */
export function createCredentialStage(
  { credentials, trace }: CredentialStageDependencies,
  mappings: readonly CredentialMapping[],
): (located: Located) => Credentialed {
  for (const { credential } of mappings) {
    if (!credentials.names.has(credential)) {
      throw new TypeError(`a credential mapping names ${JSON.stringify(credential)}, which is no credential`);
    }
  }
  const rules = mappings.map(toMappingRule);
  return (located) => {
    const rule = rules.find((candidate, index) => {
      const mismatch = candidate.mismatch(located);
      trace?.({ located, index, credential: candidate.credential, mismatch });
      return mismatch === undefined;
    });
    if (rule === undefined) throw unmapped(located);
    return { ...located, credential: credentials.get(rule.credential, located.entry.name) };
  };
}

const unmapped = ({ authentication: { user }, action, entry }: Located): Fault =>
  new Fault(
    'Forbidden',
    `no credential mapping of the gateway matches User ${JSON.stringify(user.name)} ` +
      `for ${action.kind} on node ${JSON.stringify(entry.name)}`,
    { details: { kind: 'nodes', name: entry.name } },
  );
