// Streams that live as long as the browser's session that they were opened with: what is heard of a session here is told to
// them and to the other gateways, and what those tell is believed if it is sealed with the keys of the cookies.

import type { LoginSettings } from '../core/login.ts';
import type { Session } from '../browser-session/session.ts';
import type { Sealer } from '../browser-session/seal.ts';
import type { SessionPorts } from '../identify/session.ts';
import type { SessionUse } from '../identify/identify.ts';
import type { SessionLeases, SessionNews } from '../login-store/session-leases.ts';
import type { SessionStore } from '../login-store/store.ts';
import type { Clock } from '../core/ports.ts';
import type { Authentication } from '../core/user.ts';
import { parseNews, toUserDigest } from '../login-store/session-leases.ts';

export interface SessionNewsRules {
  readonly onUsed: NonNullable<SessionPorts['onUsed']>;
  readonly follow: SessionUse['follow'];
  /** Hears no more of other gateways. */
  stop(): void;
}

export function createSessionNews(
  ports: {
    readonly clock: Clock;
    readonly leases: SessionLeases;
    readonly store: SessionStore;
    readonly sealer: Sealer;
  },
  { idleMs, absoluteMs }: Pick<LoginSettings, 'idleMs' | 'absoluteMs'>,
): SessionNewsRules {
  const { clock, leases, store, sealer } = ports;
  const toNews = ({ id }: Session, { user, expiresAt }: Authentication): SessionNews => ({
    session: id,
    user: toUserDigest(user),
    tokenExpiresAt: expiresAt,
    seenAt: clock.now(),
  });
  const stop = store.onTold((text) => {
    void sealer.open(text).then((value) => {
      const news = parseNews(value);
      if (news !== undefined) leases.hear(news);
    });
  });
  return {
    onUsed: ({ session, authentication, isNews }) => {
      const news = toNews(session, authentication);
      leases.hear(news);
      if (isNews) void sealer.seal(news).then((text) => store.tell(text));
    },
    follow: ({ session, authentication }, lifetime) => {
      const limits = { idleMs, endsAt: session.startedAt + absoluteMs };
      const validity = leases.follow(toNews(session, authentication), limits, lifetime);
      return { ...authentication, validity };
    },
    stop,
  };
}
