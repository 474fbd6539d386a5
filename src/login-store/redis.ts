// The store of several gateways, in Redis or Valkey. Revocations are kept in memory everywhere and told by a channel, so
// that a request asks nobody; a gateway that cannot hear the channel says so, and then no session counts there.
//
//   revoke ──► sorted set (by when to forget) ──► PUBLISH ──► every replica's list, and the ends of what runs
//   beat   ──► PUBLISH ──► heard again by its sender: the channel works
//   tell   ──► PUBLISH on a channel of its own; whoever does not hear it goes without
//
// After every connection the set is read as a whole, and what this replica knows is written to it: a server that has
// lost its memory learns it anew.

import { randomUUID } from 'node:crypto';
import type { RedisSettings } from '../core/login.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { StoreOptions } from './memory.ts';
import type { Revocation, RevocationList } from './revocations.ts';
import type { SessionStore, SharedTokens } from './store.ts';
import { Fault } from '../core/fault.ts';
import { DROPPED } from './memory.ts';
import { RevocationChannel } from './redis-channel.ts';
import type { Client } from './redis-client.ts';
import { ANSWER_MS, createRedisClient, toMessage } from './redis-client.ts';
import { MAX_REVOCATIONS, createRevocationList, parseRevocation } from './revocations.ts';

/** Of a gateway that is gone; one that is there goes on holding it, however long its provider takes. */
const LOCK_MS = 20_000;
const LOCK_POLL_MS = 100;

export interface RedisStore extends SessionStore {
  readonly tokens: SharedTokens;
  /** Connects, and goes on trying until stop(). Resolves when the first attempt has ended, however it went. */
  start(): Promise<void>;
}

export function createRedisStore(
  ports: { readonly clock: Clock; readonly log: Log },
  settings: RedisSettings,
  { rememberMs, lockMs = LOCK_MS }: StoreOptions & { readonly lockMs?: number },
): RedisStore {
  const { clock, log } = ports;
  const client = createRedisClient(settings);
  const list = createRevocationList({ clock, onDropped: () => log.error({}, DROPPED) });
  const revoked = createHearing<Revocation>();
  const told = createHearing<string>();
  const ask = createAsk(ports, client);
  const key = (name: string): string => `${settings.keyPrefix}${name}`;

  const learn = (revocation: Revocation, forgetAt: number): void => {
    if (!list.add(revocation, forgetAt)) return;
    revoked.say(revocation);
  };
  const channel = new RevocationChannel(ports, client, {
    channel: key('revoked'),
    onMessage: (text) => {
      const revocation = parseRevocation(text);
      if (revocation !== undefined) learn(revocation, clock.now() + rememberMs);
    },
    aside: { channel: key('told'), onMessage: told.say },
    onConnected: () => exchangeKnown(client, key('revocations'), list, learn, clock.now()),
    onBeat: () => spread.again(),
  });
  const spread = createSpread(client, { set: key('revocations'), channel: key('revoked') });

  return {
    start: () => channel.start(),
    isRevoked: (signIn) => list.isRevoked(signIn),
    problem: () => channel.problem(),
    onRevoked: revoked.listen,
    revoke: async (revocation) => {
      const forgetAt = clock.now() + rememberMs;
      // Here first: it holds here whether or not the others can be told.
      learn(revocation, forgetAt);
      await spread.note({ revocation, forgetAt }, (tell) => ask(tell));
      await ask(() => client.zRemRangeByScore(key('revocations'), '-inf', clock.now()));
    },
    tell: async (text) => {
      await ask(() => client.publish(key('told'), text)).catch(() => undefined);
    },
    onTold: told.listen,
    once: async (name, ttlMs) =>
      (await ask(() =>
        client.set(key(`once:${name}`), '1', { condition: 'NX', expiration: { type: 'PX', value: ttlMs } }),
      )) !== null,
    tokens: createTokens(ports, client, { ask, key, lockMs }),
    stop: () => channel.stop(),
  };
}

interface Entry {
  readonly revocation: Revocation;
  readonly forgetAt: number;
}

/**
 * Tells the others, and goes on trying: those whose own connection was never lost read no list again, and would let in for
 * as long as the session lasts who was signed out here.
 */
function createSpread(client: Client, { set, channel }: { readonly set: string; readonly channel: string }) {
  const untold = new Map<string, Entry>();
  let isTelling = false;
  const tell = async (entry: Entry): Promise<void> => {
    const { score, value } = toMember(entry);
    // A server that is full takes no entry, and passes on what is told.
    const done = await Promise.allSettled([
      client.zAdd(set, { score, value }),
      client.publish(channel, value),
    ]);
    for (const one of done) if (one.status === 'rejected') throw one.reason;
    if (untold.get(value) === entry) untold.delete(value);
  };
  return {
    /** Rejects as `ask` does: then it is told later. */
    note: async (entry: Entry, ask: (tell: () => Promise<void>) => Promise<void>): Promise<void> => {
      untold.set(toMember(entry).value, entry);
      await ask(() => tell(entry));
    },
    /** Never rejects. */
    again: async (): Promise<void> => {
      if (isTelling) return;
      isTelling = true;
      for (const entry of [...untold.values()]) await tell(entry).catch(() => undefined);
      isTelling = false;
    },
  };
}

/** Writes what this replica knows to the set, and learns all that is there. */
async function exchangeKnown(
  client: Client,
  set: string,
  list: RevocationList,
  learn: (revocation: Revocation, forgetAt: number) => void,
  now: number,
): Promise<void> {
  const own = [...list.entries()].filter(({ forgetAt }) => forgetAt > now);
  if (own.length > 0) await client.zAdd(set, own.map(toMember));
  const members = await client.zRangeWithScores(set, now, '+inf', {
    BY: 'SCORE',
    LIMIT: { offset: 0, count: MAX_REVOCATIONS },
  });
  for (const { value, score } of members) {
    const revocation = parseRevocation(value);
    if (revocation !== undefined) learn(revocation, score);
  }
}

/** Those who are told, at the moment at which they are. */
function createHearing<Told>() {
  const listeners = new Set<(told: Told) => void>();
  return {
    say: (told: Told): void => {
      for (const listener of [...listeners]) listener(told);
    },
    listen: (listener: (told: Told) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const toMember = ({ revocation, forgetAt }: Entry) => ({
  score: forgetAt,
  value: JSON.stringify(revocation),
});

type Ask = <Answer>(question: () => Promise<Answer>) => Promise<Answer>;

/** Every failure, and an answer that does not come, is one Fault. */
const createAsk =
  ({ clock, log }: { readonly clock: Clock; readonly log: Log }, client: Client): Ask =>
  async (question) => {
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(ANSWER_MS, () => reject(new Error(`no answer within ${ANSWER_MS} ms`)));
    });
    try {
      if (!client.isReady) throw new Error('not connected');
      return await Promise.race([question(), late]);
    } catch (cause) {
      log.warn({ error: toMessage(cause) }, 'the session store did not answer');
      throw new Fault('ServiceUnavailable', 'the store of sessions is out of reach: try again later', {
        cause,
      });
    } finally {
      cancel();
    }
  };

const EXTEND = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end`;
const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`;

function createTokens(
  { clock }: { readonly clock: Clock },
  client: Client,
  {
    ask,
    key,
    lockMs,
  }: { readonly ask: Ask; readonly key: (name: string) => string; readonly lockMs: number },
): SharedTokens {
  const pause = (): Promise<void> => new Promise((resolve) => void clock.after(LOCK_POLL_MS, resolve));
  const take = async (lock: string, mine: string): Promise<void> => {
    const deadline = clock.now() + lockMs;
    for (;;) {
      const taken = await ask(() =>
        client.set(lock, mine, { condition: 'NX', expiration: { type: 'PX', value: lockMs } }),
      );
      if (taken !== null) return;
      if (clock.now() > deadline)
        throw new Fault('ServiceUnavailable', 'the session is being renewed elsewhere');
      await pause();
    }
  };
  /** A second use of a refresh token that is good once would end the grant: the lock lasts while the task does. */
  const hold = (lock: string, mine: string): (() => void) => {
    let cancel = (): void => undefined;
    const extend = (): void => {
      cancel = clock.after(lockMs / 4, () => {
        const held = { keys: [lock], arguments: [mine, String(lockMs)] };
        void ask(() => client.eval(EXTEND, held)).catch(() => undefined);
        extend();
      });
    };
    extend();
    return () => cancel();
  };
  return {
    read: async (session) => (await ask(() => client.get(key(`tokens:${session}`)))) ?? undefined,
    write: async (session, value, ttlMs) => {
      const expiration = { type: 'PX' as const, value: Math.max(1, Math.ceil(ttlMs)) };
      await ask(() => client.set(key(`tokens:${session}`), value, { expiration }));
    },
    remove: async (session) => {
      await ask(() => client.del(key(`tokens:${session}`)));
    },
    alone: async (session, task) => {
      const lock = key(`lock:${session}`);
      const mine = randomUUID();
      await take(lock, mine);
      const letGo = hold(lock, mine);
      try {
        return await task();
      } finally {
        letGo();
        // Whether or not it works: the lock ends by itself.
        await ask(() => client.eval(RELEASE, { keys: [lock], arguments: [mine] })).catch(() => undefined);
      }
    },
  };
}
