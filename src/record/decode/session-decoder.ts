// What every decoder of a session is: two directions pushed in, events told through the `Emit` it was made with.

export interface SessionDecoder {
  /** Throws a Fault, after what came before it, and from then on nothing more is to be pushed. */
  fromClient(chunk: Buffer): void;
  fromNode(chunk: Buffer): void;
  /** The session is over: tells what was held back. */
  end(): void;
  /** Bytes that tell the client why its session ends, if the stream to the client stands between two frames. */
  farewell(message: string): Buffer | undefined;
  /** Bytes that the node owes, as far as is known, until there is a place for a farewell. 0: there is, or never will be. */
  readonly unfinished: number;
  /** The protocol has the node say how the session went, and it has not. Absent: it has no place for that. */
  readonly owesStatus?: boolean;
  /** Bytes held back until a frame is complete. */
  readonly buffered: number;
}
