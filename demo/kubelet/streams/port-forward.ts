// Port-forward: over SPDY (directly or in a tunnel), where the client opens a pair of streams `error` and `data` for each
// connection (cri-streaming portforward/httpstream.go), and over the channel protocols, with a pair of channels a port.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ChannelDecoder, encodeChannelMessage } from '../../../src/wire/channels.ts';
import type { ChannelProtocol } from '../../../src/wire/channels.ts';
import { RST_STATUS } from '../../../src/wire/spdy-frame.ts';
import { CLOSE_CODE } from '../../../src/wire/websocket-frame.ts';
import type { PodSandbox } from '../containers.ts';
import { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-connection.ts';
import { WebSocketConnection } from './websocket-connection.ts';

/** containerd's words for a port that nobody listens on. */
const refusal = ({ sandboxId }: PodSandbox, port: number): string =>
  `error forwarding port ${port} to pod ${sandboxId}, uid : failed to execute portforward in network namespace ` +
  `"/var/run/netns/cni-${sandboxId.slice(0, 8)}": failed to connect to localhost:${port} inside namespace ` +
  `"${sandboxId}", IPv4: dial tcp4 127.0.0.1:${port}: connect: connection refused IPv6 dial tcp6: address localhost: ` +
  'no suitable address found ';

/** A connection to what stands for the port, or undefined when nothing answers there. */
const dial = (pod: PodSandbox, port: number): Promise<Socket | undefined> => {
  const localPort = pod.localPort(port);
  if (localPort === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: localPort, allowHalfOpen: true });
    const onError = (): void => resolve(undefined);
    socket.once('error', onError);
    socket.once('connect', () => {
      socket.on('error', () => socket.destroy());
      socket.off('error', onError);
      resolve(socket);
    });
  });
};

const PORT = /^[1-9]\d{0,4}$/;
export const parsePort = (text: string): number | undefined => {
  const port = PORT.test(text) ? Number(text) : 0;
  return port > 0 && port < 65_536 ? port : undefined;
};

export const servePortForwardSpdy = (transport: Duplex, pod: PodSandbox): void => {
  const waiting = new Map<string, Map<string, SpdyStream>>();
  new SpdyConnection(transport, (stream) => {
    const type = stream.headers.get('streamtype')?.[0] ?? '';
    const port = parsePort(stream.headers.get('port')?.[0] ?? '');
    if (port === undefined || (type !== 'error' && type !== 'data')) {
      stream.reset(RST_STATUS.refusedStream);
      return;
    }
    // Without a request id, the data stream follows its error stream directly.
    const requestId =
      stream.headers.get('requestid')?.[0] ?? String(type === 'data' ? stream.id - 2 : stream.id);
    const pair = waiting.get(requestId) ?? new Map<string, SpdyStream>();
    if (pair.has(type)) {
      pair
        .get('error')
        ?.output.end(`error processing portforward request ${requestId}: ${type} stream already assigned`);
      stream.reset(RST_STATUS.refusedStream);
      return;
    }
    pair.set(type, stream);
    waiting.set(requestId, pair);
    const [error, data] = [pair.get('error'), pair.get('data')];
    if (error === undefined || data === undefined) return;
    waiting.delete(requestId);
    void forwardPair(pod, port, error, data);
  });
};

const forwardPair = async (
  pod: PodSandbox,
  port: number,
  error: SpdyStream,
  data: SpdyStream,
): Promise<void> => {
  error.input.resume();
  const socket = await dial(pod, port);
  if (socket === undefined) {
    data.input.resume();
    data.output.end();
    error.output.write(refusal(pod, port), () => error.reset(RST_STATUS.cancel));
    return;
  }
  data.input.on('close', () => {
    if (!data.input.readableEnded) socket.destroy();
  });
  data.input.pipe(socket);
  socket.pipe(data.output);
  socket.on('close', () => {
    data.output.end();
    error.output.end();
  });
};

/** First goes the port, little endian, on each channel of the pair `2i`, `2i + 1`. Nothing half-closes here. */
export const servePortForwardChannels = (
  transport: Duplex,
  protocol: ChannelProtocol,
  pod: PodSandbox,
  ports: readonly number[],
): void => {
  const sockets = new Map<number, Socket>();
  const early = new Map<number, Buffer[]>();
  const channels = new ChannelDecoder(protocol);
  const connection = new WebSocketConnection(transport, (piece) => {
    const event = channels.push(piece);
    if (event?.kind !== 'data' || event.channel % 2 === 1 || event.data.length === 0) return;
    const socket = sockets.get(event.channel);
    if (socket === undefined) early.get(event.channel)?.push(event.data);
    else if (!socket.write(event.data)) {
      connection.pause();
      socket.once('drain', () => connection.resume());
    }
  });
  const send = (channel: number, data: Buffer, done?: () => void): void => {
    const { opcode, payload } = encodeChannelMessage(protocol, channel, data);
    connection.send(opcode, payload, done);
  };
  let left = ports.length;
  const portDone = (): void => {
    left -= 1;
    if (left === 0) connection.close(CLOSE_CODE.normal);
  };
  const serve = async (port: number, channel: number): Promise<void> => {
    early.set(channel, []);
    const bytes = Buffer.from([port & 0xff, port >>> 8]);
    send(channel, bytes);
    send(channel + 1, bytes);
    const socket = await dial(pod, port);
    if (socket === undefined) {
      send(channel + 1, Buffer.from(refusal(pod, port)), portDone);
      return;
    }
    sockets.set(channel, socket);
    for (const chunk of early.get(channel) ?? []) socket.write(chunk);
    socket.on('data', (chunk) => {
      socket.pause();
      send(channel, chunk, () => socket.resume());
    });
    socket.on('end', () => socket.end());
    socket.on('close', portDone);
  };
  ports.forEach((port, at) => void serve(port, at * 2));
  void connection.closed.then(() => {
    for (const socket of sockets.values()) socket.destroy();
  });
};
