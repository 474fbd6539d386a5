// Reads a session that nobody records, for those who follow it: the recorder's decoders, as lenient as a server is, with
// nothing written, and with what is typed or copied into the container passed over: nobody is shown it.

import type { Credentialed } from '../core/exchange.ts';
import type { OutputEvent } from '../core/tap.ts';
import { createDecoder } from './decode/create-decoder.ts';
import type { SessionDecoder } from './decode/session-decoder.ts';
import { RawOutput } from './decode/raw-output.ts';
import { toOutputEvent } from './output-event.ts';

/** Undefined for a session in which there is nothing to see, or whose protocol is not known. */
export function createLiveReader(
  { action, transport }: Credentialed,
  protocol: string,
  onEvent: (event: OutputEvent) => void,
): SessionDecoder | undefined {
  const emit = (event: Parameters<typeof toOutputEvent>[0]): void => {
    const shown = toOutputEvent(event);
    if (shown !== undefined) onEvent(shown);
  };
  switch (action.kind) {
    case 'exec':
    case 'attach':
    case 'portForward':
      try {
        return createDecoder(
          { action, transport: transport.kind, protocol, strict: false, passesOver: 'stdin' },
          emit,
        );
      } catch {
        return undefined;
      }
    case 'run':
    case 'containerLogs':
      return new RawOutput(emit);
    default:
      return undefined;
  }
}
