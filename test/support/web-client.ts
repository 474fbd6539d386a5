// A browser without eyes: keeps cookies by host as RFC 6265bis says (a port makes no difference), follows redirects when it
// is told to, and sends the headers by which a browser says where a request comes from.

import { request } from 'node:https';
import { text } from 'node:stream/consumers';

export interface WebAnswer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: string;
}

export interface WebRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  /** Default none: typed into the address bar. */
  readonly site?: 'none' | 'same-origin' | 'same-site' | 'cross-site';
}

export class WebClient {
  readonly #ca: string;
  readonly #cookies = new Map<string, Map<string, string>>();

  constructor(ca: string) {
    this.#ca = ca;
  }

  /** Of a host, without its port. */
  cookies(host: string): Map<string, string> {
    const known = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, known);
    return known;
  }

  /** One request, as for opening an address. */
  async open(url: string | URL, options: WebRequest = {}): Promise<WebAnswer> {
    const to = new URL(url);
    const { method = options.form === undefined ? 'GET' : 'POST', form, site = 'none' } = options;
    const jar = this.cookies(to.hostname);
    const headers: Record<string, string> = {
      accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'sec-fetch-site': site,
      ...(jar.size === 0 ? {} : { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') }),
      ...(form === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', origin: to.origin }),
      ...options.headers,
    };
    const answer = await new Promise<WebAnswer>((resolve, reject) => {
      const outgoing = request(to, { method, headers, ca: this.#ca, agent: false }, (incoming) => {
        text(incoming).then(
          (body) =>
            resolve({
              url: to,
              status: incoming.statusCode ?? 0,
              headers: Object.fromEntries(
                Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
              ),
              setCookies: incoming.headers['set-cookie'] ?? [],
              body,
            }),
          reject,
        );
      });
      outgoing.on('error', reject);
      outgoing.end(form === undefined ? undefined : new URLSearchParams(form).toString());
    });
    for (const line of answer.setCookies) keep(jar, line);
    return answer;
  }

  /** Follows redirects and pages that go on by themselves. `hops` are the addresses on the way. */
  async follow(
    url: string | URL,
    options: WebRequest = {},
    limit = 12,
  ): Promise<WebAnswer & { readonly hops: readonly URL[] }> {
    const hops: URL[] = [];
    let answer = await this.open(url, options);
    let site = options.site ?? 'none';
    for (;;) {
      hops.push(answer.url);
      const refresh = /<meta http-equiv="refresh" content="0;url=([^"]*)"/.exec(answer.body)?.[1];
      const next = answer.headers['location'] ?? refresh?.replaceAll('&amp;', '&');
      if (next === undefined) return { ...answer, hops };
      if (hops.length > limit) throw new Error(`more than ${limit} redirects: ${hops.map(String).join(' ')}`);
      const to = new URL(next, answer.url);
      // A redirect keeps what began the visit; a page that goes on begins a new one (Fetch metadata §2.3).
      const isRedirect = answer.headers['location'] !== undefined;
      const isOwn = to.origin === answer.url.origin;
      if (isRedirect) site = isOwn ? site : 'cross-site';
      else site = isOwn ? 'same-origin' : 'cross-site';
      answer = await this.open(to, { site });
    }
  }
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, equals).trim();
  const maxAge = attributes
    .map((attribute) => /^\s*max-age=(-?\d+)/i.exec(attribute)?.[1])
    .find((age) => age !== undefined);
  const expires = attributes.map((a) => /^\s*expires=(.*)/i.exec(a)?.[1]).find((date) => date !== undefined);
  const isOver =
    maxAge === undefined ? expires !== undefined && Date.parse(expires) < Date.now() : Number(maxAge) <= 0;
  if (isOver) jar.delete(name);
  else jar.set(name, pair.slice(equals + 1));
}
