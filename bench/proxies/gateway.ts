// The gateway as a process of its own with the shipped defaults and everything on: tokens verified, decisions by
// SubjectAccessReview and cached, audit at Metadata to a file in blocking-strict, metrics, and its log.

import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { authenticationConfiguration } from '../../demo/manifests.ts';
import type { Ground } from './ground.ts';
import { NODE_SERVER_NAME } from './ground.ts';
import type { Identity } from './identity.ts';
import { AUDIENCE } from './identity.ts';
import { freePort } from '../../demo/free-port.ts';
import { startProgram } from './process.ts';
import type { Proxy } from './proxy.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Node's, as the image and `npm start` give them: docs/adr/0025. */
export const SHIPPED_FLAGS = ['--max-semi-space-size=16'] as const;

export interface GatewayOptions {
  readonly name?: string;
  /** How many nodes the inventory has, all played by one stand-in. Default 1. */
  readonly nodes?: number;
  /** Default: the stand-in's. */
  readonly nodePort?: number;
  /** Rewrites the configuration, to see what a part of it costs. */
  readonly configure?: (yaml: string) => string;
  /** The program; default this tree's. Another copy's, to compare with. */
  readonly main?: string;
  /** Arguments for Node, such as a profiler's. */
  readonly execArgv?: readonly string[];
}

export interface GatewayUnderTest extends Proxy {
  readonly token: string;
  readonly port: number;
  readonly adminPort: number;
  /** Milliseconds from its start until /readyz said yes. */
  readonly readyMs: number;
  readonly directory: string;
}

export const toNodeName = (index: number): string => `node-${index}`;

export async function startGateway(
  ground: Ground,
  identity: Identity,
  options: GatewayOptions = {},
): Promise<GatewayUnderTest> {
  const { name = 'gateway' } = options;
  const { directory, port, adminPort } = await writeConfiguration(ground, identity, options);
  const startedAt = performance.now();
  const running = await startProgram(
    name,
    [
      process.execPath,
      ...SHIPPED_FLAGS,
      ...(options.execArgv ?? []),
      options.main ?? MAIN,
      'serve',
      '--config',
      join(directory, 'gateway.yaml'),
    ],
    { directory, port },
  );
  while (!(await isReady(adminPort))) await new Promise((resolve) => setTimeout(resolve, 5));
  const readyMs = performance.now() - startedAt;
  const token = await identity.issue('alice');
  const url = `https://127.0.0.1:${port}/nodes/${toNodeName(1)}`;
  return { ...running, name, url, token, port, adminPort, readyMs, directory };
}

/** A folder with `gateway.yaml` and what it names. */
export async function writeConfiguration(
  ground: Ground,
  identity: Identity,
  options: GatewayOptions,
): Promise<{ readonly directory: string; readonly port: number; readonly adminPort: number }> {
  const { name = 'gateway', nodes = 1, nodePort = ground.nodePort } = options;
  const directory = join(ground.directory, name);
  mkdirSync(directory);
  const [port, adminPort] = [await freePort(), await freePort()];
  const write = (file: string, text: string): void => {
    writeFileSync(join(directory, file), text, { mode: 0o600 });
  };
  write('kubeconfig.yaml', identity.api.kubeconfig);
  write(
    'authentication.yaml',
    authenticationConfiguration({
      url: identity.issuerUrl,
      certificateAuthority: identity.issuerCertificateAuthority,
      audience: AUDIENCE,
    }),
  );
  const configuration = toConfiguration(ground.pki, { port, adminPort, nodes, nodePort });
  write('audit-nothing.yaml', 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: None }]\n');
  write('gateway.yaml', options.configure?.(configuration) ?? configuration);
  return { directory, port, adminPort };
}

const toConfiguration = (
  pki: string,
  { port, adminPort, nodes, nodePort }: { port: number; adminPort: number; nodes: number; nodePort: number },
): string => `apiVersion: kubelet-gateway.io/v1alpha1
kind: GatewayConfiguration
listeners:
  - name: main
    address: 127.0.0.1
    port: ${port}
    tls: { certificateFile: ${pki}/server.crt, privateKeyFile: ${pki}/server.key }
    clientCertificates: { request: true }
admin: { address: 127.0.0.1, port: ${adminPort}, openMetrics: true }
authentication:
  configurationFile: authentication.yaml
  clientCAFile: ${pki}/people-ca.crt
authorization:
  mode: SubjectAccessReview
  podSubresources: enabled
  subjectAccessReview: { kubeconfigFile: kubeconfig.yaml }
nodes:
  allowedAddresses: [127.0.0.0/8]
  list:
${Array.from(
  { length: nodes },
  (_, index) =>
    `    - { name: ${toNodeName(index + 1)}, address: 127.0.0.1, port: ${nodePort}, serverName: ${NODE_SERVER_NAME}, certificateAuthorityFile: ${pki}/kubelet-ca.crt }`,
).join('\n')}
credentials:
  - { name: reader, certificateFile: ${pki}/client.crt, privateKeyFile: ${pki}/client.key }
  - { name: operator, certificateFile: ${pki}/client.crt, privateKeyFile: ${pki}/client.key }
credentialMappings:
  - { credential: reader, actions: [metrics, stats, pods, runningPods, healthz, nodeLogs] }
  - { credential: operator, groups: [sre] }
audit:
  mode: blocking-strict
  file: { path: audit.log }
shutdown: { grace: 1s }
`;

const isReady = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = request({ host: '127.0.0.1', port, path: '/readyz', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    probe.on('error', () => resolve(false));
    probe.end();
  });
