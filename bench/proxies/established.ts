// haproxy and nginx as reverse proxies in front of the stand-in: TLS towards the client, mutual TLS with verified names
// towards the node, connections kept and reused, one thread each, as the gateway has.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ground } from './ground.ts';
import { NODE_SERVER_NAME, nginxConfiguration } from './ground.ts';
import { freePort } from '../../demo/free-port.ts';
import { startProgram } from './process.ts';
import type { Proxy } from './proxy.ts';

export async function startHaproxy({ directory, pki, nodePort }: Ground): Promise<Proxy> {
  const port = await freePort();
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  timeout http-keep-alive 75s
frontend clients
  bind 127.0.0.1:${port} ssl crt ${pki}/server.pem alpn http/1.1
  default_backend nodes
backend nodes
  http-reuse always
  server node 127.0.0.1:${nodePort} ssl verify required ca-file ${pki}/kubelet-ca.crt crt ${pki}/client.pem sni str(${NODE_SERVER_NAME}) verifyhost ${NODE_SERVER_NAME} alpn http/1.1
`,
  );
  const running = await startProgram('haproxy', ['haproxy', '-f', file], { directory, port });
  return { ...running, name: 'haproxy', url: `https://127.0.0.1:${port}` };
}

export async function startNginx({ directory, pki, nodePort }: Ground): Promise<Proxy> {
  const port = await freePort();
  const file = join(directory, 'nginx-proxy.conf');
  writeFileSync(
    file,
    nginxConfiguration(
      directory,
      'nginx-proxy',
      `upstream nodes { server 127.0.0.1:${nodePort}; keepalive 256; keepalive_requests 1000000000; }
      server {
        listen 127.0.0.1:${port} ssl backlog=4096;
        ssl_certificate ${pki}/server.crt; ssl_certificate_key ${pki}/server.key; ssl_protocols TLSv1.2 TLSv1.3;
        location / {
          proxy_pass https://nodes;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_buffering off;
          proxy_ssl_certificate ${pki}/client.crt; proxy_ssl_certificate_key ${pki}/client.key;
          proxy_ssl_trusted_certificate ${pki}/kubelet-ca.crt; proxy_ssl_verify on;
          proxy_ssl_name ${NODE_SERVER_NAME}; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2 TLSv1.3;
        }
      }`,
    ),
  );
  const running = await startProgram('nginx-proxy', ['nginx', '-p', directory, '-c', file], {
    directory,
    port,
  });
  return { ...running, name: 'nginx', url: `https://127.0.0.1:${port}` };
}
