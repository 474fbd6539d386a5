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

/** A connection of a port-forward that is open. Bytes are payload. */
export interface OpenConnection {
  readonly connection: number;
  readonly port: number;
  readonly bytesToNode: number;
  readonly bytesFromNode: number;
}

/** What a session is when somebody begins to look on. */
export interface Following {
  /** Of the terminal, as far as it is known. */
  readonly columns: number;
  readonly rows: number;
  /** The last bytes that it has shown, of how many. Undefined: it has shown nothing. */
  readonly before: { readonly tail: Buffer; readonly total: number } | undefined;
  readonly connections: readonly OpenConnection[];
  readonly stop: () => void;
}

export interface LiveSession {
  info(): SessionInfo;
  /** Looks on from now. Throws a Fault (Conflict) for what cannot be read, and TooManyRequests. */
  follow(follower: Follower): Following;
  /** Ends it, in words for the client. `by` is the user who wants it. */
  terminate(by: string, reason: string | undefined): void;
}

export interface LiveSessions {
  list(): Iterable<LiveSession>;
  get(id: SessionId): LiveSession | undefined;
}
