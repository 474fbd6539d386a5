// The one thing that is worth telling apart when an API server does not answer a question: it was not there to, as
// opposed to one that has refused it.

/** For causes, in the log: no connection, no answer in time, or an answer that says to come back later. */
export class ApiServerAway extends Error {
  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ApiServerAway';
  }
}

/** Codes by which a server, or the load balancer before it, says that it cannot answer now. */
export const isAwayCode = (code: number): boolean => code === 429 || code >= 500;
