// How a decoder says that it will not guess.

import { Fault } from '../../core/fault.ts';
import type { ChannelProtocol } from '../../wire/channels.ts';
import { OPCODE } from '../../wire/websocket-frame.ts';
import type { WebSocketPiece } from '../../wire/websocket-frame.ts';

/** Input that two servers could read differently, or that is not allowed where it came. */
export const ambiguous = (what: string): Fault => new Fault('BadRequest', what);

/** A server takes either kind of frame; one that looks at it would read another session. */
export function checkOpcode({ opcode }: WebSocketPiece, { encoding }: ChannelProtocol): void {
  if (encoding === 'binary' && opcode === OPCODE.text) {
    throw ambiguous('WebSocket: a text frame on a binary protocol');
  }
  if (encoding === 'base64' && opcode === OPCODE.binary) {
    throw ambiguous('WebSocket: a binary frame on a base64 protocol');
  }
}
