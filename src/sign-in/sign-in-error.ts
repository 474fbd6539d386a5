// A sign-in that did not come to its end. The message is for the person at the terminal: what happened and what to do. A
// provider's words may be in it, and nothing that acts on the terminal.

export class SignInError extends Error {
  override readonly name = 'SignInError';

  constructor(message: string, cause?: unknown) {
    super(toPrintable(message), { cause });
  }
}

/** Without control characters: a provider's text must not move the cursor, write the clipboard or hide what was said. */
export const toPrintable = (text: string): string => text.replace(/\p{Cc}|\p{Cf}/gu, '');

/** Nobody came within the time that the caller gave. */
export const tooLate = (): SignInError => new SignInError('nobody signed in in time; run the command again');
