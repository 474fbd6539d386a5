// The audit section, with Kubernetes' audit Policy read and checked.

import type { AuditPolicy, AuditPolicyRule } from '../../core/audit-policy.ts';
import type { AuditSettings } from '../../core/configuration.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import type { Source } from '../yaml.ts';
import { resolveFile } from '../files.ts';
import { readDocument } from '../reading.ts';
import { auditPolicyFile } from '../schema/audit-policy.ts';
import { check } from '../schema/check.ts';
import { readAuditChain } from './audit-chain.ts';

/** What is audited where no policy says so: everything that the gateway has to tell. */
const EVERYTHING: AuditPolicy = { rules: [{ level: 'Metadata' }], omitStages: [] };

export async function readAudit(
  section: GatewayFile['audit'],
  reading: Reading,
): Promise<AuditSettings | undefined> {
  const { policyFile, mode, fsync, file, stdout } = section;
  const chain = await readAuditChain(section, reading);
  const policy = policyFile === undefined ? EVERYTHING : await readPolicy(policyFile, section, reading);
  return (
    policy && {
      policy,
      mode,
      fsync,
      ...(file === undefined
        ? {}
        : {
            file: {
              path: resolveFile(reading.folder, file.path),
              maxBytes: file.maxSize,
              maxAgeMs: file.maxAge,
              maxFiles: file.maxFiles,
            },
          }),
      ...(chain && { chain }),
      stdout,
    }
  );
}

async function readPolicy(
  name: string,
  { mode }: GatewayFile['audit'],
  reading: Reading,
): Promise<AuditPolicy | undefined> {
  const file = resolveFile(reading.folder, name);
  const source = await readDocument(file, reading.source, ['audit', 'policyFile'], reading);
  const policy = source && toPolicy(source, reading);
  if (source === undefined || policy === undefined) return undefined;
  warnAbout(policy, source, mode, reading);
  return policy;
}

/** The audit Policy in a document. */
function toPolicy(source: Source, { findings }: Pick<Reading, 'findings'>): AuditPolicy | undefined {
  const file = check(auditPolicyFile, source.value, source, [], findings);
  return (
    file && {
      rules: file.rules.map(toRule),
      omitStages: file.omitStages,
    }
  );
}

/** Bodies are never recorded, and so no managed fields either. */
function toRule(rule: AuditPolicyRule & { readonly omitManagedFields?: boolean }): AuditPolicyRule {
  const { level, users, userGroups, verbs, resources, namespaces, nonResourceURLs, omitStages } = rule;
  return {
    level,
    ...(users && { users }),
    ...(userGroups && { userGroups }),
    ...(verbs && { verbs }),
    ...(resources && { resources }),
    ...(namespaces && { namespaces }),
    ...(nonResourceURLs && { nonResourceURLs }),
    ...(omitStages && { omitStages }),
  };
}

function warnAbout(
  policy: AuditPolicy,
  source: Source,
  mode: AuditSettings['mode'],
  { findings }: Reading,
): void {
  const givesUp =
    'and blocking-strict can then not see to it that nothing is dialled before it is written down';
  if (mode === 'blocking-strict' && policy.omitStages.includes('RequestReceived')) {
    findings.warning(source, ['omitStages'], `the stage RequestReceived is omitted, ${givesUp}`);
  }
  policy.rules.forEach((rule, index) => {
    const path = ['rules', index];
    if (rule.level === 'Request' || rule.level === 'RequestResponse') {
      const message = `is treated as Metadata: the gateway records no bodies`;
      findings.warning(source, [...path, 'level'], message);
    }
    const omits = rule.omitStages?.includes('RequestReceived') ?? false;
    if (mode === 'blocking-strict' && omits) {
      findings.warning(source, [...path, 'omitStages'], `RequestReceived is omitted, ${givesUp}`);
    }
  });
}
