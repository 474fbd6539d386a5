// The connection to Redis or Valkey. It comes back by itself; what is asked while it is away fails at once.

import { createRequire } from 'node:module';
import type * as Redis from '@redis/client';
import type { RedisSettings } from '../core/login.ts';

const require = createRequire(import.meta.url);

/** How long an answer may take, in milliseconds. */
export const ANSWER_MS = 3_000;
const MAX_RECONNECT_MS = 2_000;

export type Client = ReturnType<typeof createRedisClient>;

export function createRedisClient({ address, port, username, password, tls }: RedisSettings) {
  // Read only where a store is configured: 480 files, 140 ms of every start and 5 MB of the heap that each marking walks.
  const { createClient } = require('@redis/client') as typeof Redis;
  return createClient({
    socket: {
      host: address,
      port,
      connectTimeout: ANSWER_MS,
      reconnectStrategy: (retries: number) => Math.min(50 * 2 ** Math.min(retries, 6), MAX_RECONNECT_MS),
      ...(tls === undefined
        ? {}
        : {
            tls: true as const,
            servername: tls.serverName,
            minVersion: 'TLSv1.2' as const,
            ...(tls.certificateAuthority === undefined ? {} : { ca: tls.certificateAuthority }),
          }),
    },
    // Nothing waits for a server that is away: it is refused at once, and said so.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
  });
}

export const toMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));
