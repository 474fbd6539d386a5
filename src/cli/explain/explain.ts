// Puts a question of the command line to the gateway's own stages, and gathers what they say. Nothing is sent to a node;
// an API server is asked only where it is the authorizer and `offline` does not forbid it.

import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { GatewayConfiguration } from '../../core/configuration.ts';
import type { Credentialed, Identified } from '../../core/exchange.ts';
import type { LogFields } from '../../core/ports.ts';
import type { Authentication } from '../../core/user.ts';
import type { Foundation } from '../../compose/foundation.ts';
import { composeSessions } from '../../compose/sessions.ts';
import type { GatewayLog } from '../../observe/log.ts';
import type { Explanation } from './explanation.ts';
import type { AskedRequest } from './request.ts';
import { composeLine } from '../../compose.ts';
import { OPTIONAL_ENDPOINTS } from '../../core/configuration.ts';
import { HeaderLines } from '../../core/headers.ts';
import { Lifetime } from '../../core/lifetime.ts';
import { systemClock } from '../../core/ports.ts';
import { toLimits } from '../../forward/limits.ts';
import { createPools } from '../../forward/pools.ts';
import { createMetrics } from '../../observe/metrics/metrics.ts';
import { createObserver } from '../../observe/observe.ts';
import { createRules } from '../../record/rules.ts';
import { VERSION } from '../version.ts';
import { createWalk } from './walk.ts';

export interface ExplainOptions {
  readonly configuration: GatewayConfiguration;
  readonly authentication: Authentication;
  readonly request: AskedRequest;
  readonly offline: boolean;
}

/** Throws an Error when the configuration cannot be used after all. */
export async function explain(options: ExplainOptions): Promise<Explanation> {
  const { configuration, authentication, request, offline } = options;
  const notes: string[] = [];
  const foundation = createFoundation(configuration, createNotes(notes));
  const walk = createWalk();
  const composed = composeLine(foundation, configuration, undefined, walk.probes);
  try {
    const { found, outcome, exchange } = await walk.run(
      composed.line,
      toIdentified(authentication, request),
      {
        offline,
        mode: configuration.authorization.mode,
      },
    );
    return {
      user: authentication.user,
      request: { method: request.method, target: request.target },
      endpointsOff: OPTIONAL_ENDPOINTS.filter((name) => !configuration.endpoints.enabled.includes(name)),
      ...found,
      ...(exchange === undefined ? {} : toSession(configuration, exchange)),
      outcome,
      notes,
    };
  } finally {
    composed.retire();
    await foundation.pools.close();
  }
}

function createFoundation(configuration: GatewayConfiguration, log: GatewayLog): Foundation {
  const clock = systemClock;
  return {
    clock,
    log,
    metrics: createMetrics({ version: VERSION }),
    observer: createObserver([]),
    pools: createPools({ clock, log }, configuration.forwarding),
    sessions: composeSessions(clock),
    version: VERSION,
  };
}

/** A log of what an operator should hear of, in words. */
function createNotes(notes: string[]): GatewayLog {
  const keep = ({ error, credential }: LogFields, message: string): void => {
    const about = typeof credential === 'string' ? `credential ${credential}: ` : '';
    notes.push(`${about}${message}${error instanceof Error ? `: ${error.message}` : ''}`);
  };
  const drop = (): void => undefined;
  return { debug: drop, info: drop, warn: keep, error: keep, setLevel: drop };
}

/** What `listen` and `identify` would have made of the request. Its reply is connected to nothing. */
function toIdentified(authentication: Authentication, { method, target, headers }: AskedRequest): Identified {
  const request = new IncomingMessage(new Socket());
  return {
    auditId: randomUUID(),
    receivedAt: systemClock.now(),
    method,
    target,
    headers: new HeaderLines(headers),
    peer: { sourceIPs: ['127.0.0.1'], certificate: undefined },
    body: Readable.from([]),
    reply: { kind: 'http', request, response: new ServerResponse(request) },
    lifetime: new Lifetime(),
    authentication,
  };
}

/** What would be watched over while it runs. */
function toSession(
  { recording, forwarding, sessions }: GatewayConfiguration,
  exchange: Credentialed,
): Pick<Explanation, 'recording' | 'limits'> {
  const rule = createRules(recording?.rules ?? [])(exchange);
  const { answerMs, idleMs, absoluteMs } = toLimits({ ...forwarding, sessions }, exchange.action, 0);
  const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null);
  return {
    recording: rule === undefined ? null : { index: recording?.rules.indexOf(rule) ?? -1, rule },
    limits: {
      answerMs: finite(answerMs),
      idleMs: finite(idleMs),
      absoluteMs: finite(absoluteMs),
      credentialExpiryGraceMs: sessions.credentialExpiryGraceMs,
    },
  };
}
