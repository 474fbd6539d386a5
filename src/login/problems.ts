// Pages for what goes wrong: what happened, and what the person can do. None shows a word of the provider's, of the
// address or of an error: those are somebody else's text.

import type { FaultReason } from '../core/fault.ts';
import type { SignInProblem } from '../oidc/problem.ts';
import type { Html } from './html.ts';
import type { PageReply } from './reply.ts';
import { HOME_PATH } from '../browser-session/own-path.ts';
import { html } from './html.ts';
import { page, refusal } from './reply.ts';

interface Words {
  readonly reason: FaultReason;
  readonly title: string;
  readonly happened: string;
  readonly advice: string;
}

const WORDS = {
  needsPerson: {
    reason: 'Unauthorized',
    title: 'Please sign in',
    happened: 'Your session has ended, and the identity provider wants to see you again.',
    advice: 'Sign in again; you will come back to where you were.',
  },
  denied: {
    reason: 'Forbidden',
    title: 'The sign-in was declined',
    happened: 'You, or the identity provider, said no.',
    advice:
      'Try again if that was a mistake. If the provider does not let you in, ask whoever looks after it.',
  },
  expired: {
    reason: 'BadRequest',
    title: 'This sign-in is no longer good',
    happened: 'The provider did not accept its own answer any more: it has been used, or it is too old.',
    advice: 'Sign in again.',
  },
  unavailable: {
    reason: 'ServiceUnavailable',
    title: 'The identity provider cannot be reached',
    happened: 'The gateway could not talk to the identity provider, or it is having trouble.',
    advice: 'Wait a moment and try again. If it goes on, tell the operators of the gateway.',
  },
  misconfigured: {
    reason: 'InternalError',
    title: 'The sign-in is not set up right',
    happened: 'The identity provider does not accept the gateway as its client.',
    advice: 'Trying again will not help: tell the operators of the gateway, with the request number below.',
  },
  clock: {
    reason: 'InternalError',
    title: 'A clock is wrong',
    happened:
      "The gateway's clock and the identity provider's are too far apart for the sign-in to be trusted.",
    advice: 'Tell the operators of the gateway, with the request number below.',
  },
  refused: {
    reason: 'Forbidden',
    title: 'The sign-in could not be trusted',
    happened: "The identity provider's answer did not pass the checks of the gateway.",
    advice:
      'Try again once. If it goes on, tell the operators of the gateway, with the request number below.',
  },
  notAccepted: {
    reason: 'Forbidden',
    title: 'This account is not let in',
    happened: 'The identity provider knows you, and the rules of this gateway do not let your account in.',
    advice: 'Sign in with another account, or ask the operators of the gateway what your account lacks.',
  },
  stale: {
    reason: 'BadRequest',
    title: 'This sign-in was not begun here',
    happened:
      'It was begun in another browser or too long ago, it is complete already, or this browser does not keep cookies.',
    advice: 'Sign in again, in this browser.',
  },
  badReturn: {
    reason: 'BadRequest',
    title: 'This link does not lead here',
    happened: 'The address to go on to after signing in is not a page of this gateway.',
    advice: 'Do not follow the link again. Open the gateway itself instead.',
  },
  noProvider: {
    reason: 'NotFound',
    title: 'There is no such provider',
    happened: 'The gateway knows no identity provider of this name.',
    advice: 'Choose one of those that it knows.',
  },
  notFound: {
    reason: 'NotFound',
    title: 'There is nothing here',
    happened: 'The gateway has no such page.',
    advice: 'Go to the start.',
  },
  wrongHost: {
    reason: 'BadRequest',
    title: 'Not at this address',
    happened: 'Signing in works at the addresses that the gateway was told are its own.',
    advice: 'Open the gateway there.',
  },
  foreignForm: {
    reason: 'Forbidden',
    title: 'Another page asked for this',
    happened: 'The request did not come from a page of this gateway.',
    advice: 'Open the gateway itself, and do there what you wanted to.',
  },
  noSession: {
    reason: 'NotFound',
    title: 'This does not run any more',
    happened: 'It has ended already, or it is nothing of yours at this gateway.',
    advice: 'Look at what runs now.',
  },
  unreadable: {
    reason: 'BadRequest',
    title: 'This request could not be read',
    happened: 'It was too long, or it broke off.',
    advice: 'Try again.',
  },
  storeAway: {
    reason: 'ServiceUnavailable',
    title: 'Sessions cannot be checked',
    happened: 'The gateway cannot tell at present which sessions have been ended, and so lets none in.',
    advice: 'Wait a moment and try again. If it goes on, tell the operators of the gateway.',
  },
  internal: {
    reason: 'InternalError',
    title: 'Something went wrong',
    happened: 'The gateway could not do what you asked for.',
    advice: 'Try again. If it goes on, tell the operators of the gateway, with the request number below.',
  },
} as const satisfies Record<SignInProblem, Words> & Record<string, Words>;

export type PageProblem = keyof typeof WORDS;

export interface ProblemOptions extends Partial<PageReply> {
  /** Where to try again; default: the page for signing in. */
  readonly again?: string;
  /** What more there is to say. */
  readonly detail?: string;
}

/** `why` is for the audit log and the log. */
export function problemPage(
  problem: PageProblem,
  why: string,
  { again, detail, ...rest }: ProblemOptions = {},
): PageReply {
  const { reason, title, happened, advice }: Words = WORDS[problem];
  const isLost =
    problem === 'badReturn' ||
    problem === 'notFound' ||
    problem === 'foreignForm' ||
    problem === 'noSession' ||
    problem === 'unreadable';
  const to = again ?? (isLost ? HOME_PATH : '/-/login?choose');
  const { content } = page(
    title,
    toBody({ title, happened, advice, detail, to, link: isLost ? 'Start' : 'Sign in' }),
  );
  return refusal(reason, why, content, rest);
}

const toBody = (words: {
  readonly title: string;
  readonly happened: string;
  readonly advice: string;
  readonly detail: string | undefined;
  readonly to: string;
  readonly link: string;
}): Html =>
  html`<div class="card">
    <h1>${words.title}</h1>
    <p>${words.happened}</p>
    ${words.detail === undefined ? undefined : html`<p class="warning">${words.detail}</p>`}
    <p>${words.advice}</p>
    <p><a class="button" href="${words.to}">${words.link}</a></p>
  </div>`;
