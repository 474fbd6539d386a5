// What can go wrong between the gateway and an OpenID provider, by what is to be done about it.

/**
 * needsPerson: asked without a person, and one is needed. denied: the person or the provider said no. expired: code or
 * refresh token are not good any more. unavailable: later, perhaps. misconfigured: for an operator. clock: clocks are
 * apart. refused: the answer does not hold.
 */
export type SignInProblem =
  'needsPerson' | 'denied' | 'expired' | 'unavailable' | 'misconfigured' | 'clock' | 'refused';

/** The message is for the log; it holds no token and no code. */
export class SignInFailure extends Error {
  readonly problem: SignInProblem;

  constructor(problem: SignInProblem, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SignInFailure';
    this.problem = problem;
  }
}
