// A node that does not upgrade: its answer is told to the client, and no stream is left open on either side.

import type { Duplex } from 'node:stream';
import type { Credentialed, Reply } from '../core/exchange.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { AnswerHead, ParsedHead } from '../wire/answer-head.ts';
import { STATUS_CODES } from 'node:http';
import { Fault } from '../core/fault.ts';
import { HeaderLines } from '../core/headers.ts';
import { toAnswerHeaders } from './answer-headers.ts';
import { credentialRejected, isDenialText, redirectRefused, toErrorText, toKubectlFault } from './faults.ts';
import { readErrorBody } from './upgrade-answer.ts';

export interface RefusalDeps {
  readonly clock: Clock;
  /** Told when the node refuses the gateway's own credential. */
  readonly onRejected: (exchange: Credentialed, code: 401 | 403) => void;
  /** How long a refusal may take: to be read from the node, and to be taken by the client. */
  readonly refusalTimeoutMs: number;
}

type UpgradeReply = Extract<Reply, { kind: 'upgrade' }>;

const ACCEPTED = 'x-accepted-stream-protocol-versions';
const PASSED = [ACCEPTED, 'allow', 'retry-after'];

/** Relays a 4xx or 5xx on the kubelet's surface; throws it as a Fault for kubectl, and whatever else as BadGateway. */
export async function refuseUpgrade(
  deps: RefusalDeps,
  exchange: Credentialed,
  { socket, setCookies }: Pick<UpgradeReply, 'socket' | 'setCookies'>,
  node: Duplex,
  answer: ParsedHead,
  observation: Observation,
): Promise<Ending> {
  const { code, headers } = answer.head;
  if (code < 400) {
    node.destroy();
    throw code < 300 ? new Fault('BadGateway', 'the node did not upgrade the connection') : redirectRefused();
  }
  const body = await readRefusal(deps, node, answer, exchange);
  // Before the client hears of it: whatever it sends now has nowhere to go.
  node.destroy();
  if (code === 401 || (code === 403 && isAboutCredential(answer.head, body))) {
    deps.onRejected(exchange, code);
    throw credentialRejected(code, exchange.credential);
  }
  if (exchange.surface === 'kubectl') {
    if (code === 403) throw protocolRefused(headers.all(ACCEPTED));
    throw toKubectlFault(code, body, headers.first('retry-after'));
  }
  const text = Buffer.from(toErrorText(body));
  observation.started(code);
  const head = toRefusalHead(exchange, answer.head, text.length, setCookies);
  await sendRefusal(deps, socket, head, text);
  return { code, reason: 'completed', bytesReceived: text.length };
}

async function readRefusal(
  { clock, refusalTimeoutMs }: RefusalDeps,
  node: Duplex,
  answer: ParsedHead,
  { lifetime }: Credentialed,
): Promise<Buffer> {
  const late = new AbortController();
  const cancel = clock.after(refusalTimeoutMs, () => late.abort());
  const withdraw = lifetime.onEnd(() => late.abort());
  const body = await readErrorBody(node, answer, late.signal);
  cancel();
  withdraw();
  return body;
}

/** A kubelet refuses an unknown stream protocol with a 403 that has no body, or that lists those it knows. */
const isAboutCredential = ({ headers }: AnswerHead, body: Buffer): boolean =>
  isDenialText(body.toString('latin1', 0, 64)) || (body.length > 0 && headers.first(ACCEPTED) === undefined);

const protocolRefused = (accepted: readonly string[]): Fault =>
  new Fault(
    'BadRequest',
    'the node speaks none of the stream protocols that were asked for',
    accepted.length === 0 || !accepted.every((one) => /^[A-Za-z0-9.+/-]{1,64}$/.test(one))
      ? {}
      : { headers: { [ACCEPTED]: accepted.join(', ') } },
  );

function toRefusalHead(
  { action, auditId }: Credentialed,
  head: AnswerHead,
  length: number,
  setCookies: readonly string[],
): string {
  const said = new HeaderLines(
    PASSED.flatMap((name) => head.headers.all(name).flatMap((value) => [name, value])),
  );
  const lines = toAnswerHeaders(action, head.code, said, auditId);
  let text = `HTTP/1.1 ${head.code} ${STATUS_CODES[head.code] ?? 'Refused'}\r\n`;
  for (let i = 0; i < lines.length; i += 2) text += `${lines[i] ?? ''}: ${lines[i + 1] ?? ''}\r\n`;
  for (const line of setCookies) text += `Set-Cookie: ${line}\r\n`;
  return `${text}Content-Length: ${length}\r\nConnection: close\r\n\r\n`;
}

/**
 * Sends an answer and closes the client's stream for good. What the client still says is read and dropped until it
 * closes or the deadline passes: a reset in that time could take the answer with it.
 */
function sendRefusal(
  { clock, refusalTimeoutMs }: RefusalDeps,
  client: Duplex,
  head: string,
  body: Buffer,
): Promise<void> {
  return new Promise((resolve) => {
    if (client.destroyed) {
      resolve();
      return;
    }
    const cancel = clock.after(refusalTimeoutMs, () => client.destroy());
    client.once('close', () => {
      cancel();
      resolve();
    });
    client.resume();
    client.end(Buffer.concat([Buffer.from(head, 'latin1'), body]));
  });
}
