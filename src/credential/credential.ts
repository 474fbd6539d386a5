// The credential stage: by the ordered mapping rules, the credential that the node's kubelet is shown for this user
// and this action. What no rule names is refused; there is no default.

import type { CredentialMapping } from '../core/credential-source.ts';
import type { Credentialed, Located } from '../core/exchange.ts';
import type { IssuedCredentials } from './issued.ts';
import type { CredentialStore } from './store.ts';
import { isPath, toResourceText } from '../core/attributes.ts';
import { Fault } from '../core/fault.ts';
import { toMappingRule } from './mapping.ts';
import type { MappingRule, Mismatch } from './mapping.ts';

/** Told of every rule that is tried, in order; `mismatch` is undefined for the one that matches. */
export type MappingTrace = (tried: {
  readonly located: Located;
  readonly index: number;
  readonly credential: string;
  readonly mismatch: Mismatch | undefined;
}) => void;

export interface CredentialStageDependencies {
  readonly credentials: CredentialStore;
  /** Absent: every credential is read from files. */
  readonly issued?: IssuedCredentials | undefined;
  /** For those who want to know why. */
  readonly trace?: MappingTrace | undefined;
}

/** Who asks: the user's exchange itself, or the gateway, which has to look something up for it. */
export type Asking = 'user' | 'gateway';

export type CredentialStage = (located: Located, asking?: Asking) => Credentialed | Promise<Credentialed>;

/**
 * Answers at once but for a credential that has to be issued first. Throws, or rejects with, Forbidden when no rule matches
 * or no certificate may be made for the user, InternalError when the expression of a rule cannot be evaluated and
 * ServiceUnavailable when the credential of the rule that matches cannot be used; a later rule is never tried
 * instead. A mapping to an unknown credential is a TypeError here.
 *
 * A certificate of the user's own is good for what the user may do on nodes, since that is what the kubelet asks for: its
 * rules match no exchange that was allowed by a right on pods, and nothing that the gateway asks for itself.
 */
export function createCredentialStage(
  { credentials, issued, trace }: CredentialStageDependencies,
  mappings: readonly CredentialMapping[],
): CredentialStage {
  for (const { credential } of mappings) {
    if (!credentials.names.has(credential) && issued?.names.has(credential) !== true) {
      throw new TypeError(`a credential mapping names ${JSON.stringify(credential)}, which is no credential`);
    }
  }
  const rules = mappings.map(toMappingRule);
  const pick = (located: Located, asking: Asking): MappingRule => {
    const isOwnServed = asking === 'user' && isOnNode(located);
    let isWithheld = false;
    for (const [index, rule] of rules.entries()) {
      const isServed = isOwnServed || issued?.isPersonal(rule.credential) !== true;
      // Whether it would match otherwise is for the words of a refusal, and for nothing else.
      const mismatch = rule.mismatch(located) ?? (isServed ? undefined : 'grant');
      trace?.({ located, index, credential: rule.credential, mismatch });
      if (mismatch === undefined) return rule;
      if (mismatch === 'grant') isWithheld = true;
    }
    throw isWithheld ? notPersonal(located, asking) : unmapped(located);
  };
  return (located, asking = 'user') => {
    const rule = pick(located, asking);
    if (issued?.names.has(rule.credential) !== true) {
      return { ...located, credential: credentials.get(rule.credential, located.entry.name) };
    }
    const credential = issued.get(rule.credential, located.authentication);
    return credential instanceof Promise
      ? credential.then((made) => ({ ...located, credential: made }))
      : { ...located, credential };
  };
}

const isOnNode = ({ grant: { by } }: Located): boolean =>
  !isPath(by) && by.apiGroup === '' && by.resource === 'nodes';

/** The mapping breaks it, not the user: said in words that tell an operator what is missing. */
function notPersonal(located: Located, asking: Asking): Fault {
  const { grant, action, entry } = located;
  const right = isPath(grant.by) ? grant.by.path : toResourceText(grant.by);
  const why =
    asking === 'gateway'
      ? 'the gateway has to read the pods of the node for it, and does not do so in the name of a user'
      : `the right to it is on ${right}, and a kubelet knows rights on nodes only`;
  return new Fault(
    'Forbidden',
    `the credential mappings of the gateway give a certificate of the user's own, and none else, ` +
      `for ${action.kind} on node ${JSON.stringify(entry.name)}: ${why}`,
    { details: { kind: 'nodes', name: entry.name } },
  );
}

const unmapped = ({ authentication: { user }, action, entry }: Located): Fault =>
  new Fault(
    'Forbidden',
    `no credential mapping of the gateway matches User ${JSON.stringify(user.name)} ` +
      `for ${action.kind} on node ${JSON.stringify(entry.name)}`,
    { details: { kind: 'nodes', name: entry.name } },
  );
