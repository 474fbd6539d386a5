// Sessions that run at this moment, as those who may look after them see them: listed, followed, ended.

import type { SessionId } from './operation.ts';
import type { OutputEvent } from './tap.ts';

export interface SessionInfo {
  /** The audit id of its exchange. */
  readonly id: SessionId;
  readonly user: string;
  readonly groups: readonly string[];
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  readonly action: string;
  readonly command?: readonly string[];
  readonly transport: string;
  /** The stream protocol that the node chose; empty: none. */
  readonly protocol: string;
  /** Farthest first. */
  readonly clientAddresses: readonly string[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Payload from the client to the node, and back. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly recorded: boolean;
  /** Those who follow it now. */
  readonly followers: number;
}

export interface Follower {
  onEvent(event: OutputEvent): void;
  /** The session is over. Called once; `onEvent` is not called after it. */
  onEnd(): void;
}

export interface LiveSession {
  info(): SessionInfo;
  /**
   * Looks on from now. Returns the size of the terminal, as far as it is known, and the function that stops. Throws a
   * Fault (Conflict) where there is nothing to see, and TooManyRequests.
   */
  follow(follower: Follower): { readonly columns: number; readonly rows: number; readonly stop: () => void };
  /** Ends it, in words for the client. `by` is the user who wants it. */
  terminate(by: string, reason: string | undefined): void;
}

export interface LiveSessions {
  list(): Iterable<LiveSession>;
  get(id: SessionId): LiveSession | undefined;
}
