// Which credential an exchange is given, from the configuration.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { Metrics } from '../observe/metrics/metrics.ts';
import type { MappingTrace } from '../credential/credential.ts';
import type { Foundation } from './foundation.ts';
import { createCredentialStage } from '../credential/credential.ts';
import { createCredentialStore } from '../credential/store.ts';

export const composeCredential = (
  { clock, log, metrics }: Foundation,
  configuration: GatewayConfiguration,
  trace?: MappingTrace,
) =>
  createCredentialStage(
    {
      trace,
      credentials: createCredentialStore(
        { clock, log, onState: createStaleness(metrics) },
        configuration.credentials,
      ),
    },
    configuration.credentialMappings,
  );

/** A credential is stale while the files of any node's copy of it are. */
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
