// Which credential an exchange is given, from the configuration.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { Metrics } from '../observe/metrics/metrics.ts';
import type { CredentialStage, MappingTrace } from '../credential/credential.ts';
import type { Foundation } from './foundation.ts';
import { createCredentialStage } from '../credential/credential.ts';
import { createIssuedCredentials, isFileSource, isIssuedSource } from '../credential/issued.ts';
import { createCredentialStore } from '../credential/store.ts';

export interface ComposedCredentials {
  readonly stage: CredentialStage;
  /** Lets go of the connections to API servers, when what they were asked for has had its time. */
  readonly release: () => void;
}

/** As long as an API server may take for anything that is issued (docs/config.md: credentials[].userCertificate). */
const LONGEST_ISSUING_MS = 5 * 60_000;

export function composeCredentials(
  { clock, log, metrics, renewal }: Foundation,
  configuration: GatewayConfiguration,
  trace?: MappingTrace,
): ComposedCredentials {
  const onState = createStaleness(metrics);
  const { credentials: sources, credentialMappings } = configuration;
  const credentials = createCredentialStore({ clock, log, onState }, sources.filter(isFileSource));
  const issued = createIssuedCredentials({ clock, log, renewal, onState }, sources.filter(isIssuedSource));
  return {
    stage: createCredentialStage({ credentials, issued, trace }, credentialMappings),
    release: () => void clock.after(LONGEST_ISSUING_MS, () => issued.close()),
  };
}

/** A credential is stale while the files of any node's copy of it are, or what is issued could not be renewed. */
function createStaleness(metrics: Metrics) {
  const unusable = new Map<string, Set<string>>();
  return (credential: string, node: string | undefined, usable: boolean): void => {
    const nodes = unusable.get(credential) ?? new Set();
    unusable.set(credential, nodes);
    if (usable) nodes.delete(node ?? '');
    else nodes.add(node ?? '');
    metrics.credentialStale(credential, nodes.size > 0);
  };
}
