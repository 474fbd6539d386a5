// What all proxies of one run stand on: a folder, certificates, and a kubelet stand-in (nginx with mutual TLS) that
// answers kubelet paths with bodies of known sizes.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../../src/pki/issue.ts';
import type { Authority } from '../../src/pki/issue.ts';
import type { Running } from './process.ts';
import { freePort } from '../../demo/free-port.ts';
import { startProgram } from './process.ts';

/** The server name of every node: one stand-in plays them all. */
export const NODE_SERVER_NAME = 'node.bench';

/** The answers by size, each on a path that a kubelet has. */
export const BODIES = {
  '2 B': { path: '/healthz', bytes: 2, type: 'text/plain; charset=utf-8' },
  '30 kB': { path: '/metrics/resource', bytes: 30_000, type: 'text/plain; version=0.0.4; charset=utf-8' },
  '1 MB': { path: '/metrics/cadvisor', bytes: 1_000_000, type: 'text/plain; version=0.0.4; charset=utf-8' },
} as const;
export type BodySize = keyof typeof BODIES;

export interface Ground {
  readonly directory: string;
  readonly pki: string;
  readonly people: Authority;
  readonly servers: Authority;
  readonly nodes: Authority;
  readonly kubeletClients: Authority;
  /** The stand-in, which insists on a client certificate. */
  readonly nodePort: number;
  /** The same without one, for clients that go there directly. */
  readonly directPort: number;
  stop(): Promise<void>;
}

export async function startGround(): Promise<Ground> {
  const directory = mkdtempSync(join(tmpdir(), 'kubelet-gateway-bench-'));
  // nginx's workers give up root's rights and must still read the bodies.
  chmodSync(directory, 0o711);
  const pki = join(directory, 'pki');
  mkdirSync(pki);
  const [servers, nodes, kubeletClients, people] = await Promise.all([
    createAuthority('bench gateway CA'),
    createAuthority('bench kubelet serving CA'),
    createAuthority('bench kubelet client CA'),
    createAuthority('bench people CA'),
  ]);
  const write = (name: string, text: string): void => {
    writeFileSync(join(pki, name), text, { mode: 0o600 });
  };
  const server = await servers.issue({
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  const node = await nodes.issue({ dnsNames: [NODE_SERVER_NAME], usages: ['server'] });
  const client = await kubeletClients.issue({ commonName: 'kubelet-gateway', usages: ['client'] });
  for (const [name, pair] of Object.entries({ server, node, client })) {
    write(`${name}.crt`, pair.certificate);
    write(`${name}.key`, pair.key);
    // haproxy reads both from one file.
    write(`${name}.pem`, pair.certificate + pair.key);
  }
  write('gateway-ca.crt', servers.certificate);
  write('kubelet-ca.crt', nodes.certificate);
  write('kubelet-client-ca.crt', kubeletClients.certificate);
  write('people-ca.crt', people.certificate);

  const [nodePort, directPort] = [await freePort(), await freePort()];
  const standIn = await startStandIn(directory, nodePort, directPort);
  return {
    directory,
    pki,
    people,
    servers,
    nodes,
    kubeletClients,
    nodePort,
    directPort,
    stop: async () => {
      await standIn.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The frame of an nginx configuration in a folder of its own. */
export const nginxConfiguration = (directory: string, name: string, http: string): string => `
daemon off;
worker_processes 1;
pid ${directory}/${name}.pid;
error_log stderr error;
events { worker_connections 20000; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout 90s;
  client_body_temp_path ${directory}/${name}-body;
  proxy_temp_path ${directory}/${name}-proxy;
  fastcgi_temp_path ${directory}/${name}-fastcgi;
  uwsgi_temp_path ${directory}/${name}-uwsgi;
  scgi_temp_path ${directory}/${name}-scgi;
${http}
}
`;

async function startStandIn(directory: string, nodePort: number, directPort: number): Promise<Running> {
  const bodies = join(directory, 'bodies');
  mkdirSync(bodies, { mode: 0o755 });
  const locations = Object.values(BODIES).map(({ path, bytes, type }, index) => {
    const file = join(bodies, String(index));
    writeFileSync(file, bytes === 2 ? 'ok' : toMetrics(bytes), { mode: 0o644 });
    return `location = ${path} { default_type "${type}"; types {} alias ${file}; }`;
  });
  const tls = `ssl_certificate ${directory}/pki/node.crt; ssl_certificate_key ${directory}/pki/node.key;
    ssl_protocols TLSv1.2 TLSv1.3; open_file_cache max=16 inactive=1h; etag off;`;
  const configuration = nginxConfiguration(
    directory,
    'stand-in',
    `server {
      listen 127.0.0.1:${nodePort} ssl backlog=4096;
      ssl_client_certificate ${directory}/pki/kubelet-client-ca.crt; ssl_verify_client on;
      ${tls} ${locations.join('\n')} }
    server { listen 127.0.0.1:${directPort} ssl backlog=4096; ${tls} ${locations.join('\n')} }`,
  );
  const file = join(directory, 'stand-in.conf');
  writeFileSync(file, configuration);
  return startProgram('stand-in', ['nginx', '-p', directory, '-c', file], { directory, port: nodePort });
}

/** Text that looks like metrics, so that nothing on the way is spared its length. */
function toMetrics(bytes: number): string {
  let text = '';
  for (let i = 0; text.length < bytes; i += 1) {
    text += `container_cpu_usage_seconds_total{container="c${i % 97}",namespace="bench",pod="pod-${i}"} ${i * 1.25} 1700000000000\n`;
  }
  return text.slice(0, bytes);
}
