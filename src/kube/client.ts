// A client for what the gateway asks a Kubernetes API server while a request waits: SubjectAccessReviews and
// TokenReviews, over kept-alive HTTPS connections whose server certificate is always verified. There is no client-side
// throttle.

import type { KubeConnection } from '../core/kube-connection.ts';
import type { Clock } from '../core/ports.ts';
import type { Outcome } from './call.ts';
import type { ReviewSpec, ReviewStatus } from './subject-access-review.ts';
import type { TokenReviewSpec, TokenReviewStatus } from './token-review.ts';
import { Fault } from '../core/fault.ts';
import { createAgent, toApiUrl } from './agent.ts';
import { ApiServerAway, isAwayCode } from './away.ts';
import { createBearer } from './bearer.ts';
import { call } from './call.ts';
import { pause } from './pause.ts';
import { toRetryDelayMs } from './retry.ts';
import { parseReviewStatus, REVIEW_PATH, toReviewBody } from './subject-access-review.ts';
import { parseTokenReviewStatus, TOKEN_REVIEW_PATH, toTokenReviewBody } from './token-review.ts';

export interface KubeClient {
  /**
   * Asks until there is an answer, an error that will not go away, or `signal` aborts. Rejects with a Fault
   * InternalError whose cause, for the log, says what happened.
   */
  createSubjectAccessReview(spec: ReviewSpec, signal: AbortSignal): Promise<ReviewStatus>;
  /** The same; rejects with a Fault ServiceUnavailable. Neither Fault nor cause holds anything of the token. */
  createTokenReview(spec: TokenReviewSpec, signal: AbortSignal): Promise<TokenReviewStatus>;
  /** Ends the connections, those in use too. */
  close(): void;
}

export interface KubeClientOptions {
  /** How often a question is asked at most. Default 4. */
  readonly attempts?: number;
  /** The pause before the second attempt, in milliseconds; later ones are longer. Default 250. */
  readonly firstDelayMs?: number;
  /** Longer answers are failures. Default 1 MiB. */
  readonly maxAnswerBytes?: number;
}

/** What of an error answer the log is shown, in characters. */
const EXCERPT_LENGTH = 500;

export function createKubeClient(
  { clock }: { readonly clock: Clock },
  connection: KubeConnection,
  { attempts = 4, firstDelayMs = 250, maxAnswerBytes = 2 ** 20 }: KubeClientOptions = {},
): KubeClient {
  const agent = createAgent(connection);
  const bearer = createBearer(connection.credential);

  const ask = async (url: URL, body: string, signal: AbortSignal): Promise<Outcome> => {
    try {
      return await call(
        { agent, url, method: 'POST', authorization: await bearer(), body, maxAnswerBytes },
        signal,
      );
    } catch (error) {
      return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    }
  };

  /** Rejects with the Fault that `kind` makes of what happened. */
  const review = async <Status>(
    kind: ReviewKind<Status>,
    body: string,
    signal: AbortSignal,
  ): Promise<Status> => {
    const url = toApiUrl(connection.server, kind.path);
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await ask(url, body, signal);
      if (outcome.kind === 'answer' && outcome.code === 201) return read(kind, outcome.body);
      const delayMs =
        attempt < attempts && !signal.aborted
          ? toRetryDelayMs(outcome, attempt, firstDelayMs, Math.random())
          : undefined;
      if (delayMs === undefined) throw kind.fault('no answer from the API server', toCause(kind, outcome));
      await pause(clock, delayMs, signal);
    }
  };

  // A server that cannot be asked is told of when the configuration is put in force, not at the first question.
  toApiUrl(connection.server, SUBJECT_ACCESS_REVIEW.path);
  return {
    createSubjectAccessReview: (spec, signal) => review(SUBJECT_ACCESS_REVIEW, toReviewBody(spec), signal),
    createTokenReview: (spec, signal) => review(TOKEN_REVIEW, toTokenReviewBody(spec), signal),
    close: () => agent.destroy(),
  };
}

interface ReviewKind<Status> {
  readonly name: string;
  readonly path: string;
  readonly parse: (body: string) => Status;
  readonly fault: (what: string, cause: Error) => Fault;
  /** Whether an error answer may be quoted in the log. */
  readonly isQuotable: boolean;
}

const SUBJECT_ACCESS_REVIEW: ReviewKind<ReviewStatus> = {
  name: 'SubjectAccessReview',
  path: REVIEW_PATH,
  parse: parseReviewStatus,
  fault: (what, cause) =>
    new Fault('InternalError', `authorization could not be decided: ${what}`, { cause }),
  isQuotable: true,
};

const TOKEN_REVIEW: ReviewKind<TokenReviewStatus> = {
  name: 'TokenReview',
  path: TOKEN_REVIEW_PATH,
  parse: parseTokenReviewStatus,
  fault: (what, cause) =>
    new Fault('ServiceUnavailable', `the bearer token could not be checked: ${what}`, { cause }),
  // It could hold what was sent, and that is the token.
  isQuotable: false,
};

function read<Status>({ name, parse, fault }: ReviewKind<Status>, body: string): Status {
  try {
    return parse(body);
  } catch (error) {
    throw fault('malformed answer', new Error(`malformed ${name} answer`, { cause: error }));
  }
}

function toCause({ name, isQuotable }: ReviewKind<unknown>, outcome: Outcome): Error {
  if (outcome.kind === 'failed') return new ApiServerAway(`${name} failed`, { cause: outcome.error });
  const excerpt = isQuotable ? `: ${outcome.body.slice(0, EXCERPT_LENGTH)}` : '';
  const message = `${name}: HTTP ${outcome.code}${excerpt}`;
  return isAwayCode(outcome.code) ? new ApiServerAway(message) : new Error(message);
}
