// `fetch` for libraries that want one: OpenID Connect clients. Promises: TLS only, the given roots only, no redirect
// followed, no proxy taken from the environment, a bounded time and a bounded answer.

import { Agent, fetch as undiciFetch } from 'undici';
import { getCACertificates } from 'node:tls';

const TIMEOUT_MS = 15_000;
const MAX_BYTES = 1_048_576;

export interface FetchOptions {
  /** PEM; the only roots that count. Absent: those that Node and the system bring. */
  readonly certificateAuthority?: string | undefined;
  /** Of the whole exchange. Default 15 s. */
  readonly timeoutMs?: number;
}

/** What a request may carry here. */
export interface FetchRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | URLSearchParams | Uint8Array | ArrayBuffer | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Rejects with an Error, whose message is for the log, when no whole answer comes. */
export type Fetch = (url: string, request?: FetchRequest) => Promise<Response>;

export interface ClosableFetch {
  readonly fetch: Fetch;
  readonly close: () => Promise<void>;
}

export function createFetch({
  certificateAuthority,
  timeoutMs = TIMEOUT_MS,
}: FetchOptions = {}): ClosableFetch {
  const ca = certificateAuthority ?? [...getCACertificates('default'), ...getCACertificates('system')];
  const agent = new Agent({ connect: { ca, minVersion: 'TLSv1.2' }, maxResponseSize: MAX_BYTES });
  return {
    fetch: async (text, { method = 'GET', headers = {}, body, signal } = {}) => {
      if (new URL(text).protocol !== 'https:') throw new Error(`${text} is not an https URL`);
      const limit = AbortSignal.timeout(timeoutMs);
      const answer = await undiciFetch(text, {
        method,
        headers,
        body: body ?? null,
        redirect: 'manual',
        dispatcher: agent,
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      });
      // Read here, so that the limits above hold for the body too. No status without a body may be given one.
      const bytes = await answer.arrayBuffer();
      const isEmpty = bytes.byteLength === 0;
      return new Response(isEmpty ? null : bytes, {
        status: answer.status,
        headers: [...answer.headers],
      });
    },
    close: () => agent.close(),
  };
}
