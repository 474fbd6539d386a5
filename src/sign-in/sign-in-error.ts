// A sign-in that did not come to its end. The message is for the person at the terminal: what happened and what to do.

export class SignInError extends Error {
  override readonly name = 'SignInError';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}
