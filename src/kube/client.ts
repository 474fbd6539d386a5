// A client for the one thing that the gateway asks a Kubernetes API server while it authorizes: SubjectAccessReviews,
// over kept-alive HTTPS connections whose server certificate is always verified. There is no client-side throttle.

import { Agent } from 'node:https';
import type { KubeConnection } from '../core/kube-connection.ts';
import type { Clock } from '../core/ports.ts';
import type { Outcome } from './post.ts';
import type { ReviewSpec, ReviewStatus } from './subject-access-review.ts';
import { Fault } from '../core/fault.ts';
import { createBearer } from './bearer.ts';
import { post } from './post.ts';
import { toRetryDelayMs } from './retry.ts';
import { parseReviewStatus, REVIEW_PATH, toReviewBody } from './subject-access-review.ts';

export interface KubeClient {
  /**
   * Asks until there is an answer, an error that will not go away, or `signal` aborts. Rejects with a Fault
   * InternalError whose cause, for the log, says what happened.
   */
  createSubjectAccessReview(spec: ReviewSpec, signal: AbortSignal): Promise<ReviewStatus>;
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
  const url = toReviewUrl(connection.server);

  const ask = async (body: string, signal: AbortSignal): Promise<Outcome> => {
    try {
      return await post({ agent, url, authorization: await bearer(), body, maxAnswerBytes }, signal);
    } catch (error) {
      return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    }
  };

  return {
    async createSubjectAccessReview(spec, signal) {
      const body = toReviewBody(spec);
      for (let attempt = 1; ; attempt += 1) {
        const outcome = await ask(body, signal);
        if (outcome.kind === 'answer' && outcome.code === 201) return readStatus(outcome.body);
        const delayMs =
          attempt < attempts && !signal.aborted
            ? toRetryDelayMs(outcome, attempt, firstDelayMs, Math.random())
            : undefined;
        if (delayMs === undefined) throw toUndecided(outcome);
        await pause(clock, delayMs, signal);
      }
    },
    close: () => agent.destroy(),
  };
}

function createAgent({ certificateAuthority, tlsServerName, credential }: KubeConnection): Agent {
  return new Agent({
    keepAlive: true,
    // The connection used last is the one least likely to have been closed meanwhile.
    scheduling: 'lifo',
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }),
    ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    ...(credential.kind === 'certificate'
      ? { cert: credential.certificate, key: credential.key.reveal() }
      : {}),
  });
}

function toReviewUrl(server: string): URL {
  const url = new URL(server);
  if (url.protocol !== 'https:') throw new TypeError('the API server must be reached over https');
  url.pathname = url.pathname.replace(/\/+$/, '') + REVIEW_PATH;
  return url;
}

function readStatus(body: string): ReviewStatus {
  try {
    return parseReviewStatus(body);
  } catch (error) {
    throw new Fault('InternalError', 'authorization could not be decided: malformed answer', {
      cause: new Error('malformed SubjectAccessReview answer', { cause: error }),
    });
  }
}

const toUndecided = (outcome: Outcome): Fault =>
  new Fault('InternalError', 'authorization could not be decided: no answer from the API server', {
    cause:
      outcome.kind === 'failed'
        ? new Error('SubjectAccessReview failed', { cause: outcome.error })
        : new Error(`SubjectAccessReview: HTTP ${outcome.code}: ${outcome.body.slice(0, EXCERPT_LENGTH)}`),
  });

/** Resolves early when the signal aborts: the next attempt then fails at once with the signal's reason. */
const pause = (clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal.addEventListener('abort', done, { once: true });
  });
