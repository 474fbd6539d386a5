// What a server that is asked for tokens means when it gives none (RFC 6749 §4.1.2.1 and §5.2).

/**
 * Whether an error is about an answer of 400 or 401 that gave no reason which could be read: a refusal of what was asked.
 * Any other answer that cannot be read may be of whoever stands in for the server. The libraries that ask for tokens name
 * the answer as the cause of their errors.
 */
export const isWordlessRefusal = (error: unknown): boolean =>
  error instanceof Error &&
  error.cause instanceof Response &&
  (error.cause.status === 400 || error.cause.status === 401);

/** Whether an error's code says that the server has trouble of its own: later, it may answer. It refuses nothing. */
export const isTrouble = (code: string): boolean =>
  code === 'server_error' || code === 'temporarily_unavailable';
