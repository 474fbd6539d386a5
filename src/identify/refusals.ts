// How identify says no: 401 with a challenge (RFC 9110 §11.6.1) in words that name the rule and hold nothing of the
// credential.

import { Fault } from '../core/fault.ts';

const CHALLENGE = { 'www-authenticate': 'Bearer' } as const;

/** A credential that does not count, or none. */
export const unauthorized = (message: string, cause?: unknown): Fault =>
  new Fault('Unauthorized', message, { headers: CHALLENGE, cause });

/** A request that contradicts itself. */
export const badRequest = (message: string): Fault => new Fault('BadRequest', message);
