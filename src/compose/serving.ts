// Who serves which of the gateway's own operations. The table is complete: an operation without a server does not
// compile.

import type { OwnAuthorized } from '../core/exchange.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { Operation, OperationKind } from '../core/operation.ts';
import { Fault } from '../core/fault.ts';

export type Served<Kind extends OperationKind> = OwnAuthorized & {
  readonly operation: Extract<Operation, { kind: Kind }>;
};

/** Sends the answer. Throws a Fault only while nothing has been sent. */
export type Servers = {
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

export const composeServe = () =>
  createServe({
    listSessions: notOffered,
    getSession: notOffered,
    followSession: notOffered,
    endSession: notOffered,
    listRecordings: notOffered,
    getRecording: notOffered,
    readRecording: notOffered,
    deleteRecording: notOffered,
    readAudit: notOffered,
    flushCache: notOffered,
    readMetrics: notOffered,
  });

/** For what this gateway is not configured to have. */
const notOffered = (): never => {
  throw new Fault('NotFound', 'this gateway does not offer that');
};
