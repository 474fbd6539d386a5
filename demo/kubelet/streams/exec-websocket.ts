// exec and attach over a WebSocket with one of the channel protocols (cri-streaming remotecommand/websocket.go,
// k8s.io/streaming wsstream).

import { Readable, Writable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { CHANNEL, ChannelDecoder, encodeChannelMessage } from '../../../src/wire/channels.ts';
import type { ChannelEvent, ChannelProtocol } from '../../../src/wire/channels.ts';
import { CLOSE_CODE } from '../../../src/wire/websocket-frame.ts';
import { ended } from './exec-spdy.ts';
import { createResizeParser, toStatusText } from './remote.ts';
import type { RemoteStreams, StreamFlags } from './remote.ts';
import { WebSocketConnection } from './websocket-connection.ts';

/** The first frame is an empty message on the lowest channel that the server writes to. */
const firstChannel = (flags: StreamFlags): number =>
  flags.stdout ? CHANNEL.stdout : flags.stderr ? CHANNEL.stderr : CHANNEL.error;

export const acceptWebSocketStreams = (
  transport: Duplex,
  protocol: ChannelProtocol,
  flags: StreamFlags,
): RemoteStreams => {
  const channels = new ChannelDecoder(protocol);
  const stdin = flags.stdin ? new Readable({ read: () => connection.resume() }) : undefined;
  let resize: (chunk: Buffer) => void = () => undefined;
  let stdinOpen = true;
  const endStdin = (): void => {
    if (stdinOpen) stdin?.push(null);
    stdinOpen = false;
  };
  const receive = (event: ChannelEvent): void => {
    if (event.kind === 'close') {
      if (event.channel === CHANNEL.stdin) endStdin();
    } else if (event.channel === CHANNEL.stdin && stdin !== undefined && stdinOpen) {
      if (event.data.length > 0 && !stdin.push(event.data)) connection.pause();
    } else if (event.channel === CHANNEL.resize && flags.tty) resize(event.data);
  };
  const connection = new WebSocketConnection(transport, (piece) => {
    const event = channels.push(piece);
    if (event !== undefined) receive(event);
  });
  const send = (channel: number, data: Buffer, done?: () => void): void => {
    const { opcode, payload } = encodeChannelMessage(protocol, channel, data);
    connection.send(opcode, payload, done);
  };
  const output = (wanted: boolean, channel: number): Writable | undefined =>
    wanted
      ? new Writable({ write: (data: Buffer, _encoding, done) => send(channel, data, done) })
      : undefined;
  const stdout = output(flags.stdout, CHANNEL.stdout);
  const stderr = output(flags.stderr, CHANNEL.stderr);
  void connection.closed.then(endStdin);
  send(firstChannel(flags), Buffer.alloc(0));
  return {
    stdin,
    stdout,
    stderr,
    onResize: (listener) => {
      resize = createResizeParser(listener);
    },
    closed: connection.closed,
    finish: async (outcome) => {
      await Promise.all([ended(stdout), ended(stderr)]);
      const status = toStatusText(outcome, protocol.version);
      if (status !== undefined) send(CHANNEL.error, Buffer.from(status));
      connection.close(CLOSE_CODE.normal);
      await connection.closed;
    },
  };
};
