// A plain request: asked of the node through its pool and streamed to the client as the answer comes. Promises: never
// more than a few chunks in memory whichever side is slow, a client that leaves ends the request at the node, a node
// that fails in mid-answer ends the client's connection, and the first word about an error is a Fault or nothing.

import type { Credentialed } from '../core/exchange.ts';
import type { HttpAnswer } from '../core/http-answer.ts';
import type { EndReason } from '../core/lifetime.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { Tap } from '../core/tap.ts';
import type { HeaderLines } from '../core/headers.ts';
import type { AnswerReader } from '../upstream/node-request.ts';
import type { OutgoingBody } from '../upstream/request-body.ts';
import type { Upstream } from '../upstream/pools.ts';
import type { Limits } from './watch.ts';
import { Transform } from 'node:stream';
import { Fault, toFault } from '../core/fault.ts';
import { toAnswerHeaders, toSafetyHeaders } from './answer-headers.ts';
import {
  MAX_ERROR_BYTES,
  credentialRejected,
  redirectRefused,
  toEndFault,
  toKubectlFault,
  toSlashRedirect,
} from './faults.ts';
import { toKubeletTarget } from './kubelet-target.ts';
import { NodeRequest } from '../upstream/node-request.ts';
import { toRequestHeaders } from './request-headers.ts';
import { AnswerWriter } from './answer-writer.ts';
import { Watch } from './watch.ts';

/** How long the text of an error may take that is read whole. */
const ERROR_BODY_MS = 10_000;

export interface HttpDeps {
  readonly clock: Clock;
  /** Told when the node refuses the gateway's own credential. */
  readonly onRejected: (exchange: Credentialed, code: 401 | 403) => void;
  /** Sees the body of the answer, and can hold it up or end it. */
  readonly tap?: Tap | undefined;
}

/** Resolves when the client has the whole answer or is gone; rejects with a Fault while nothing was sent. */
export function forwardHttp(
  deps: HttpDeps,
  upstream: Upstream,
  limits: Limits,
  exchange: Credentialed,
  response: HttpAnswer,
  observation: Observation,
): Promise<Ending> {
  return new Promise((resolve, reject) => {
    new PlainForward(deps, exchange, response, observation, resolve, reject).start(upstream, limits);
  });
}

class PlainForward implements AnswerReader {
  readonly #deps: HttpDeps;
  readonly #exchange: Credentialed;
  readonly #response: HttpAnswer;
  readonly #observation: Observation;
  readonly #writer: AnswerWriter;
  readonly #resolve: (ending: Ending) => void;
  readonly #reject: (fault: Fault) => void;
  #request: NodeRequest | undefined;
  #watch: Watch | undefined;
  #withdraw: (() => void) | undefined;
  #counted: Transform | undefined;
  #nodeTarget = '';
  /** The status that the client was sent; 0: none yet. */
  #code = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #fault: Fault | undefined;
  #reason: EndReason | undefined;
  #cancelExplain: (() => void) | undefined;
  /** An error answer that is read whole, to become a Status. */
  #explained: { code: number; retryAfter: string | undefined; chunks: Buffer[]; size: number } | undefined;

  constructor(
    deps: HttpDeps,
    exchange: Credentialed,
    response: HttpAnswer,
    observation: Observation,
    resolve: (ending: Ending) => void,
    reject: (fault: Fault) => void,
  ) {
    this.#deps = deps;
    this.#exchange = exchange;
    this.#response = response;
    // A tap may hold what it was shown; without one the chunk has been seen by all.
    this.#writer = new AnswerWriter(response, {
      isSpent: deps.tap === undefined,
      onFull: () => this.#request?.pause(),
      onDrained: () => this.#resume(),
    });
    this.#observation = observation;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(upstream: Upstream, limits: Limits): void {
    const { action, transport, headers, credential, lifetime } = this.#exchange;
    const { method, target } = toKubeletTarget(action, transport);
    const outgoing = { method, target, headers: toRequestHeaders(action, headers, credential) };
    // Nothing is held before this line, so that what throws above leaves nothing behind.
    this.#request = new NodeRequest(upstream, { ...outgoing, body: this.#toBody(method) }, this);
    this.#nodeTarget = target;
    this.#response.once('close', this.#onClose);
    this.#watch = new Watch(this.#deps.clock, limits, (reason) => {
      // While nothing was sent the limit is this request's own failure; after that it is the end of its life.
      if (this.#code === 0) this.#onEndOfLife(reason);
      else lifetime.end(reason);
    });
    this.#withdraw = lifetime.onEnd((reason) => this.#onEndOfLife(reason));
    if (this.#response.closed) this.#onClose();
    else if (!lifetime.ended) this.#request.send();
  }

  onHead(code: number, headers: HeaderLines): void {
    const { action, surface } = this.#exchange;
    this.#watch?.answered();
    if (code === 401 || code === 403) {
      this.#deps.onRejected(this.#exchange, code);
      this.#fail(credentialRejected(code, this.#exchange.credential));
      return;
    }
    const coding = headers.only('content-encoding');
    if (coding !== undefined && !(coding === 'gzip' && action.kind === 'metrics')) {
      this.#fail(new Fault('BadGateway', "the node's answer has an encoding that was not asked for"));
      return;
    }
    if (code >= 300 && code < 400 && code !== 304) {
      this.#redirect(code, headers);
      return;
    }
    if (surface === 'kubectl' && code >= 400) {
      const retryAfter = headers.only('retry-after');
      this.#explained = { code, retryAfter, chunks: [], size: 0 };
      // The limits of a followed log are no limits for a text of one line: what is there by then is explained.
      this.#cancelExplain = this.#deps.clock.after(ERROR_BODY_MS, () => this.#explain());
      return;
    }
    if (!this.#isAcceptedByTap()) return;
    this.#begin(code, toAnswerHeaders(action, code, headers, this.#exchange.auditId));
  }

  onData(chunk: Buffer): boolean {
    this.#watch?.touch();
    if (this.#explained !== undefined) {
      const { chunks, size } = this.#explained;
      if (size < MAX_ERROR_BYTES) chunks.push(chunk);
      this.#explained.size = size + chunk.length;
      if (this.#explained.size >= MAX_ERROR_BYTES) this.#explain();
      return true;
    }
    this.#bytesReceived += chunk.length;
    const { tap } = this.#deps;
    if (tap?.fromNode(chunk) === false) {
      this.#exchange.lifetime.end('protocolError');
      return false;
    }
    return this.#writer.write(chunk) && tap?.isFull !== true;
  }

  onEnd(): void {
    if (this.#explained !== undefined) {
      this.#explain();
      return;
    }
    if (this.#code !== 0) this.#writer.end();
  }

  onFault(fault: Fault): void {
    this.#fail(fault);
  }

  readonly #onClose = (): void => {
    const whole = this.#response.writableFinished;
    const reason = this.#reason ?? (whole ? 'completed' : 'clientClosed');
    this.#release();
    if (!whole) this.#exchange.lifetime.end(reason);
    this.#resolve({
      code: this.#code,
      reason,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
    });
  };

  #resume(): void {
    if (this.#writer.isFull || this.#deps.tap?.isFull === true) return;
    this.#watch?.touch();
    this.#request?.resume();
  }

  #isAcceptedByTap(): boolean {
    const { tap } = this.#deps;
    if (tap === undefined) return true;
    try {
      tap.accepted('');
    } catch (error) {
      this.#fail(toFault(error));
      return false;
    }
    const { lifetime } = this.#exchange;
    tap.attach({ drained: () => this.#resume(), end: (reason) => lifetime.end(reason) });
    return !lifetime.ended;
  }

  #onEndOfLife(reason: EndReason): void {
    // The whole answer is out; `close` follows.
    if (reason === 'completed') return;
    this.#reason ??= reason;
    if (this.#code !== 0) {
      this.#request?.abort();
      // `close` follows, and tells the ending.
      this.#response.destroy();
    } else if (reason === 'clientClosed') {
      this.#onClose();
    } else {
      this.#fail(toEndFault(reason));
    }
  }

  /** Before the head: the client is answered by whoever catches the Fault. After it: nobody may answer any more. */
  #fail(fault: Fault): void {
    this.#fault ??= fault;
    this.#request?.abort();
    if (this.#code !== 0) {
      this.#reason ??= 'nodeClosed';
      this.#writer.cut();
      return;
    }
    this.#release();
    this.#reject(fault);
  }

  #explain(): void {
    const explained = this.#explained;
    if (explained === undefined) return;
    const text = Buffer.concat(explained.chunks);
    this.#fail(toKubectlFault(explained.code, text, explained.retryAfter));
  }

  #redirect(code: number, headers: HeaderLines): void {
    const { action, target, auditId } = this.#exchange;
    const location = toSlashRedirect(action, headers.only('location'), this.#nodeTarget, target);
    if (location === undefined) {
      this.#fail(redirectRefused());
      return;
    }
    this.#request?.abort();
    this.#begin(code, [...toSafetyHeaders(auditId), 'Location', location, 'Content-Length', '0']);
    this.#writer.end();
  }

  #begin(code: number, headers: string[]): void {
    this.#observation.started(code);
    this.#code = code;
    this.#writer.begin(code, headers);
  }

  /** The client's body. Only POST has one, and a kubelet reads none: it goes without a type, and thus as no form. */
  #toBody(method: string): OutgoingBody | undefined {
    const { body, headers } = this.#exchange;
    const length = headers.first('content-length');
    const has = headers.first('transfer-encoding') !== undefined || (length !== undefined && length !== '0');
    if (method !== 'POST' || !has) return undefined;
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#bytesSent += chunk.length;
        this.#watch?.touch();
        done(null, chunk);
      },
    });
    // The body's own failure is the client's leaving, which is heard as the end of the response.
    this.#counted = counted;
    const stream = body.pipe(counted.on('error', () => body.resume()));
    return { stream, length: length === undefined ? undefined : Number(length) };
  }

  #release(): void {
    this.#watch?.stop();
    this.#cancelExplain?.();
    this.#withdraw?.();
    this.#request?.abort();
    this.#writer.stop();
    this.#response.off('close', this.#onClose);
    this.#letBodyGo();
  }

  /** What is left of the body is read and dropped, or the client's next request would never be reached. */
  #letBodyGo(): void {
    const { body } = this.#exchange;
    if (this.#counted !== undefined) body.unpipe(this.#counted);
    this.#counted?.destroy();
    if (!body.readableEnded) body.resume();
  }
}
