// One request to the simulated kubelet on its way through the handlers, and what is remembered of it for tests.

import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import type { KubeletUser } from './identity.ts';
import type { Target } from './target.ts';

/** A request head as it came, and how it was answered. */
export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  /** Undefined: nobody, or a request that was answered before anybody was asked for. */
  user?: KubeletUser;
  /** 101 for an upgrade; undefined while there is no answer. */
  status?: number;
  /** With `capture`, of an upgraded connection: the bytes after the two heads. */
  readonly bytesIn: Buffer[];
  readonly bytesOut: Buffer[];
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly method: string;
  readonly target: Target;
  /** Present when the client asked for an upgrade. */
  readonly upgrade: Upgrade | undefined;
}

export interface Upgrade {
  /** Writes the head and takes the connection. Bytes that were sent before the head are lost, as with a kubelet. */
  accept(head: string): Duplex;
}

/** The same byte stream, with both directions remembered. */
export const captureBytes = (socket: Duplex, record: RecordedRequest): Duplex => {
  const tap = new Duplex({
    allowHalfOpen: true,
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      record.bytesOut.push(chunk);
      socket.write(chunk, () => done());
    },
    final: (done) => {
      socket.end();
      done();
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    record.bytesIn.push(chunk);
    if (!tap.push(chunk)) socket.pause();
  });
  socket.on('end', () => tap.push(null));
  socket.on('close', () => tap.destroy());
  socket.on('error', () => tap.destroy());
  return tap;
};
