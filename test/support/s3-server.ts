// An S3 server on loopback as a process of its own, which checks signatures (s3-server-process.ts). It can be stopped and
// started again at the same port with what it has stored, and be told to refuse.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority } from './pki.ts';

/** Those that s3rver knows. */
export const ACCESS_KEY_ID = 'S3RVER';
export const SECRET_ACCESS_KEY = 'S3RVER';
export const BUCKET = 'recordings';

const PROGRAM = fileURLToPath(new URL('s3-server-process.ts', import.meta.url));

/** The answer to requests that the server does not see: of that method, with that in its URL, so many times. */
export interface Refusal {
  readonly status: number;
  readonly method?: string;
  readonly url?: string;
  readonly times?: number;
}

/** What the process is told, each answered by `done`; the first by `port`. */
export type ToS3 =
  | {
      readonly call: 'listen';
      readonly directory: string;
      readonly certificate: string;
      readonly key: string;
      readonly port: number;
    }
  | { readonly call: 'refuse'; readonly refusal?: Refusal }
  | { readonly call: 'hold'; readonly name: string; readonly isCarriedOut: boolean }
  | { readonly call: 'cutAnswer'; readonly bytes: number }
  | { readonly call: 'loseAnswer' | 'tellAll' | 'stop' };

/** What it tells, in the order in which it happens. */
export type FromS3 =
  | { readonly port: number }
  | { readonly done: true }
  | { readonly request: string }
  | { readonly held: true };

export interface S3Server {
  readonly endpoint: string;
  readonly certificateAuthority: string;
  /** Method and path of every request that has arrived. */
  requests(): Promise<readonly string[]>;
  /** Ends the process: what it is writing is whole, connections that are open end, and further ones are refused. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** From now on, instead of what it was told before. */
  refuse(refusal?: Refusal): Promise<void>;
  /** The next PUT is carried out, and its answer lost on the way. */
  loseAnswer(): Promise<void>;
  /** The next PUT of an object of such a name is never answered, and is carried out or not. `come` settles when it has come so far. */
  hold(name: RegExp, isCarriedOut: boolean): Promise<{ readonly come: Promise<void> }>;
  /** The connection of the next GET breaks when so many bytes of its answer have been sent. */
  cutAnswer(bytes: number): Promise<void>;
  close(): Promise<void>;
}

export async function startS3Server(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-s3-'));
  const authority = await createAuthority('s3');
  const { certificate, key } = await authority.issue({
    commonName: 's3',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  const requests: string[] = [];
  let child: ChildProcess | undefined;
  let port = 0;
  let onTold: (() => void) | undefined;
  let onHeld: (() => void) | undefined;
  const hear = (message: FromS3): void => {
    if ('request' in message) requests.push(message.request);
    else if ('held' in message) onHeld?.();
    else {
      if ('port' in message) ({ port } = message);
      onTold?.();
    }
  };
  /** Resolves when it has been done. One at a time. */
  const tell = async (message: ToS3): Promise<void> => {
    const running = child;
    if (running === undefined) throw new Error('the S3 server is stopped');
    await new Promise<void>((resolve, reject) => {
      onTold = resolve;
      running.once('exit', () => reject(new Error('the S3 server has ended')));
      running.send(message);
    });
  };
  const start = async (): Promise<void> => {
    if (child !== undefined) return;
    child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.on('message', hear);
    await tell({ call: 'listen', directory, certificate, key, port });
  };
  const stop = async (): Promise<void> => {
    const running = child;
    if (running === undefined) return;
    const ended = once(running, 'exit');
    await tell({ call: 'stop' });
    child = undefined;
    await ended;
  };
  await start();
  return {
    endpoint: `https://127.0.0.1:${port}`,
    certificateAuthority: authority.certificate,
    requests: async () => {
      if (child !== undefined) await tell({ call: 'tellAll' });
      return requests;
    },
    start,
    stop,
    refuse: (refusal) => tell({ call: 'refuse', ...(refusal === undefined ? {} : { refusal }) }),
    loseAnswer: () => tell({ call: 'loseAnswer' }),
    hold: async ({ source }, isCarriedOut) => {
      const come = new Promise<void>((resolve) => (onHeld = resolve));
      await tell({ call: 'hold', name: source, isCarriedOut });
      return { come };
    },
    cutAnswer: (bytes) => tell({ call: 'cutAnswer', bytes }),
    close: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
