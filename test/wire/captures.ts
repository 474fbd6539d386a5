// Captured upgraded connections (test/fixtures/streams): the head of the request or answer, and the bytes after it.

import { readFileSync } from 'node:fs';

const STREAMS = new URL('../fixtures/streams/', import.meta.url);

export interface Capture {
  readonly head: string;
  readonly bytes: Buffer;
}

/** `name` as in the file names: scenario, protocol and hop. */
export const readCapture = (name: string, direction: 'c2s' | 's2c'): Capture => {
  const whole = readFileSync(new URL(`${name}.${direction}.bin`, STREAMS));
  const end = whole.indexOf('\r\n\r\n') + 4;
  return { head: whole.toString('latin1', 0, end), bytes: whole.subarray(end) };
};

export const SCENARIOS = [
  'attach-stdin',
  'attach-tty',
  'exec-exit3',
  'exec-no-such-command',
  'exec-ok',
  'exec-stdin',
  'exec-tty-resize',
  'portforward',
  'portforward-refused',
] as const;

export const HOPS = ['kubectl-apiserver', 'apiserver-kubelet'] as const;

/** Ways to cut bytes: whole, byte by byte, and in two at every position. */
export function* cuts(bytes: Buffer): Generator<readonly Buffer[]> {
  yield [bytes];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

/** Hands out a chunk as its owner does who frees it, or writes over it, as soon as it has been looked at. */
export function lend(chunk: Buffer, look: (chunk: Buffer) => void): void {
  const lent = Buffer.from(chunk);
  look(lent);
  lent.fill(0xee);
}
