// The session in its cookies: sealed, split where it is long, read back. Opening one is remembered for a while by the
// digest of its text, because a page brings the same cookie with everything that it asks for.

import { hash } from 'node:crypto';
import type { Secret } from '../core/secret.ts';
import type { Cookies } from './cookies.ts';
import type { Session, SessionLimits } from './session.ts';
import { MAX_SPLIT_LENGTH, SESSION_COOKIE, readSplitCookie, setSplitCookie } from './cookies.ts';
import { createSealer } from './seal.ts';
import { parsePayload, toPayload } from './session.ts';

export interface SessionSealer {
  /** Undefined when it is none of ours. */
  open(cookies: Cookies): Promise<Session | undefined>;
  /** Lines that set it. Rejects with a RangeError when no number of cookies could hold it. */
  set(session: Session, before: Cookies, now: number): Promise<readonly string[]>;
}

const MAX_KNOWN = 2_000;

/** Throws an Error for a secret that cannot be used. */
export function createSessionSealer(
  secrets: readonly [Secret, ...Secret[]],
  { idleMs, absoluteMs }: SessionLimits,
): SessionSealer {
  const sealer = createSealer(secrets, 'session');
  const known = new Map<string, Session>();
  return {
    open: async (cookies) => {
      const text = readSplitCookie(cookies, SESSION_COOKIE);
      if (text === undefined) return undefined;
      const digest = hash('sha256', text, 'base64');
      const before = known.get(digest);
      if (before !== undefined) return before;
      const session = parsePayload(await sealer.open(text));
      if (session === undefined) return undefined;
      const [oldest] = known.keys();
      if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest);
      known.set(digest, session);
      return session;
    },
    set: async (session, before, now) => {
      const seconds = Math.min(idleMs, session.startedAt + absoluteMs - now) / 1000;
      let text = await sealer.seal(toPayload(session));
      if (text.length > MAX_SPLIT_LENGTH) {
        // Without it the session is shorter, and works.
        text = await sealer.seal({ ...toPayload(session), r: undefined });
      }
      return setSplitCookie(SESSION_COOKIE, text, seconds, before);
    },
  };
}
