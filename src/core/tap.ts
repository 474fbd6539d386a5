// What may look at a session in passing, and hold it up: the recorder. `forward` calls it with every byte before it
// goes on; an exchange that nobody taps costs nothing.

import type { Credentialed } from './exchange.ts';
import type { EndReason } from './lifetime.ts';
import type { RecordingOutcome } from './recording.ts';

/** What those who follow a session see of it. Never what the client typed. */
export type OutputEvent =
  | { readonly kind: 'data'; readonly stream: 'stdout' | 'stderr'; readonly data: Buffer }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly kind: 'status'; readonly text: string; readonly exitCode: number | undefined }
  /** Of a port-forward: its connections and how much passes, never what. `connection` is unique within the session. */
  | { readonly kind: 'opened'; readonly connection: number; readonly port: number }
  | {
      readonly kind: 'passed';
      readonly connection: number;
      readonly direction: 'toNode' | 'fromNode';
      readonly bytes: number;
    }
  /** What the node says of a connection that failed. */
  | { readonly kind: 'message'; readonly connection: number; readonly text: string }
  | { readonly kind: 'closed'; readonly connection: number };

export interface Tap {
  /**
   * The node has accepted: `protocol` is what it chose (empty: none was asked for, or plain HTTP). Called before the
   * client is told; throws a Fault to refuse the session after all.
   */
  accepted(protocol: string): void;
  /** The session begins: from now on it can be held up and ended. */
  attach(control: TapControl): void;
  /**
   * False: these bytes must not go on, and the session ends as a protocol error. Must not throw. The chunk is to be looked
   * at, not kept: its memory is given back when it has been written on.
   */
  fromClient(chunk: Buffer): boolean;
  fromNode(chunk: Buffer): boolean;
  /** Nothing more is to be read, in either direction, until `control.drained`. */
  readonly isFull: boolean;
  /** What the client can be told where its stream stands now, when the session ends for this reason. */
  lastWords(reason: EndReason): Buffer | undefined;
  /** It has words for a session that ends for this reason, once the client's stream has a place for them. */
  hasWords?(reason: EndReason): boolean;
  /**
   * Bytes that the node still owes of a frame, as far as is known, before the client can be told anything. These, and
   * no byte more, may be passed to `fromNode` after the session has ended. 0: none, or nobody knows.
   */
  readonly unfinished?: number;
  /** The protocol has the node say how the session went, and it has not. Absent: false, or nobody knows. */
  readonly owesStatus?: boolean;
  /** Words for the client, where the stream stands so that it can be told anything at all. */
  farewell?(message: string): Buffer | undefined;
  /** Called once, before `accepted`, by who wants to see what is decoded. The data is to be looked at, not kept. */
  watch?(onEvent: (event: OutputEvent) => void): void;
  /** Called once, at the end, whether or not the node accepted. Never rejects. Undefined: nothing was to be kept. */
  end(reason: EndReason | undefined): Promise<RecordingOutcome | undefined>;
}

/** What a tap asks of the session that it looks at. */
export interface TapControl {
  drained(): void;
  end(reason: EndReason): void;
}

/** Undefined: nobody looks. Rejects with a Fault when the exchange must not go on without. */
export type TapFactory = (exchange: Credentialed) => Tap | undefined | Promise<Tap>;
