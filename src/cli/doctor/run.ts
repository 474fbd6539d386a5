// Finds the node and the credentials in the configuration, and hands them to the doctor.

import type { ActionKind } from '../../core/action.ts';
import type { GatewayConfiguration } from '../../core/configuration.ts';
import type { NodeName } from '../../core/names.ts';
import type { NodeEntry } from '../../core/node.ts';
import type { Authentication } from '../../core/user.ts';
import type { TriedCredential } from '../../doctor/doctor.ts';
import type { Finding } from '../../doctor/finding.ts';
import type { Inspection } from '../inspection.ts';
import { ruleAllows } from '../../authorize/rbac.ts';
import { composeInventory } from '../../compose/inventory.ts';
import { ACTION_KINDS } from '../../core/action.ts';
import type { Fault } from '../../core/fault.ts';
import { toFault } from '../../core/fault.ts';
import { ANONYMOUS } from '../../core/user.ts';
import { createIssuedCredentials, isFileSource, isIssuedSource } from '../../credential/issued.ts';
import { createRenewal } from '../../credential/renewal.ts';
import { createCredentialStore } from '../../credential/store.ts';
import { examine } from '../../doctor/doctor.ts';
import { info, quoteForeign } from '../../doctor/finding.ts';
import { toServiceAccountSubjects } from '../../doctor/token-subject.ts';
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
    inspection.close();
  }
}

async function report(run: DoctorRun, inspection: Inspection, entry: NodeEntry): Promise<Report> {
  const { configuration, readOnlyPort } = run;
  const { foundation, reach } = inspection;
  const findings: Finding[] = [];
  const [first, ...others] = await readCredentials(run, inspection, findings);
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
                  own: toOwnAccounts(configuration),
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
async function readCredentials(
  { configuration, node, credential: wanted }: DoctorRun,
  { foundation: { clock, log } }: Inspection,
  findings: Finding[],
): Promise<readonly TriedCredential[]> {
  const { credentials, credentialMappings } = configuration;
  if (wanted !== undefined && !credentials.some(({ name }) => name === wanted)) {
    throw new UsageError(`there is no credential ${JSON.stringify(wanted)}`);
  }
  const store = createCredentialStore({ clock, log }, credentials.filter(isFileSource));
  const issued = createIssuedCredentials(
    { clock, log, renewal: createRenewal({ clock, log }) },
    credentials.filter(isIssuedSource),
  );
  const tried: TriedCredential[] = [];
  for (const { name } of credentials) {
    const neededFor = toNeeds(credentialMappings, name, node);
    if (wanted === undefined ? neededFor.size === 0 : name !== wanted) continue;
    if (issued.isPersonal(name)) {
      const what = `the credential ${JSON.stringify(name)} is made for each user, and was not tried`;
      findings.push(info('credential-not-tried', what));
      continue;
    }
    try {
      const credential = store.names.has(name) ? store.get(name, node) : await issued.get(name, NOBODY);
      tried.push({ credential, neededFor });
    } catch (error) {
      findings.push(toUnusable(name, toFault(error)));
    }
  }
  issued.close();
  return tried;
}

/** The ServiceAccounts whose tokens the configuration asks for, whether or not one was to be had. */
const toOwnAccounts = ({ credentials }: GatewayConfiguration): ReadonlySet<string> =>
  new Set(
    credentials.flatMap((source) =>
      source.kind === 'serviceAccountToken'
        ? toServiceAccountSubjects(source.namespace, source.serviceAccount)
        : [],
    ),
  );

/** A token of a ServiceAccount is the same for all. */
const NOBODY: Authentication = { user: ANONYMOUS, method: 'anonymous', expiresAt: 0 };

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
  todo: 'Files: kubelet-gateway check-config says what is wrong with them. A ServiceAccount: the gateway needs create on serviceaccounts/token of it.',
});
