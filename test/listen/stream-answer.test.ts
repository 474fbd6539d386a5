// Answers that are sent chunk by chunk, to a client that has stopped to read.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { it } from 'node:test';
import type { Received } from '../../src/core/exchange.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { sendStream } from '../../src/listen/stream-answer.ts';

/** More than sockets hold. */
const CHUNK = 'x'.repeat(64 * 1024 * 1024);

it('a client that has not taken what it was sent is cut off with the end of its exchange', async () => {
  const lifetime = new Lifetime();
  const ended = Promise.withResolvers<undefined>();
  const closed = Promise.withResolvers<undefined>();
  const server = createServer((_request, response) => {
    response.on('close', () => closed.resolve(undefined));
    const body = async function* (): AsyncGenerator<string> {
      await Promise.resolve();
      yield CHUNK;
    };
    const received = { reply: { kind: 'http', response }, lifetime, auditId: 'a' } as unknown as Received;
    const answer = { contentType: 'application/json', body: body(), lastWords: () => 'why' };
    sendStream(received, answer, { started: () => undefined }).then(({ reason }) => {
      assert.equal(reason, 'requestTimeout');
      ended.resolve(undefined);
    }, ended.reject);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  try {
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(client, 'data');
    client.pause();
    lifetime.end('requestTimeout');
    await ended.promise;
    await closed.promise;
  } finally {
    client.destroy();
    server.close();
  }
});
