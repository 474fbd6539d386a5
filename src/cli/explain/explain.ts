// Puts a question of the command line to the gateway's own stages, and gathers what they say. Nothing is sent to a node;
// an API server is asked only where it is the authorizer and `offline` does not forbid it.

import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { GatewayConfiguration } from '../../core/configuration.ts';
import type { Credentialed, Identified } from '../../core/exchange.ts';
import type { Authentication } from '../../core/user.ts';
import type { Explanation } from './explanation.ts';
import type { AskedRequest } from './request.ts';
import { createRuleFinder } from '../../authorize/session-policy.ts';
import { composeLine } from '../../compose.ts';
import { OPTIONAL_ENDPOINTS } from '../../core/configuration.ts';
import { HeaderLines } from '../../core/headers.ts';
import { Lifetime } from '../../core/lifetime.ts';
import { systemClock } from '../../core/ports.ts';
import { toLimits } from '../../forward/limits.ts';
import { createRules } from '../../record/rules.ts';
import { createInspection, nodesKnown } from '../inspection.ts';
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
  const inspection = createInspection(configuration);
  const { foundation, notes } = inspection;
  const walk = createWalk();
  // A cluster that is followed is an API server that is asked.
  const nodes = offline ? NO_NODES : configuration.nodes;
  const composed = composeLine(foundation, { ...configuration, nodes }, undefined, walk.probes);
  try {
    if (!offline) await nodesKnown(composed);
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
    inspection.close();
  }
}

const NO_NODES: GatewayConfiguration['nodes'] = { source: { kind: 'list', nodes: [] }, allowedAddresses: [] };

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
  { recording, forwarding, sessions, sessionPolicy }: GatewayConfiguration,
  exchange: Credentialed,
): Pick<Explanation, 'policy' | 'recording' | 'limits'> {
  const rule = createRules(recording?.rules ?? [])(exchange);
  const { answerMs, idleMs, absoluteMs } = toLimits({ ...forwarding, sessions }, exchange.action, {
    expiresAt: 0,
  });
  const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null);
  const index = createRuleFinder(sessionPolicy)(exchange);
  return {
    policy: index < 0 ? null : { index },
    recording: rule === undefined ? null : { index: recording?.rules.indexOf(rule) ?? -1, rule },
    limits: {
      answerMs: finite(answerMs),
      idleMs: finite(idleMs),
      absoluteMs: finite(absoluteMs),
      credentialExpiryGraceMs: sessions.credentialExpiryGraceMs,
    },
  };
}
