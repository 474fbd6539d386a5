// Turns what the plain side and Node's HTTP server hand over (a request, an upgrade, a CONNECT, a parse error) into a
// Received, or into a refusal where there is nothing to carry through the line. Every answer has the gateway's own
// audit id, which is never the client's.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { Received, Reply } from '../core/exchange.ts';
import type { HttpAnswer } from '../core/http-answer.ts';
import type { PlainHead } from '../wire/plain-head.ts';
import { Fault } from '../core/fault.ts';
import { HeaderLines } from '../core/headers.ts';
import { Lifetime } from '../core/lifetime.ts';
import type { Clock } from '../core/ports.ts';
import { declaresBody, sendRaw } from './answer.ts';
import type { Connection } from './connection.ts';
import { createContinueBody } from './continue-body.ts';
import { findHeadFault, findUpgradeFault } from './head-rules.ts';
import type { LiveExchanges } from './live.ts';
import type { ListenerLimits } from './options.ts';
import type { SourceIPs } from './peer.ts';
import { refuse, toStatusAnswer } from './refuse.ts';

/** Served beside the line, to anybody: exactly these targets, whatever else the request says. */
const BESIDE = /^\/(?:livez|readyz|healthz)(?:\?.*)?$/;
const METRICS = /^\/metrics(?:\?.*)?$/;

export interface AcceptPorts {
  readonly clock: Clock;
  readonly live: LiveExchanges;
  /** A request that goes through the line. */
  readonly onReceived: (received: Received) => void;
  /** Answers health checks. Without it they are requests like any other. */
  readonly beside?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Whether it answers `/metrics` too, to anybody. Default false. */
  readonly besideMetrics?: boolean | undefined;
  /** Told of refusals that never reach the line, for metrics and the log. */
  readonly onRefused?: ((fault: Fault, refused: Refused) => void) | undefined;
  readonly sourcesOf: (peerAddress: string, headers: HeaderLines) => SourceIPs;
  readonly isDraining: () => boolean;
}

/** All that is known of a request that never reaches the line. */
export interface Refused {
  /** What the answer says, where there is one. */
  readonly auditId: string;
  readonly sourceIPs: SourceIPs;
}

export interface Acceptor {
  /** A request without a body that was not read by Node, which keeps every rule of head-rules.ts. */
  plain(connection: Connection, head: PlainHead, answer: HttpAnswer): void;
  request(connection: Connection, request: IncomingMessage, response: ServerResponse): void;
  upgrade(connection: Connection, request: IncomingMessage, socket: Duplex, head: Buffer): void;
  connect(connection: Connection, request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Bytes that are not a request, or a head that did not come in time. */
  malformed(connection: Connection, fault: Fault): void;
}

/** Of every plain request, and of every request for an upgrade: `findUpgradeFault` refuses those that have one. */
const NO_BODY = Readable.from([]).resume();
const NOTHING_EARLY = Buffer.alloc(0);

const connectRefused = (): Fault =>
  new Fault('MethodNotAllowed', 'the method CONNECT is not offered', {
    headers: { allow: 'GET, POST', connection: 'close' },
  });

const draining = (): Fault =>
  new Fault('ServiceUnavailable', 'the gateway is shutting down', {
    headers: { connection: 'close', 'retry-after': '1' },
  });

export function createAcceptor(ports: AcceptPorts, limits: ListenerLimits): Acceptor {
  const enter = (connection: Connection, received: Received): void => {
    if (ports.isDraining()) {
      turnAway(ports, connection, received, draining());
      return;
    }
    ports.live.add(received.lifetime);
    ports.onReceived(received);
  };

  return {
    plain: (connection, head, answer) => {
      const received = toReceived(ports, connection, head, { kind: 'http', response: answer });
      endWith(answer, connection, received);
      connection.begin(received);
      enter(connection, received);
    },

    request: (connection, request, response) => {
      // What follows the last answer of a connection is not read as a request (RFC 9112 §9.6).
      if (connection.closing || !connection.socket.writable) return;
      const [head, lifetime] = [toHead(request), new Lifetime()];
      const reply: Reply = { kind: 'http', request, response };
      const body = toBody(request, response, head, lifetime);
      const received = toReceived(ports, connection, head, reply, lifetime, body);
      const fault = findHeadFault(request, received.headers, limits) ?? findCrowd(connection, limits);
      follow(connection, received, request, response, ports.clock);
      if (fault !== undefined) turnAway(ports, connection, received, fault);
      else if (ports.beside !== undefined && isBeside(received, ports.besideMetrics === true)) {
        response.setHeader('Audit-Id', received.auditId);
        if (ports.isDraining()) response.shouldKeepAlive = false;
        ports.beside(request, response);
      } else enter(connection, received);
    },

    upgrade: (connection, request, socket, head) => {
      const received = toReceived(ports, connection, toHead(request), toUpgradeReply(socket, head));
      const amid = connection.unanswered.length > 0;
      connection.begin(received);
      connection.stop();
      // An earlier request of this connection still waits for its answer, into which this one would be written.
      if (amid) {
        const fault = new Fault('BadRequest', 'an upgrade must not follow an unanswered request');
        ports.onRefused?.(fault, toRefused(received));
        socket.destroy();
        return;
      }
      const fault =
        findHeadFault(request, received.headers, limits) ?? findUpgradeFault(request, received.headers);
      if (fault !== undefined) turnAway(ports, connection, received, fault);
      else enter(connection, received);
    },

    connect: (connection, request, socket, head) => {
      const received = toReceived(ports, connection, toHead(request), toUpgradeReply(socket, head));
      connection.begin(received);
      turnAway(ports, connection, received, connectRefused());
    },

    malformed: (connection, fault) => {
      // The parser repeats itself with every packet that follows.
      if (connection.closing) return;
      const auditId = answerMalformed(connection, fault, ports.clock);
      // Its head cannot be read, or not be trusted: nobody but the TCP peer is known.
      ports.onRefused?.(fault, { auditId, sourceIPs: [connection.peerAddress] });
    },
  };
}

/** An empty `head` is the end of a copy of all that was received, which would live as long as the session. */
const toUpgradeReply = (socket: Duplex, head: Buffer): Reply => ({
  kind: 'upgrade',
  socket,
  head: head.length === 0 ? NOTHING_EARLY : head,
  setCookies: [],
});

type Head = Pick<Received, 'method' | 'target' | 'headers'>;

const toHead = (request: IncomingMessage): Head => ({
  method: request.method ?? '',
  target: request.url ?? '',
  headers: new HeaderLines(request.rawHeaders),
});

const toReceived = (
  ports: AcceptPorts,
  connection: Connection,
  { method, target, headers }: Head,
  reply: Reply,
  lifetime = new Lifetime(),
  body: Readable = NO_BODY,
): Received => ({
  auditId: randomUUID(),
  receivedAt: ports.clock.now(),
  method,
  target,
  headers,
  peer: { sourceIPs: ports.sourcesOf(connection.peerAddress, headers), certificate: connection.certificate },
  body,
  reply,
  lifetime,
});

function toBody(
  request: IncomingMessage,
  response: ServerResponse,
  { headers }: Head,
  lifetime: Lifetime,
): Readable {
  const waits = headers.first('expect')?.trim().toLowerCase() === '100-continue';
  return waits ? createContinueBody(request, response, lifetime) : request;
}

/** Refuses a request that never reaches the line. */
function turnAway(ports: AcceptPorts, connection: Connection, received: Received, fault: Fault): void {
  ports.onRefused?.(fault, toRefused(received));
  if (fault.headers['connection'] === 'close') connection.stop();
  refuse(received, fault, ports.clock);
}

const toRefused = ({ auditId, peer }: Received): Refused => ({ auditId, sourceIPs: peer.sourceIPs });

/** Returns the audit id that the answer has. */
function answerMalformed(connection: Connection, fault: Fault, clock: Clock): string {
  const { socket } = connection;
  connection.stop();
  const [current, ...others] = connection.unanswered;
  const auditId = current?.auditId ?? randomUUID();
  if (current === undefined) sendRaw(socket, auditId, false, toStatusAnswer(fault), clock);
  else if (others.length === 0 && isUnfinished(current)) {
    // Its body is what is malformed, and nothing of an answer has been sent.
    refuse(current, fault, clock);
    current.lifetime.end('protocolError');
  } else connection.closeWhenIdle(); // What came before it, well-formed, still gets its answers.
  return auditId;
}

const isUnfinished = ({ reply }: Received): boolean =>
  reply.kind === 'http' && reply.request?.complete === false && !reply.response.headersSent;

/** No header and no upgrade leads here, only method and target (oauth2-proxy GHSA-5hvv-m4w4-gf6v). */
const isBeside = ({ method, target }: Received, withMetrics: boolean): boolean =>
  (method === 'GET' || method === 'HEAD') && (BESIDE.test(target) || (withMetrics && METRICS.test(target)));

const findCrowd = (connection: Connection, limits: ListenerLimits): Fault | undefined =>
  connection.unanswered.length < limits.maxPipelined
    ? undefined
    : new Fault('TooManyRequests', 'too many requests at a time on one connection', {
        headers: { connection: 'close', 'retry-after': '1' },
      });

/** An exchange lives as long as its answer. */
function endWith(response: HttpAnswer, connection: Connection, received: Received): void {
  response.once('close', () => {
    received.lifetime.end(response.writableFinished ? 'completed' : 'clientClosed');
    connection.answered(received);
  });
}

/** Ties the exchange's lifetime to the answer's, and the connection's deadlines to both. */
function follow(
  connection: Connection,
  received: Received,
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
): void {
  // Writing to an answer whose connection is gone is an error of nobody.
  response.on('error', () => undefined);
  endWith(response, connection, received);
  connection.begin(received, declaresBody(received) ? onSlowBody : undefined);

  function onSlowBody(): void {
    if (request.complete) return;
    // First the words, then the end: whoever hears of the end may close what is left.
    refuse(received, new Fault('RequestTimeout', 'the body of the request took too long'), clock);
    received.lifetime.end('requestTimeout');
  }
}
