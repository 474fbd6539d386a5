// The body of a request that carries `Expect: 100-continue` (RFC 9110 §10.1.1): the client holds it back until it is
// told to go on, and it is told so when somebody first wants to read, which is after identification and authorization.
// A refusal comes instead of the 100, and the client then never sends the body.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Lifetime } from '../core/lifetime.ts';

/** The body fails when the exchange ends before all of it has come. */
export function createContinueBody(
  request: IncomingMessage,
  response: ServerResponse,
  lifetime: Lifetime,
): Readable {
  let asked = false;
  const body = new Readable({
    read: () => {
      if (asked) {
        request.resume();
        return;
      }
      asked = true;
      if (!response.headersSent) response.writeContinue();
      request.on('data', (chunk: Buffer) => {
        if (!body.push(chunk)) request.pause();
      });
      request.once('end', () => body.push(null));
    },
  });
  // Whoever reads hears of it all the same; where nobody does, it is nobody's error.
  body.on('error', () => undefined);
  lifetime.onEnd((reason) => {
    if (!request.complete) body.destroy(new Error(`exchange ended: ${reason}`));
  });
  return body;
}
