// The signer's side of its protocol: a server on a Unix socket (docs/audit.md). What may be signed is the signer's to say.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Checkpoint } from './checkpoint.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { SigningRefused } from './journaled-signer.ts';
import type { Signer } from './jws.ts';
import { MAX_MESSAGE_BYTES, SIGN_PATH } from './remote-signer.ts';

const REQUEST_TIMEOUT_MS = 5_000;

/** `onFailed` is told why a checkpoint was not signed. The server is not listening yet. */
export function createSigningServer(
  signer: Signer,
  onFailed: (message: string, checkpoint?: Checkpoint) => void,
): Server {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST' || request.url !== SIGN_PATH) {
      send(response, 404, { message: `POST ${SIGN_PATH} is all that there is` });
      return;
    }
    let checkpoint: Checkpoint | undefined;
    try {
      checkpoint = parseCheckpoint(JSON.parse(await readBody(request)));
      send(response, 200, { jws: await signer.sign(checkpoint) });
    } catch (error) {
      const message = error instanceof Error ? error.message : 'unknown';
      onFailed(message, checkpoint);
      if (checkpoint === undefined) send(response, 400, { message: 'not a checkpoint' });
      else if (error instanceof SigningRefused) send(response, 409, { message });
      else send(response, 500, { message: 'the signer failed' });
    }
  };
  return createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    response.on('error', () => undefined);
    void answer(request, response);
  });
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_MESSAGE_BYTES) throw new Error('the request is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, code: number, body: Readonly<Record<string, string>>): void {
  response.writeHead(code, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}
