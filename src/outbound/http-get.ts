// Fetches one JSON document over HTTPS, for discovery documents and key sets. Promises: TLS only, no redirect followed,
// no proxy taken from the environment, a bounded size and a bounded time.

import { Agent, request } from 'node:https';
import { getCACertificates } from 'node:tls';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/ports.ts';

export interface GetJsonOptions {
  /** PEM; the only roots that count. Absent: those that Node and the system bring. */
  readonly certificateAuthority?: string | undefined;
}

/** Rejects with an Error, whose message is for the log, unless the answer is 200 with a JSON body. */
export type GetJson = (url: string, options?: GetJsonOptions) => Promise<unknown>;

const MAX_BYTES = 1_048_576;
const TIMEOUT_MS = 10_000;

/** `timeoutMs` is for the whole exchange (default 10 s), `maxBytes` for the body (default 1 MiB). */
export function createGetJson(
  { clock }: { readonly clock: Clock },
  {
    timeoutMs = TIMEOUT_MS,
    maxBytes = MAX_BYTES,
  }: { readonly timeoutMs?: number; readonly maxBytes?: number } = {},
): GetJson {
  return async (text, { certificateAuthority } = {}) => {
    const url = new URL(text);
    if (url.protocol !== 'https:') throw new Error(`${text} is not an https URL`);
    if (url.username !== '' || url.password !== '') throw new Error('the URL holds a user or a password');
    const abort = new AbortController();
    const cancel = clock.after(timeoutMs, () => {
      abort.abort(new Error(`no whole answer within ${timeoutMs} ms`));
    });
    // An agent of its own that keeps no connection: these requests are minutes apart.
    const agent = new Agent({ keepAlive: false, ca: certificateAuthority ?? systemRoots() });
    try {
      const response = await send(url, agent, abort.signal);
      if (response.statusCode !== 200) {
        response.destroy();
        throw new Error(`${url.href} answered ${response.statusCode ?? 0} instead of 200`);
      }
      return parse(await readBody(response, maxBytes), url);
    } catch (error) {
      throw abort.signal.aborted ? abort.signal.reason : error;
    } finally {
      cancel();
      agent.destroy();
    }
  };
}

const send = (url: URL, agent: Agent, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { accept: 'application/json', 'accept-encoding': 'identity' };
    request(url, { agent, signal, headers, minVersion: 'TLSv1.2' }, resolve).on('error', reject).end();
  });

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a body chunk is not bytes');
    length += chunk.length;
    if (length > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(body: Buffer, url: URL): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new Error(`${url.href} did not answer with JSON`, { cause });
  }
}

const systemRoots = (): string[] => [...getCACertificates('default'), ...getCACertificates('system')];
