// Examines one node as the gateway sees it: reach, certificate, credential, clock, and what undoes the gateway. Promises:
// it asks nothing that changes anything, it ends whatever the node does, and it says what it could not look at.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { ActionKind } from '../core/action.ts';
import type { KubeletCredential, NodeEntry } from '../core/node.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Finding } from './finding.ts';
import type { GrantOptions } from './grants.ts';
import { Secret } from '../core/secret.ts';
import type { Reach } from '../outbound/reach.ts';
import { createDial } from '../outbound/dial.ts';
import { createAsk } from './ask.ts';
import { info } from './finding.ts';
import { judgeGrants } from './grants.ts';
import type { GrantDependencies } from './grants.ts';
import {
  judgeAnonymous,
  judgeAuthentication,
  judgeAuthorization,
  judgeClock,
  judgeReadOnlyPort,
} from './openness.ts';
import { judgeCredential, toSubjects } from './own-credential.ts';
import { probePort } from './port.ts';
import { judgeReach } from './reach.ts';
import type { Rights } from './rights.ts';
import { judgeRights } from './rights.ts';

export interface DoctorDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly reach: Reach;
  readonly allows: GrantDependencies['allows'];
}

export interface Examination {
  readonly entry: NodeEntry;
  /** The first is shown to the node in everything that is not about a single one. */
  readonly credentials: readonly [TriedCredential, ...TriedCredential[]];
  readonly connectTimeoutMs: number;
  /** For each question. */
  readonly answerTimeoutMs: number;
  /** Where the read-only port would be, when the node does not say. */
  readonly readOnlyPort: number;
  /** Absent: there is no API server to ask. */
  readonly grants?: GrantOptions;
}

export interface TriedCredential {
  readonly credential: KubeletCredential;
  /** The actions that the mappings can send with it. */
  readonly neededFor: ReadonlySet<ActionKind>;
}

/** Never rejects for anything that a node does. */
export async function examine(
  dependencies: DoctorDependencies,
  examination: Examination,
): Promise<readonly Finding[]> {
  const { clock } = dependencies;
  const { entry, credentials, connectTimeoutMs, grants } = examination;
  const reached = await judgeReach(dependencies, entry, credentials[0].credential, connectTimeoutMs);
  const inside = reached.isTrusted ? await examineInside(dependencies, examination) : undefined;
  return [
    ...reached.findings,
    ...credentials.flatMap(({ credential }) => judgeCredential(credential, clock.now())),
    ...(inside?.findings ?? [
      info('not-asked', 'the kubelet was sent no request: the gateway does not trust it, or cannot reach it'),
    ]),
    ...(reached.address === undefined
      ? []
      : [await examineReadOnlyPort(dependencies, examination, reached.address, inside?.readOnlyPort ?? 0)]),
    grants === undefined
      ? info('grants-not-seen', 'who else holds nodes/proxy was not looked at: no API server is configured')
      : await judgeGrants(dependencies, {
          ...grants,
          own: new Set([
            ...(grants.own ?? []),
            ...credentials.flatMap(({ credential }) => toSubjects(credential)),
          ]),
        }),
  ];
}

async function examineInside(
  dependencies: DoctorDependencies,
  { entry, credentials, connectTimeoutMs, answerTimeoutMs }: Examination,
): Promise<{ readonly findings: readonly Finding[]; readonly readOnlyPort: number }> {
  const dialWith = (shown: KubeletCredential) => createDial(dependencies, { connectTimeoutMs }, entry, shown);
  const asking = { host: `${entry.address}:${entry.port}`, timeoutMs: answerTimeoutMs };
  const rights: Rights[] = [];
  for (const { credential, neededFor } of credentials) {
    const ask = createAsk(dependencies, { dial: dialWith(credential), credential, ...asking });
    rights.push(await judgeRights(ask, credential, neededFor));
  }
  const answers = rights.flatMap((each) => each.answers);
  const askedAt = dependencies.clock.now();
  const settings = rights.find((each) => each.settings !== undefined)?.settings;
  const askAsNobody = createAsk(dependencies, { dial: dialWith(NOBODY), ...asking });
  return {
    findings: [
      ...rights.flatMap(({ findings }) => findings),
      await judgeAnonymous(askAsNobody, settings),
      judgeAuthorization(settings, answers),
      ...credentials.flatMap(({ credential }) => judgeAuthentication(settings, credential)),
      judgeClock(answers, askedAt),
    ],
    readOnlyPort: settings?.readOnlyPort ?? 0,
  };
}

/** Shows no certificate; its token is sent to nobody. */
const NOBODY: KubeletCredential = {
  name: '',
  fingerprint: '',
  material: { kind: 'bearerToken', token: new Secret('') },
};

async function examineReadOnlyPort(
  dependencies: DoctorDependencies,
  { readOnlyPort, connectTimeoutMs, answerTimeoutMs }: Examination,
  address: string,
  configured: number,
): Promise<Finding> {
  const port = configured === 0 ? readOnlyPort : configured;
  const state = await probePort(dependencies, { address, port, timeoutMs: connectTimeoutMs });
  if (state.kind !== 'open') return judgeReadOnlyPort(port, undefined);
  const dial = (signal: AbortSignal): Promise<Socket> => dialPlainly(address, port, signal);
  return judgeReadOnlyPort(
    port,
    createAsk(dependencies, { dial, host: `${address}:${port}`, timeoutMs: answerTimeoutMs }),
  );
}

/** For the read-only port alone, which is sent no credential. */
const dialPlainly = (host: string, port: number, signal: AbortSignal): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject).on('error', () => undefined);
      resolve(socket);
    });
  });
