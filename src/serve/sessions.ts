// The resource sessions: what runs at this moment, one of it as it happens, and its end.

import type { SessionFilter, SessionId, View } from '../core/operation.ts';
import type { Clock } from '../core/ports.ts';
import type { LiveSession, LiveSessions, SessionInfo } from '../core/session.ts';
import { Fault } from '../core/fault.ts';
import { toHumanDuration } from '../kubectl/human-duration.ts';
import { FollowStream } from './follow-stream.ts';
import type { Document, OwnObject, Shape } from './objects.ts';
import { toDoneDocument, toListDocument, toOneDocument } from './objects.ts';

const SHAPE: Shape = {
  kind: 'Session',
  columns: [
    ['ID', 0, 'Audit id of the session.'],
    ['User', 0, 'Who works in it.'],
    ['Node', 0, 'Node on which it runs.'],
    ['Pod', 0, 'Namespace and name of the pod.'],
    ['Action', 0, 'exec, attach, portForward, run or containerLogs.'],
    ['Command', 0, 'The argument vector.'],
    ['Age', 0, 'Time since it began.'],
    ['In', 0, 'Bytes from the client.'],
    ['Out', 0, 'Bytes to the client.'],
    ['Container', 1, 'The container.'],
    ['Client', 1, 'Address of the client.'],
    ['Protocol', 1, 'Transport and stream protocol.'],
    ['Recorded', 1, 'Whether it is recorded.'],
  ],
};

export interface SessionServer {
  list(filter: SessionFilter, view: View): Document;
  get(id: SessionId, view: View): Document;
  /** asciicast v3 lines, from now to the end of the session. */
  follow(id: SessionId, signal: AbortSignal): AsyncIterable<string>;
  /** `by`: the user who ends it. */
  end(id: SessionId, by: string, reason: string | undefined): Document;
}

/** The functions throw NotFound for a session that does not run, and what `LiveSession.follow` throws. */
export function createSessionServer({
  sessions,
  clock,
}: {
  readonly sessions: LiveSessions;
  readonly clock: Clock;
}): SessionServer {
  const find = (id: SessionId): LiveSession => {
    const session = sessions.get(id);
    if (session !== undefined) return session;
    throw new Fault('NotFound', `sessions.kubelet-gateway.io "${id}" not found`, {
      details: { kind: 'sessions', name: id },
    });
  };
  return {
    list: (filter, view) => {
      const infos = Array.from(sessions.list(), (session) => session.info()).filter(isWanted(filter));
      return toListDocument(
        SHAPE,
        infos.map((info) => toOwnObject(info, clock.now())),
        view,
      );
    },
    get: (id, view) => toOneDocument(SHAPE, toOwnObject(find(id).info(), clock.now()), view),
    follow: (id, signal) => new FollowStream(clock, find(id)).lines(signal),
    end: (id, by, reason) => {
      find(id).terminate(by, reason);
      return toDoneDocument('sessions', id);
    },
  };
}

const isWanted =
  ({ user, node, namespace, pod, sinceMs, untilMs }: SessionFilter) =>
  (info: SessionInfo): boolean =>
    (user === undefined || info.user === user) &&
    (node === undefined || info.node === node) &&
    (namespace === undefined || info.namespace === namespace) &&
    (pod === undefined || info.pod === pod) &&
    (sinceMs === undefined || info.startedAt >= sinceMs) &&
    (untilMs === undefined || info.startedAt < untilMs);

function toOwnObject(info: SessionInfo, now: number): OwnObject {
  const { id, startedAt, bytesSent, bytesReceived, recorded, followers, ...spec } = info;
  return {
    name: id,
    createdAt: new Date(startedAt).toISOString(),
    spec,
    status: { bytesSent, bytesReceived, recorded, followers },
    cells: [
      id,
      info.user,
      info.node,
      info.namespace === '' ? '' : `${info.namespace}/${info.pod}`,
      info.action,
      info.command?.join(' ') ?? '',
      toHumanDuration(now - startedAt),
      String(bytesSent),
      String(bytesReceived),
      info.container ?? '',
      info.clientAddresses.join(','),
      info.protocol === '' ? info.transport : `${info.transport} ${info.protocol}`,
      recorded ? 'yes' : 'no',
    ],
  };
}
