// Who serves which of the gateway's own operations. The table is complete: an operation without a server does not
// compile.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { OwnAuthorized } from '../core/exchange.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { FlushableCache, Operation, OperationKind } from '../core/operation.ts';
import type { RecordingArchive } from '../core/recording-archive.ts';
import type { Foundation } from './foundation.ts';
import { composeArchive, composeAuditFiles } from './archive.ts';
import { endWithCredential } from '../core/credential-end.ts';
import { Fault } from '../core/fault.ts';
import { sendAnswer } from '../listen/answer.ts';
import { sendStream } from '../listen/stream-answer.ts';
import { readAuditLog } from '../serve/audit-log.ts';
import type { Document } from '../serve/objects.ts';
import { toDoneDocument } from '../serve/objects.ts';
import { createRecordingServer } from '../serve/recordings.ts';
import { createSessionServer } from '../serve/sessions.ts';

type Served<Kind extends OperationKind> = OwnAuthorized & {
  readonly operation: Extract<Operation, { kind: Kind }>;
};

/** Sends the answer. Throws a Fault only while nothing has been sent. */
type Servers = {
  readonly [Kind in OperationKind]: (own: Served<Kind>, observation: Observation) => Ending | Promise<Ending>;
};

const createServe =
  (servers: Servers) =>
  (own: OwnAuthorized, observation: Observation): Ending | Promise<Ending> => {
    // The row is the one of the operation's own kind.
    const server = servers[own.operation.kind] as (
      own: OwnAuthorized,
      observation: Observation,
    ) => Ending | Promise<Ending>;
    return server(own, observation);
  };

interface ServingPorts {
  /** How long a stream outlives the credential that opened it. */
  readonly credentialExpiryGraceMs: number;
  /** Undefined: nothing is recorded. */
  readonly archive: RecordingArchive | undefined;
  /** Paths, the oldest first; undefined: there is no file. */
  readonly auditFiles: (() => Promise<readonly string[]>) | undefined;
  /** Undefined: the gateway has no such cache. */
  readonly flush: Readonly<Record<FlushableCache, (() => void) | undefined>>;
}

function composeServers({ clock, sessions: live, metrics }: Foundation, ports: ServingPorts): Servers {
  const sessions = createSessionServer({ sessions: live, clock });
  const recordings = createRecordingServer({ archive: ports.archive, clock });
  const send = (own: OwnAuthorized, document: Document): Ending => sendAnswer(own, document, clock);
  return {
    listSessions: (own) => send(own, sessions.list(own.operation.filter, own.operation.view)),
    getSession: (own) => send(own, sessions.get(own.operation.id, own.operation.view)),
    followSession: (own, observation) => {
      // Who has no right any more sees no more.
      endWithCredential(clock, own, ports.credentialExpiryGraceMs);
      const body = sessions.follow(own.operation.id, own.lifetime.signal);
      return sendStream(own, { contentType: 'application/x-asciicast', body }, observation);
    },
    endSession: (own) => {
      const { id, reason } = own.operation;
      return send(own, sessions.end(id, own.authentication.user.name, reason));
    },
    listRecordings: async (own) => {
      const { filter, view } = own.operation;
      return send(own, await recordings.list(filter, view, own.lifetime.signal));
    },
    getRecording: async (own) => {
      const { id, view } = own.operation;
      return send(own, await recordings.get(id, view, own.lifetime.signal));
    },
    readRecording: async (own, observation) =>
      sendStream(own, await recordings.read(own.operation.id, own.lifetime.signal), observation),
    deleteRecording: async (own) => {
      const by = own.authentication.user.name;
      return send(own, await recordings.delete(own.operation.id, by, own.lifetime.signal));
    },
    readAudit: (own, observation) => {
      const body = readAuditLog(ports.auditFiles, own.operation, own.lifetime.signal);
      return sendStream(own, { contentType: 'application/x-ndjson', body }, observation);
    },
    flushCache: (own) => {
      const { cache } = own.operation;
      const flush = ports.flush[cache];
      if (flush === undefined)
        throw new Fault('NotFound', `there is no cache "${cache}" in this configuration`);
      flush();
      return send(own, toDoneDocument('caches', cache));
    },
    readMetrics: async (own) => send(own, await metrics.render()),
  };
}

/** `flush`: undefined where the gateway has no such cache. */
export const composeServe = (
  foundation: Foundation,
  configuration: GatewayConfiguration,
  flush: ServingPorts['flush'],
) => {
  const serve = createServe(
    composeServers(foundation, {
      credentialExpiryGraceMs: configuration.sessions.credentialExpiryGraceMs,
      archive: composeArchive(foundation, configuration),
      auditFiles: composeAuditFiles(configuration),
      flush,
    }),
  );
  // Who loses the right to look at a session sees no more of it.
  return (own: OwnAuthorized, observation: Observation): Ending | Promise<Ending> =>
    foundation.rechecks?.during(own, async () => serve(own, observation)) ?? serve(own, observation);
};
