// A client for what an API server issues to the gateway: tokens of ServiceAccounts (TokenRequest) and certificates
// (CertificateSigningRequest). Each question is asked once more or not at all by whoever asks; nothing is retried here
// but a conflict. Errors are for the log and hold nothing of what was issued.

import type { KubeConnection } from '../core/kube-connection.ts';
import type { Clock } from '../core/ports.ts';
import type { Call, Outcome } from './call.ts';
import type { SigningRequest, SigningRequestSpec } from './certificate-signing-request.ts';
import type { RequestedToken, TokenRequestSpec } from './token-request.ts';
import { createAgent, toApiUrl } from './agent.ts';
import { createBearer } from './bearer.ts';
import { call } from './call.ts';
import {
  isOfSpec,
  parseSigningRequest,
  SIGNING_REQUEST_PATH,
  toApprovalBody,
  toApprovalPath,
  toSigningRequestBody,
  toSigningRequestPath,
} from './certificate-signing-request.ts';
import { pause } from './pause.ts';
import { parseTokenRequest, toTokenRequestBody, toTokenRequestPath } from './token-request.ts';

export interface IssuingClient {
  /** Rejects with an Error. */
  requestToken(spec: TokenRequestSpec, signal: AbortSignal): Promise<RequestedToken>;
  /**
   * Creates a request, approves it where it is to, waits for the certificate until `signal` aborts, and removes the
   * request in any case. PEM, leaf first. Rejects with an Error.
   */
  requestCertificate(spec: SigningRequestSpec, approve: boolean, signal: AbortSignal): Promise<string>;
  /** Ends the connections, those in use too. */
  close(): void;
}

const MAX_ANSWER_BYTES = 2 ** 20;
const EXCERPT_LENGTH = 500;
/** Pauses between looks at a request, in milliseconds. */
const FIRST_LOOK_MS = 100;
const LOOK_GROWTH = 1.5;
const LONGEST_LOOK_MS = 2000;
/** The removal of a request has a time of its own: that of the request may be over. */
const REMOVAL_MS = 5000;
const MAX_CONFLICTS = 3;

type Ask = (
  what: Pick<Call, 'method' | 'body'> & { readonly path: string },
  signal: AbortSignal,
) => Promise<Outcome>;

/** Throws a TypeError when the connection's server cannot be asked. */
export function createIssuingClient(
  { clock }: { readonly clock: Clock },
  connection: KubeConnection,
): IssuingClient {
  const agent = createAgent(connection);
  const bearer = createBearer(connection.credential);
  toApiUrl(connection.server, SIGNING_REQUEST_PATH);
  const ask: Ask = async ({ path, ...what }, signal) => {
    try {
      const authorization = await bearer();
      const url = toApiUrl(connection.server, path);
      return await call({ agent, url, authorization, maxAnswerBytes: MAX_ANSWER_BYTES, ...what }, signal);
    } catch (error) {
      return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    }
  };
  return {
    requestToken: async (spec, signal) => {
      const path = toTokenRequestPath(spec);
      const outcome = await ask({ method: 'POST', path, body: toTokenRequestBody(spec) }, signal);
      // An error answer is quoted: it says which right is missing, and no token.
      return parseTokenRequest(expectCode(outcome, 201, 'TokenRequest'));
    },
    requestCertificate: async (spec, approve, signal) => {
      const body = toSigningRequestBody(spec);
      const created = await ask({ method: 'POST', path: SIGNING_REQUEST_PATH, body }, signal);
      const request = parseSigningRequest(expectCode(created, 201, 'CertificateSigningRequest'));
      try {
        const current = approve ? await approveRequest(ask, request, spec, signal) : request;
        return await waitForCertificate(clock, ask, current, signal);
      } finally {
        await remove(clock, ask, request.name);
      }
    },
    close: () => agent.destroy(),
  };
}

/** Somebody may change the object in between: then it is read and approved again. */
async function approveRequest(
  ask: Ask,
  request: SigningRequest,
  spec: SigningRequestSpec,
  signal: AbortSignal,
): Promise<SigningRequest> {
  let current = request;
  for (let conflicts = 0; ; conflicts += 1) {
    if (!isOfSpec(current, spec)) throw new Error('the request to approve is not the one that was made');
    const path = toApprovalPath(request.name);
    const outcome = await ask({ method: 'PUT', path, body: toApprovalBody(current) }, signal);
    const isConflict = outcome.kind === 'answer' && outcome.code === 409 && conflicts < MAX_CONFLICTS;
    if (!isConflict) return parseSigningRequest(expectCode(outcome, 200, 'the approval of a certificate'));
    current = await look(ask, request.name, signal);
  }
}

async function waitForCertificate(
  clock: Clock,
  ask: Ask,
  request: SigningRequest,
  signal: AbortSignal,
): Promise<string> {
  let current = request;
  for (let delayMs = FIRST_LOOK_MS; ; delayMs = Math.min(delayMs * LOOK_GROWTH, LONGEST_LOOK_MS)) {
    const { state } = current;
    if (state.kind === 'issued') return state.certificate;
    if (state.kind === 'refused') throw new Error(`the certificate was refused: ${state.reason}`);
    await pause(clock, delayMs, signal);
    if (signal.aborted) throw new Error('the certificate was not issued in time', { cause: signal.reason });
    current = await look(ask, request.name, signal);
  }
}

async function look(ask: Ask, name: string, signal: AbortSignal): Promise<SigningRequest> {
  const outcome = await ask({ method: 'GET', path: toSigningRequestPath(name) }, signal);
  return parseSigningRequest(expectCode(outcome, 200, 'the state of a CertificateSigningRequest'));
}

/** What is left behind is removed by the cluster itself within an hour, or a day when nobody has approved it. */
async function remove(clock: Clock, ask: Ask, name: string): Promise<void> {
  const limit = new AbortController();
  const cancel = clock.after(REMOVAL_MS, () => limit.abort());
  await ask({ method: 'DELETE', path: toSigningRequestPath(name) }, limit.signal);
  cancel();
}

function expectCode(outcome: Outcome, code: number, what: string): string {
  if (outcome.kind === 'failed') throw new Error(`${what} failed`, { cause: outcome.error });
  if (outcome.code === code) return outcome.body;
  // A success that was not expected could hold what is to stay secret.
  const excerpt = outcome.code >= 400 ? `: ${outcome.body.slice(0, EXCERPT_LENGTH)}` : '';
  throw new Error(`${what}: HTTP ${outcome.code}${excerpt}`);
}
