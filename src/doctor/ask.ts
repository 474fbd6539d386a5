// One GET over a connection that the gateway's own dial has opened: what a kubelet answers to it. Promises: head, body and
// time are bounded whatever the node does, no redirect is followed, and nothing of the answer is believed.

import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { KubeletCredential } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';

const MAX_HEAD_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 256 * 1024;

export type KubeletAnswer =
  | {
      readonly kind: 'answer';
      readonly code: number;
      /** The Date header, as it came. */
      readonly date: string | undefined;
      /** Its first 256 KiB. */
      readonly body: string;
      readonly isWhole: boolean;
    }
  /** No connection, or no HTTP. */
  | { readonly kind: 'failed'; readonly error: Error };

export interface Asking {
  /** Opens the connection; rejects with a Fault or an Error. */
  readonly dial: (signal: AbortSignal) => Promise<Socket>;
  /** Absent: the request has no credential but that of the connection. */
  readonly credential?: KubeletCredential;
  /** Host and port, for the Host header. */
  readonly host: string;
  /** For all of it. */
  readonly timeoutMs: number;
}

/** Asks for a path. Never rejects. */
export type Ask = (path: string) => Promise<KubeletAnswer>;

export const createAsk =
  ({ clock }: { readonly clock: Clock }, { dial, credential, host, timeoutMs }: Asking): Ask =>
  async (path) => {
    const abort = new AbortController();
    const cancel = clock.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)));
    try {
      const socket = await dial(abort.signal);
      try {
        const headers = {
          host,
          accept: '*/*',
          'user-agent': 'kubelet-gateway doctor',
          connection: 'close',
          ...(credential?.material.kind === 'bearerToken'
            ? { authorization: `Bearer ${credential.material.token.reveal()}` }
            : {}),
        };
        return await exchange(path, headers, () => socket, abort.signal);
      } finally {
        socket.destroy();
      }
    } catch (error) {
      return { kind: 'failed', error: toError(error, abort.signal) };
    } finally {
      cancel();
    }
  };

/** What ended the wait says more than what came of it. */
function toError(error: unknown, signal: AbortSignal): Error {
  if (signal.aborted && signal.reason instanceof Error && !(error instanceof Fault)) return signal.reason;
  return error instanceof Error ? error : new Error('unknown error');
}

const exchange = (
  path: string,
  headers: Readonly<Record<string, string>>,
  createConnection: () => Socket,
  signal: AbortSignal,
): Promise<KubeletAnswer> =>
  new Promise((resolve, reject) => {
    const outgoing = request(
      {
        method: 'GET',
        path,
        headers: { ...headers },
        createConnection,
        signal,
        maxHeaderSize: MAX_HEAD_BYTES,
      },
      (incoming) => resolve(readBody(incoming)),
    );
    outgoing.on('error', reject);
    // An upgrade that nobody asked for.
    outgoing.on('upgrade', () => reject(new Error('the node upgraded a plain request')));
    outgoing.end();
  });

const readBody = (incoming: IncomingMessage): Promise<KubeletAnswer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (isWhole: boolean): void =>
      resolve({
        kind: 'answer',
        code: incoming.statusCode ?? 0,
        date: incoming.headers.date,
        body: Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8'),
        isWhole,
      });
    incoming.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) return;
      finish(false);
      incoming.destroy();
    });
    incoming.once('end', () => finish(true));
    // The head is an answer, whatever became of the rest.
    incoming.once('error', () => finish(false));
    incoming.once('close', () => finish(false));
  });
