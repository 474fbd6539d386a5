// What replicas agree on about sign-ins, from the configuration; and what it means for exchanges that run.

import { createHash } from 'node:crypto';
import type { LoginSettings } from '../core/login.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { LiveSignIns } from '../login-store/live-sign-ins.ts';
import type { SessionStore } from '../login-store/store.ts';
import { createMemoryStore } from '../login-store/memory.ts';
import { createRedisStore } from '../login-store/redis.ts';

/** Longer than any session may last (schema/login.ts): a change of the limits must not let in who was signed out. */
const REMEMBER_MS = 31 * 86_400_000;

/** What outlives a reload. */
export interface LoginStore {
  readonly store: SessionStore;
  /** Resolves when the first attempt to reach it has ended. */
  start(): Promise<void>;
  stop(): void;
}

export interface LoginStoreParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly signIns: LiveSignIns;
}

/** All that makes it another store. The password as a digest: keys of maps are not for secrets. */
export function toStoreKey({ redis }: LoginSettings): string {
  const password = createHash('sha256')
    .update(redis?.password?.reveal() ?? '')
    .digest('base64');
  return JSON.stringify([redis ?? 'memory', password]);
}

export function composeLoginStore(
  { clock, log, signIns }: LoginStoreParts,
  { redis }: Pick<LoginSettings, 'redis'>,
): LoginStore {
  const options = { rememberMs: REMEMBER_MS };
  const shared = redis === undefined ? undefined : createRedisStore({ clock, log }, redis, options);
  const store = shared ?? createMemoryStore({ clock, log }, options);
  store.onRevoked((revocation) => {
    const ended = signIns.end(revocation);
    log.info({ kind: revocation.kind, ended }, 'a sign-in is over');
  });
  let started: Promise<void> | undefined;
  return {
    store,
    start: () => (started ??= shared?.start() ?? Promise.resolve()),
    stop: () => store.stop(),
  };
}
