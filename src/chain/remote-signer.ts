// Asks a signer that lives apart from the gateway: HTTP/1.1 over a Unix socket, `POST /v1/checkpoints` with the checkpoint
// as JSON, answered by `{"jws":"…"}` or by `{"message":"…"}` and a code of 400 or above (docs/audit.md).

import { request } from 'node:http';
import type { Signer } from './jws.ts';
import { isJws } from './checkpoint.ts';

export const SIGN_PATH = '/v1/checkpoints';
export const MAX_MESSAGE_BYTES = 16 * 1024;

export interface RemoteSignerOptions {
  /** Path of the socket. */
  readonly socket: string;
  readonly timeoutMs: number;
}

/** Each signature is a connection of its own: there are few, and a signer that was started again is found again. */
export const createRemoteSigner = ({ socket, timeoutMs }: RemoteSignerOptions): Signer => ({
  async sign(checkpoint) {
    const { code, body } = await post(socket, JSON.stringify(checkpoint), timeoutMs);
    const answer = parse(body);
    if (code !== 200) {
      throw new Error(`the signer refused with ${code}: ${toText(answer['message']) ?? 'no reason given'}`);
    }
    const jws = toText(answer['jws']);
    if (jws === undefined || !isJws(jws))
      throw new Error('the signer answered with something else than a JWS');
    return jws;
  },
});

interface Answer {
  readonly code: number;
  readonly body: string;
}

function post(socketPath: string, body: string, timeoutMs: number): Promise<Answer> {
  const { promise, resolve, reject }: PromiseWithResolvers<Answer> = Promise.withResolvers();
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const signal = AbortSignal.timeout(timeoutMs);
  const options = { socketPath, path: SIGN_PATH, method: 'POST', headers, agent: false, signal };
  const sent = request(options, (response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_MESSAGE_BYTES) response.destroy(new Error("the signer's answer is too long"));
    });
    response.on('error', reject);
    response.on('end', () =>
      resolve({ code: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
    );
  });
  sent.on('error', (error) =>
    reject(signal.aborted ? new Error(`the signer did not answer within ${timeoutMs} ms`) : error),
  );
  sent.end(body);
  return promise;
}

function parse(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

const toText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
