// Which time limits an action has. Reading has a limit until the answer begins, and no longer a pause after that; a log
// and a stream have those of their session; what runs something on the node (run, checkpoint, a profile) has one of its
// own from beginning to end.

import type { Action, ActionKind } from '../core/action.ts';
import type { ForwardingSettings, SessionLimits, SessionSettings } from '../core/configuration.ts';
import type { Authentication } from '../core/user.ts';
import type { Limits } from './watch.ts';
import { toCredentialEnd } from '../core/credential-end.ts';

export interface LimitOptions extends Pick<
  ForwardingSettings,
  'answerTimeoutMs' | 'runTimeoutMs' | 'checkpointTimeoutMs' | 'profileTimeoutMs'
> {
  readonly sessions: SessionSettings;
}

export function toLimits(
  options: LimitOptions,
  action: Action,
  credential: Pick<Authentication, 'expiresAt' | 'validity'>,
): Limits {
  const graceMs = options.sessions.credentialExpiryGraceMs;
  const total = toTotal(options, action.kind);
  const session = toSession(options.sessions, action.kind);
  return {
    answerMs: total ?? (isFollowing(action) ? Infinity : options.answerTimeoutMs),
    idleMs: total ?? (isBrief(action) ? Math.min(options.answerTimeoutMs, session.idleMs) : session.idleMs),
    absoluteMs: total ?? session.absoluteMs,
    expiresAt: toCredentialEnd(credential, graceMs),
    ...(credential.validity === undefined ? {} : { prolonged: () => toCredentialEnd(credential, graceMs) }),
  };
}

/** A kubelet sends the head of a followed log with its first byte, which may be hours away. */
const isFollowing = (action: Action): boolean =>
  action.kind === 'containerLogs' && action.options.follow === true;

/**
 * Whether a plain request may hold its connection for longer than a read does: until something has run, or until
 * somebody has read a log of any length in a pager.
 */
export const isLasting = ({ kind }: Action): boolean =>
  kind === 'containerLogs' ||
  kind === 'nodeLogs' ||
  kind === 'run' ||
  kind === 'checkpoint' ||
  kind === 'pprof';

const isStreaming = ({ kind }: Action): boolean =>
  kind === 'exec' || kind === 'attach' || kind === 'portForward';

/** Others wait for its connection: a client that stops reading must not keep it. */
const isBrief = (action: Action): boolean => !isLasting(action) && !isStreaming(action);

function toTotal(options: LimitOptions, kind: ActionKind): number | undefined {
  if (kind === 'run') return options.runTimeoutMs;
  if (kind === 'checkpoint') return options.checkpointTimeoutMs;
  if (kind === 'pprof') return options.profileTimeoutMs;
  return undefined;
}

function toSession(sessions: SessionSettings, kind: ActionKind): SessionLimits {
  if (kind === 'exec' || kind === 'attach' || kind === 'portForward' || kind === 'containerLogs') {
    return sessions[kind];
  }
  return sessions.default;
}
