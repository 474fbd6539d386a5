// What replicas must agree on: which sign-ins are over, what was used once and must not be again, and refresh tokens that
// are good once. In memory for one gateway, in Redis for several.

import type { SignIn } from '../core/user.ts';
import type { Revocation } from './revocations.ts';

export interface SessionStore {
  /** By what is known here; whether that is all that is known anywhere, `problem` says. */
  isRevoked(signIn: SignIn): boolean;
  /**
   * Ends the sign-ins, here at once and at every other replica that can be reached. Rejects with a Fault
   * (ServiceUnavailable) when the others could not be told; here they are over all the same.
   */
  revoke(revocation: Revocation): Promise<void>;
  /** Why sessions cannot be judged at present, in words; undefined when they can. */
  problem(): string | undefined;
  /** Told of every revocation, whoever made it. Returns a function that withdraws it. */
  onRevoked(listener: (revocation: Revocation) => void): () => void;
  /** Tells the other replicas what they can do without; where they cannot be reached they are not told. Never rejects. */
  tell(text: string): Promise<void>;
  /** What other replicas, or this one, have told: anybody's text. Returns a function that withdraws the listener. */
  onTold(listener: (text: string) => void): () => void;
  /** True for the first who asks, false for all others until `ttlMs` have passed. Rejects with a Fault. */
  once(key: string, ttlMs: number): Promise<boolean>;
  /** Tokens of sessions, for all replicas. Absent: there is no place for them. */
  readonly tokens?: SharedTokens;
  stop(): void;
}

/** Values are sealed by whoever writes them. All reject with a Fault (ServiceUnavailable) when the store is out of reach. */
export interface SharedTokens {
  read(session: string): Promise<string | undefined>;
  write(session: string, value: string, ttlMs: number): Promise<void>;
  remove(session: string): Promise<void>;
  /** Runs `task` alone among all replicas; waits for its turn, for a bounded time. */
  alone<Result>(session: string, task: () => Promise<Result>): Promise<Result>;
}
