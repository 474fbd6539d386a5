// What may look at a session in passing, and hold it up: the recorder. `forward` calls it with every byte before it
// goes on; an exchange that nobody taps costs nothing.

import type { Credentialed } from './exchange.ts';
import type { EndReason } from './lifetime.ts';
import type { RecordingOutcome } from './recording.ts';

export interface Tap {
  /**
   * The node has accepted: `protocol` is what it chose (empty: none was asked for, or plain HTTP). Called before the
   * client is told; throws a Fault to refuse the session after all.
   */
  accepted(protocol: string): void;
  /** The session begins: from now on it can be held up and ended. */
  attach(control: TapControl): void;
  /** False: these bytes must not go on, and the session ends as a protocol error. Must not throw. */
  fromClient(chunk: Buffer): boolean;
  fromNode(chunk: Buffer): boolean;
  /** Nothing more is to be read, in either direction, until `control.drained`. */
  readonly isFull: boolean;
  /** What the client can be told where its stream stands now, when the session ends for this reason. */
  lastWords(reason: EndReason): Buffer | undefined;
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
