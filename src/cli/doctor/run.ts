// Finds the node and the credentials in the configuration, and hands them to the doctor.

import type { ActionKind } from '../../core/action.ts';
import type { GatewayConfiguration } from '../../core/configuration.ts';
import type { FileCredentialSource } from '../../core/credential-source.ts';
import type { NodeName } from '../../core/names.ts';
import type { NodeEntry } from '../../core/node.ts';
import type { TriedCredential } from '../../doctor/doctor.ts';
import type { Finding } from '../../doctor/finding.ts';
import type { Inspection } from '../inspection.ts';
import { ruleAllows } from '../../authorize/rbac.ts';
import { composeInventory } from '../../compose/inventory.ts';
import { ACTION_KINDS } from '../../core/action.ts';
import type { Fault } from '../../core/fault.ts';
import { toFault } from '../../core/fault.ts';
import { createCredentialStore } from '../../credential/store.ts';
import { examine } from '../../doctor/doctor.ts';
import { info, quoteForeign } from '../../doctor/finding.ts';
import { UsageError } from '../command.ts';
import { createInspection, nodesKnown } from '../inspection.ts';

export interface DoctorRun {
  readonly configuration: GatewayConfiguration;
  readonly node: NodeName;
  /** Absent: all that the mappings can show to the node. */
  readonly credential?: string;
  readonly readOnlyPort: number;
}

export interface Report {
  readonly node: string;
  readonly address: string;
  readonly credentials: readonly string[];
  readonly findings: readonly Finding[];
}

/** Of one question. A kubelet that collects statistics takes seconds. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Rejects with a UsageError for a node or a credential that there is not. */
export async function runDoctor(run: DoctorRun): Promise<Report> {
  const { configuration, node } = run;
  const inspection = createInspection(configuration);
  const composed = composeInventory(inspection.foundation, configuration.nodes);
  const { inventory } = composed;
  try {
    await nodesKnown({ nodesProblem: () => inventory.problem?.() });
    const entry = inventory.get(node);
    if (entry === undefined) {
      const why = inventory.problem?.();
      throw new UsageError(`there is no node ${JSON.stringify(node)}${why === undefined ? '' : `: ${why}`}`);
    }
    return await report(run, inspection, entry);
  } finally {
    composed.release();
    await inspection.close();
  }
}

async function report(run: DoctorRun, inspection: Inspection, entry: NodeEntry): Promise<Report> {
  const { configuration, readOnlyPort } = run;
  const { foundation, reach } = inspection;
  const findings: Finding[] = [];
  const [first, ...others] = readCredentials(run, inspection, findings);
  if (first !== undefined) {
    const { authorization, forwarding } = configuration;
    findings.push(
      ...(await examine(
        { clock: foundation.clock, log: foundation.log, reach, allows: ruleAllows },
        {
          entry,
          credentials: [first, ...others],
          connectTimeoutMs: forwarding.connectTimeoutMs,
          answerTimeoutMs: ANSWER_TIMEOUT_MS,
          readOnlyPort,
          ...(authorization.mode === 'SubjectAccessReview'
            ? {
                grants: {
                  connection: authorization.subjectAccessReview.connection,
                  timeoutMs: ANSWER_TIMEOUT_MS,
                },
              }
            : {}),
        },
      )),
    );
  }
  return {
    node: entry.name,
    address: `${entry.address} port ${entry.port}`,
    credentials: [first, ...others].flatMap((tried) => (tried === undefined ? [] : [tried.credential.name])),
    findings,
  };
}

/** Those that can be tried; what keeps the others from it goes to `findings`. */
function readCredentials(
  { configuration, node, credential: wanted }: DoctorRun,
  { foundation }: Inspection,
  findings: Finding[],
): readonly TriedCredential[] {
  const { credentials, credentialMappings } = configuration;
  if (wanted !== undefined && !credentials.some(({ name }) => name === wanted)) {
    throw new UsageError(`there is no credential ${JSON.stringify(wanted)}`);
  }
  const store = createCredentialStore(foundation, credentials.filter(isOfFiles));
  return credentials.flatMap(({ name, kind }) => {
    const neededFor = toNeeds(credentialMappings, name, node);
    if (wanted === undefined ? neededFor.size === 0 : name !== wanted) return [];
    if (!store.names.has(name)) {
      findings.push(
        info(
          'credential-not-tried',
          `the credential ${JSON.stringify(name)} (${kind}) is made for each use, and was not tried`,
        ),
      );
      return [];
    }
    try {
      return [{ credential: store.get(name, node), neededFor }];
    } catch (error) {
      findings.push(toUnusable(name, toFault(error)));
      return [];
    }
  });
}

const isOfFiles = (source: GatewayConfiguration['credentials'][number]): source is FileCredentialSource =>
  source.kind === 'certificate' || source.kind === 'bearerToken';

/** The actions for which a rule can choose the credential at the node. */
const toNeeds = (
  mappings: GatewayConfiguration['credentialMappings'],
  name: string,
  node: NodeName,
): ReadonlySet<ActionKind> =>
  new Set(
    mappings
      .filter(({ credential, nodes }) => credential === name && (nodes?.includes(node) ?? true))
      .flatMap(({ actions }) => actions ?? ACTION_KINDS),
  );

const toUnusable = (name: string, { cause, message }: Fault): Finding => ({
  id: 'credential-unusable',
  severity: 'error',
  what: `the credential ${JSON.stringify(name)} cannot be used: ${quoteForeign(cause instanceof Error ? cause.message : message)}`,
  why: 'Requests that a mapping gives it to are answered with 503.',
  todo: 'Correct the files of the credential: kubelet-gateway check-config says what is wrong with them.',
});
