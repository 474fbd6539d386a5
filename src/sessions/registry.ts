// The sessions that run at this moment. Every exchange that somebody works in is entered here by a tap of its own,
// which counts bytes, and lets those with a right to do so look on and end it.

import type { Credentialed } from '../core/exchange.ts';
import type { SessionId } from '../core/operation.ts';
import type { Clock } from '../core/ports.ts';
import type { LiveSession, LiveSessions } from '../core/session.ts';
import type { Tap, TapFactory } from '../core/tap.ts';
import { isSessionId } from '../core/operation.ts';
import type { CreateReader } from './session-tap.ts';
import { SessionTap } from './session-tap.ts';

export interface SessionRegistry extends LiveSessions {
  /** Enters the sessions that pass. `inner` is asked too, and sees every byte first: the recorder. */
  tap(inner: TapFactory | undefined): TapFactory;
}

export function createSessionRegistry(deps: {
  readonly clock: Clock;
  /** Reads what passes in a session that nobody records; undefined: it cannot be read. */
  readonly createReader: CreateReader;
}): SessionRegistry {
  const running = new Map<SessionId, SessionTap>();
  const parts = {
    ...deps,
    onBegun: (id: SessionId, tap: SessionTap) => void running.set(id, tap),
    onOver: (id: SessionId) => void running.delete(id),
  };
  const enter = (exchange: Credentialed, id: SessionId, inner: Tap | undefined): Tap =>
    new SessionTap(parts, id, exchange, inner);
  return {
    list: (): Iterable<LiveSession> => running.values(),
    get: (id) => running.get(id),
    tap: (inner) => (exchange) => {
      const found = inner?.(exchange);
      const { auditId } = exchange;
      if (!isSession(exchange) || !isSessionId(auditId)) return found;
      if (found instanceof Promise) return found.then((tap) => enter(exchange, auditId, tap));
      return enter(exchange, auditId, found);
    },
  };
}

/** What somebody works in, or watches for as long as they like. */
const isSession = ({ action }: Credentialed): boolean => {
  switch (action.kind) {
    case 'exec':
    case 'attach':
    case 'portForward':
    case 'run':
      return true;
    case 'containerLogs':
      return action.options.follow === true;
    default:
      return false;
  }
};
