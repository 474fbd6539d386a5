// exec and attach over SPDY/3.1 (cri-streaming remotecommand/httpstream.go): the client opens one stream for each of
// error, stdin, stdout, stderr and resize, named in the header `streamtype`; only when all are there does it begin.

import { finished } from 'node:stream/promises';
import type { Duplex, Writable } from 'node:stream';
import { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-connection.ts';
import { createResizeParser, toStatusText } from './remote.ts';
import type { RemoteStreams, StatusVersion, StreamFlags } from './remote.ts';

const STREAM_CREATION_MS = 30_000;

/** The streams once the client has opened them all; undefined when it leaves, or has not within 30 s. */
export const acceptSpdyStreams = async (
  transport: Duplex,
  version: Exclude<StatusVersion, 5>,
  flags: StreamFlags,
): Promise<RemoteStreams | undefined> => {
  const wanted = new Set(['error']);
  if (flags.stdin) wanted.add('stdin');
  if (flags.stdout) wanted.add('stdout');
  if (flags.stderr) wanted.add('stderr');
  if (flags.tty && version >= 3) wanted.add('resize');
  const streams = new Map<string, SpdyStream>();
  let complete: () => void = () => undefined;
  const opened = new Promise<'opened'>((resolve) => {
    complete = () => resolve('opened');
  });
  const connection = new SpdyConnection(transport, (stream) => {
    const type = stream.headers.get('streamtype')?.[0] ?? '';
    if (!wanted.has(type) || streams.has(type)) {
      stream.input.resume();
      return;
    }
    streams.set(type, stream);
    if (streams.size === wanted.size) complete();
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), STREAM_CREATION_MS);
  });
  const result = await Promise.race([opened, late, connection.closed]);
  clearTimeout(timer);
  if (result !== 'opened') {
    transport.destroy();
    return undefined;
  }
  return toRemoteStreams(connection, streams, version);
};

const toRemoteStreams = (
  connection: SpdyConnection,
  streams: ReadonlyMap<string, SpdyStream>,
  version: StatusVersion,
): RemoteStreams => {
  const stdout = streams.get('stdout')?.output;
  const stderr = streams.get('stderr')?.output;
  for (const type of ['error', 'stdout', 'stderr']) streams.get(type)?.input.resume();
  return {
    stdin: streams.get('stdin')?.input,
    stdout,
    stderr,
    onResize: (listener) => streams.get('resize')?.input.on('data', createResizeParser(listener)),
    closed: connection.closed,
    finish: async (outcome) => {
      await Promise.all([ended(stdout), ended(stderr)]);
      const status = toStatusText(outcome, version);
      const error = streams.get('error')?.output;
      if (status !== undefined && error !== undefined && !error.destroyed) error.write(status);
      connection.close();
      await connection.closed;
    },
  };
};

/** Settles when all that was written has gone out, or nobody is there any more to take it. */
export const ended = async (stream: Writable | undefined): Promise<void> => {
  if (stream === undefined) return;
  if (!stream.destroyed) stream.end();
  await finished(stream).catch(() => undefined);
};
