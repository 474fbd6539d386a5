// The messages of a WebSocket server, channel by channel.

import { WebSocketDecoder } from '../../src/wire/websocket-frame.ts';

/** What was said on each channel, in all, and the close payload under `close`. */
export const messagesOf = (bytes: Buffer): Readonly<Record<string, string>> => {
  const texts: Record<string, string> = {};
  new WebSocketDecoder({ from: 'server' }).push(bytes, ({ opcode, payload }) => {
    const channel = opcode === 8 ? 'close' : String(payload[0]);
    const text = opcode === 8 ? payload.toString('hex') : payload.toString('latin1', 1);
    texts[channel] = `${texts[channel] ?? ''}${text}`;
  });
  return texts;
};
