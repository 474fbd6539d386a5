// http-proxy 1.18.1 comes without types; this is the part that the benchmark calls.

declare module 'http-proxy' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  const httpProxy: {
    createProxyServer(options: object): { web(request: IncomingMessage, response: ServerResponse): void };
  };
  export default httpProxy;
}
