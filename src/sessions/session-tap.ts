// One running session: what is known of it, how many bytes have passed, and who looks on. It wraps the recorder's tap
// where there is one, which decodes anyway; a session that nobody records is decoded here, so that it can be followed
// from any moment and be ended with a word. Followers are handed what is decoded and hold nothing up.

import type { Credentialed } from '../core/exchange.ts';
import type { EndReason } from '../core/lifetime.ts';
import type { SessionId } from '../core/operation.ts';
import type { Clock } from '../core/ports.ts';
import type { RecordingOutcome } from '../core/recording.ts';
import type { Follower, Following, LiveSession, SessionInfo } from '../core/session.ts';
import type { OutputEvent, Tap, TapControl } from '../core/tap.ts';
import { Fault } from '../core/fault.ts';
import { LastOutput } from './last-output.ts';
import { OpenConnections } from './open-connections.ts';

/** Reads both directions of a session. Throws a Fault for what it cannot read, and is then given no more. */
export interface SessionReader {
  fromClient(chunk: Buffer): void;
  fromNode(chunk: Buffer): void;
  /** Bytes that tell the client why its session ends, where its stream stands so that it can be told. */
  farewell(message: string): Buffer | undefined;
  /** The protocol has the node say how the session went, and it has not. */
  readonly owesStatus?: boolean;
  /** Bytes that the node owes of a frame before there is a place for them. */
  readonly unfinished: number;
}

export type CreateReader = (
  exchange: Credentialed,
  protocol: string,
  onEvent: (event: OutputEvent) => void,
) => SessionReader | undefined;

/** The same for all sessions. */
interface SessionParts {
  readonly clock: Clock;
  readonly createReader: CreateReader;
  readonly onBegun: (id: SessionId, session: SessionTap) => void;
  readonly onOver: (id: SessionId) => void;
}

/** Of one session at a time. */
const MAX_FOLLOWERS = 8;
/** What a client is told of a right that does not stand any more, and of a node that is gone. */
const ENDED_WORDS = {
  nodeClosed: 'the connection to the node was lost before it said how the command ended',
  rightRevoked: 'the session was ended: the right to it was revoked',
  rightUnconfirmed: 'the session was ended: the right to it could not be confirmed',
} as const;
/** Until the client says how large its terminal is. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

export class SessionTap implements Tap, LiveSession {
  readonly #parts: SessionParts;
  readonly #id: SessionId;
  readonly #exchange: Credentialed;
  readonly #inner: Tap | undefined;
  readonly #startedAt: number;
  readonly #followers = new Set<Follower>();
  /** Of a port-forward alone. */
  readonly #connections: OpenConnections | undefined;
  #shown: LastOutput | undefined;
  #reader: SessionReader | undefined;
  /** What the client sends cannot be read any more. */
  #isDeaf = false;
  #protocol = '';
  #size = DEFAULT_SIZE;
  #bytesSent = 0;
  #bytesReceived = 0;
  /** What the client is told, once somebody has ended the session. */
  #words: string | undefined;

  constructor(parts: SessionParts, id: SessionId, exchange: Credentialed, inner: Tap | undefined) {
    this.#parts = parts;
    this.#id = id;
    this.#exchange = exchange;
    this.#inner = inner;
    this.#startedAt = parts.clock.now();
    if (exchange.action.kind === 'portForward') this.#connections = new OpenConnections();
    inner?.watch?.((event) => this.#show(event));
  }

  get isFull(): boolean {
    return this.#inner?.isFull === true;
  }

  accepted(protocol: string): void {
    this.#inner?.accepted(protocol);
    this.#protocol = protocol;
    if (this.#inner?.watch === undefined) {
      this.#reader = this.#parts.createReader(this.#exchange, protocol, (event) => this.#show(event));
    }
    this.#parts.onBegun(this.#id, this);
  }

  attach(control: TapControl): void {
    this.#inner?.attach(control);
  }

  fromClient(chunk: Buffer): boolean {
    this.#bytesSent += chunk.length;
    if (this.#inner?.fromClient(chunk) === false) return false;
    if (!this.#isDeaf) this.#read('client', (reader) => reader.fromClient(chunk));
    return true;
  }

  fromNode(chunk: Buffer): boolean {
    this.#bytesReceived += chunk.length;
    if (this.#inner?.fromNode(chunk) === false) return false;
    this.#read('node', (reader) => reader.fromNode(chunk));
    return true;
  }

  get unfinished(): number {
    return this.#inner?.unfinished ?? this.#reader?.unfinished ?? 0;
  }

  get owesStatus(): boolean {
    return this.#inner?.owesStatus ?? this.#reader?.owesStatus ?? false;
  }

  hasWords(reason: EndReason): boolean {
    if (reason === 'rightRevoked' || reason === 'rightUnconfirmed') return true;
    if (reason === 'nodeClosed' && this.owesStatus) return true;
    return this.#words !== undefined || this.#inner?.hasWords?.(reason) === true;
  }

  lastWords(reason: EndReason): Buffer | undefined {
    if (isEnding(reason) && this.hasWords(reason)) this.#words ??= ENDED_WORDS[reason];
    return this.#words === undefined ? this.#inner?.lastWords(reason) : this.#farewell();
  }

  async end(reason: EndReason | undefined): Promise<RecordingOutcome | undefined> {
    try {
      return await this.#inner?.end(reason);
    } finally {
      // Not before its recording is stored: until then that is one that is being written.
      this.#parts.onOver(this.#id);
      for (const { connection } of this.#connections?.list() ?? [])
        this.#show({ kind: 'closed', connection });
      const followers = [...this.#followers];
      this.#followers.clear();
      for (const follower of followers) follower.onEnd();
    }
  }

  info(): SessionInfo {
    const { action, authentication, node, transport, peer } = this.#exchange;
    const pod = 'pod' in action ? action.pod : undefined;
    return {
      id: this.#id,
      user: authentication.user.name,
      groups: authentication.user.groups,
      node,
      namespace: pod?.namespace ?? '',
      pod: pod?.name ?? '',
      ...('container' in action ? { container: action.container } : {}),
      action: action.kind,
      ...('command' in action
        ? { command: typeof action.command === 'string' ? action.command.split(' ') : action.command }
        : {}),
      transport: transport.kind,
      protocol: this.#protocol,
      clientAddresses: peer.sourceIPs,
      startedAt: this.#startedAt,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      recorded: this.#inner !== undefined,
      followers: this.#followers.size,
    };
  }

  follow(follower: Follower): Following {
    if (this.#reader === undefined && this.#inner?.watch === undefined) {
      throw new Fault('Conflict', 'what passes in this session cannot be read, so it cannot be followed');
    }
    if (this.#followers.size >= MAX_FOLLOWERS) {
      throw new Fault('TooManyRequests', `a session is followed by ${MAX_FOLLOWERS} at most`);
    }
    this.#followers.add(follower);
    return {
      ...this.#size,
      before: this.#shown?.take(),
      connections: this.#connections?.list() ?? [],
      stop: () => void this.#followers.delete(follower),
    };
  }

  terminate(by: string, reason: string | undefined): void {
    if (this.#words !== undefined) return;
    const { lifetime, authentication } = this.#exchange;
    const whose = by === authentication.user.name ? 'its own user' : 'an operator';
    this.#words = `the session was ended by ${whose}${reason === undefined ? '' : `: ${reason}`}`;
    lifetime.terminate({ by, ...(reason === undefined ? {} : { reason }) });
  }

  #farewell(): Buffer | undefined {
    const words = this.#words;
    if (words === undefined) return undefined;
    return this.#inner?.farewell?.(words) ?? this.#reader?.farewell(words);
  }

  #read(from: 'client' | 'node', push: (reader: SessionReader) => void): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    try {
      push(reader);
    } catch {
      // Nobody asked for a recording: the session goes on. No client keeps by what it sends others from looking at it.
      if (from === 'client') this.#isDeaf = true;
      else this.#reader = undefined;
    }
  }

  #show(event: OutputEvent): void {
    if (event.kind === 'resize') this.#size = { columns: event.columns, rows: event.rows };
    else if (event.kind === 'data') (this.#shown ??= new LastOutput()).add(event.data);
    else this.#connections?.see(event);
    for (const follower of this.#followers) follower.onEvent(event);
  }
}

const isEnding = (reason: EndReason): reason is keyof typeof ENDED_WORDS => reason in ENDED_WORDS;
