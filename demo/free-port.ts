// Ports for servers that are told which one to take.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** A server that was given one listens there a moment later: nobody else is given it in the meantime. */
const given = new Set<number>();

/**
 * A port of 127.0.0.1 that is free, that this process was not given before, and that is not one of those which the system
 * gives to whoever asks for any (from 32768 on Linux, 49152 elsewhere): between now and its use, every connection that is
 * opened would be a chance to lose it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      'code' in error && error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
