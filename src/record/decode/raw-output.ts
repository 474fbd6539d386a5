// A plain HTTP answer, recorded as it is: the output of `run`, in which a kubelet joins stdout and stderr.

import type { SessionDecoder } from './session-decoder.ts';
import type { Emit } from './session-event.ts';

export class RawOutput implements SessionDecoder {
  readonly buffered = 0;
  readonly unfinished = 0;
  readonly #emit: Emit;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  fromClient(data: Buffer): void {
    if (data.length > 0) this.#emit({ kind: 'data', stream: 'stdin', data });
  }

  fromNode(data: Buffer): void {
    if (data.length > 0) this.#emit({ kind: 'data', stream: 'stdout', data });
  }

  end(): void {
    // Nothing is held back.
  }

  farewell(): undefined {
    // An HTTP answer has no place for words after its head.
    return undefined;
  }
}
