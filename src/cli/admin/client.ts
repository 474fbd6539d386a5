// A client for the gateway's admin API: JSON documents and streams over HTTPS whose server certificate is always
// verified. No redirect is followed and no proxy taken from the environment.

import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { KubeConnection } from '../../core/kube-connection.ts';
import { createAgent, toApiUrl } from '../../kube/agent.ts';
import { createBearer } from '../../kube/bearer.ts';
import { toInertText } from '../../terminal/inert.ts';

/** What went wrong, in words for the person at the terminal: nothing in them acts on it. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  /** The HTTP status; 0: there was no answer. */
  readonly code: number;

  constructor(message: string, code: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface AdminRequest {
  readonly method?: 'GET' | 'DELETE';
  /** Below the server's URL, with its query: `/apis/kubelet-gateway.io/v1alpha1/sessions`. */
  readonly path: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

export interface AdminClient {
  /** The parsed answer. Rejects with an AdminError, whose message is the gateway's own where it said one. */
  json(request: AdminRequest): Promise<unknown>;
  /** The body as it comes, which may take as long as it likes; the same errors, and one for a body that is cut off. */
  stream(request: AdminRequest): AsyncIterable<Buffer>;
  /** Ends the connections, those in use too. */
  close(): void;
}

/** Longer documents are refused; streams have no bound. */
const MAX_DOCUMENT_BYTES = 256 * 2 ** 20;
const MAX_ERROR_BYTES = 64 * 1024;
/** For the head of an answer, in milliseconds. */
const ANSWER_MS = 30_000;

/** Throws an AdminError when the server is not an https URL or the key material cannot be used. */
export function createAdminClient(connection: KubeConnection): AdminClient {
  const agent = createAgent(connection);
  const bearer = createBearer(connection.credential);

  const open = async ({ method = 'GET', path, accept, signal }: AdminRequest): Promise<IncomingMessage> => {
    const authorization = await bearer().catch((error: unknown) => {
      throw new AdminError('the token file cannot be read', 0, error);
    });
    const [pathname = '', query] = path.split('?', 2);
    const url = toApiUrl(connection.server, pathname);
    if (query !== undefined) url.search = query;
    const headers = {
      accept: accept ?? 'application/json',
      'user-agent': 'kubelet-gateway',
      ...(authorization === undefined ? {} : { authorization }),
    };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        url,
        { agent, method, headers, ...(signal === undefined ? {} : { signal }) },
        (head) => {
          sent.setTimeout(0);
          resolve(head);
        },
      );
      sent.setTimeout(ANSWER_MS, () => sent.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)));
      sent.on('error', reject).end();
    }).catch((error: unknown) => {
      throw new AdminError(`${url.origin} cannot be asked: ${toText(error)}`, 0, error);
    });
    const code = answer.statusCode ?? 0;
    if (code >= 200 && code < 300) return answer;
    throw new AdminError(toMessage(code, (await read(answer, MAX_ERROR_BYTES)).toString()), code);
  };

  return {
    async json(asked) {
      const body = await read(await open(asked), MAX_DOCUMENT_BYTES);
      try {
        return JSON.parse(body.toString()) as unknown;
      } catch (error) {
        throw new AdminError('the answer is not JSON: is this the admin listener of a gateway?', 0, error);
      }
    },
    async *stream(asked) {
      yield* chunksOf(await open(asked));
    },
    close: () => agent.destroy(),
  };
}

async function* chunksOf(answer: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer) {
      if (Buffer.isBuffer(chunk)) yield chunk;
    }
  } catch (error) {
    throw new AdminError(`the answer was cut off: ${toText(error)}`, 0, error);
  }
}

async function read(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunksOf(answer)) {
    length += chunk.length;
    if (length > maxBytes) {
      answer.destroy();
      throw new AdminError(`the answer is longer than ${maxBytes} bytes`, 0);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The message of a Kubernetes Status, or the status code. */
function toMessage(code: number, body: string): string {
  try {
    const status: unknown = JSON.parse(body);
    if (typeof status === 'object' && status !== null && 'message' in status) {
      if (typeof status.message === 'string' && status.message !== '') return toInertText(status.message);
    }
  } catch {
    // Not a Status: whatever is between has answered.
  }
  return `the server answered ${code}`;
}

const toText = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown';
  return toInertText(error.message === '' && 'code' in error ? String(error.code) : error.message);
};
