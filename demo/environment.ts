// Everything around the gateway in the demo and in the scenario tests, all of it on loopback: a certificate authority
// for each trust domain, a real OpenID provider, simulated nodes, and the configuration files for the gateway.

import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SimulatedKubelet } from './kubelet/kubelet.ts';
import { createAuthority } from '../src/pki/issue.ts';
import { freePort } from './free-port.ts';
import { startIdentityProvider } from './identity-provider.ts';
import { demoPods } from './kubelet/pods.ts';
import { startKubelet } from './kubelet/kubelet.ts';
import {
  AUDIT_POLICY,
  RBAC,
  authenticationConfiguration,
  gatewayConfiguration,
  kubeconfig,
} from './manifests.ts';

export const AUDIENCE = 'kubelet-gateway';
export const USERS = {
  alice: { groups: ['sre'] },
  bob: { groups: ['monitoring'] },
  carol: { groups: ['monitoring'] },
} as const;
export type DemoUser = keyof typeof USERS;

const NODES = ['node-1', 'node-2', 'node-3'] as const;

/** What browsers may call the gateway. */
const HOSTS = ['localhost', '127.0.0.1'] as const;

/** How long the tokens in the folder are good for. */
const TOKEN_SECONDS = 12 * 3600;

/** What the reader's certificate may do at a kubelet; the operator's may do everything. */
const READER = new Set(['metrics', 'stats', 'pods', 'healthz', 'log']);

export interface Environment {
  readonly directory: string;
  readonly configurationFile: string;
  readonly port: number;
  readonly adminPort: number;
  /** PEM of the authority that signed the gateway's serving certificate. */
  readonly certificateAuthority: string;
  readonly kubelets: ReadonlyMap<string, SimulatedKubelet>;
  issueToken(user: DemoUser, ttlSeconds?: number): Promise<string>;
  /** How many refresh tokens the provider has taken. */
  readonly renewals: () => number;
  /** Refresh tokens that were given back to the identity provider since the start. */
  readonly handedBack: () => readonly string[];
  /** A client certificate that the gateway accepts. */
  issueClientCertificate(
    user: string,
    groups: readonly string[],
  ): Promise<{ certificate: string; key: string }>;
  close(): Promise<void>;
}

const withGroups = (more: readonly string[]) =>
  Object.fromEntries(
    Object.entries(USERS).map(([name, { groups }]) => [name, { groups: [...groups, ...more] }]),
  );

interface EnvironmentOptions {
  readonly directory: string;
  /** 0: any free port. */
  readonly port: number;
  /** How long ID tokens of people in browsers are good for. Default an hour. */
  readonly idTokenSeconds?: number;
  /** Groups that everybody at the provider has besides their own. Default none. */
  readonly moreGroups?: readonly string[];
}

/**
 * Sets up `directory` (made if absent) and starts the provider and the nodes. The gateway itself is not started: run
 * `kubelet-gateway serve --config` on `configurationFile`. Rejects with nothing left open.
 */
export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((one) => one.close()));
  };
  try {
    return { ...(await openEnvironment(options, opened)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What listens is put into `opened` as soon as it does. */
async function openEnvironment(
  options: EnvironmentOptions,
  opened: { close(): Promise<void> }[],
): Promise<Omit<Environment, 'close'>> {
  const { directory } = options;
  await mkdir(join(directory, 'pki'), { recursive: true, mode: 0o700 });
  await mkdir(join(directory, 'tokens'), { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(directory, name), text, { mode: 0o600 });
  const writePair = async (name: string, pair: { certificate: string; key: string }): Promise<void> => {
    await write(`pki/${name}.crt`, pair.certificate);
    await write(`pki/${name}.key`, pair.key);
  };

  // An authority for each question: is this the gateway, is this a node, may this client speak to a node, is this a
  // person to a node, is this a person to the gateway. One certificate must never answer two of them.
  const [servers, nodes, kubeletClients, kubeletUsers, people] = await Promise.all([
    createAuthority('demo gateway CA'),
    createAuthority('demo kubelet serving CA'),
    createAuthority('demo kubelet client CA'),
    createAuthority('demo kubelet user CA'),
    createAuthority('demo people CA'),
  ]);
  // Long enough for a demo that somebody forgets to end.
  const notAfter = new Date(Date.now() + 30 * 24 * 3_600_000);
  const localhost = {
    notAfter,
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'] as ('client' | 'server')[],
  };
  const gatewayPair = await servers.issue({ commonName: 'kubelet-gateway', ...localhost });
  await writePair('gateway', gatewayPair);
  await write('ca.crt', servers.certificate);
  await write('pki/kubelet-ca.crt', nodes.certificate);
  await write('pki/client-ca.crt', people.certificate);
  await writePair('kubelet-users', kubeletUsers);

  const port = options.port === 0 ? await freePort() : options.port;
  const clientSecret = randomBytes(32).toString('base64url');
  await write('login-client.secret', clientSecret);
  await write('cookie.key', randomBytes(32).toString('base64'));
  const providerPort = await freePort();
  const providerPair = await servers.issue({ commonName: 'demo identity provider', ...localhost });
  await writePair('provider', providerPair);
  const provider = await startIdentityProvider({
    ...providerPair,
    port: providerPort,
    issuer: `https://127.0.0.1:${providerPort}`,
    audience: AUDIENCE,
    users: withGroups(options.moreGroups ?? []),
    trusted: servers.certificate,
    ...(options.idTokenSeconds === undefined ? {} : { idTokenSeconds: options.idTokenSeconds }),
    clients: [
      {
        clientID: AUDIENCE,
        clientSecret,
        redirectURIs: HOSTS.map((host) => `https://${host}:${port}/-/callback/demo`),
        postLogoutRedirectURIs: HOSTS.map((host) => `https://${host}:${port}/-/logged-out`),
        backChannelLogoutURI: `https://127.0.0.1:${port}/-/backchannel-logout/demo`,
      },
    ],
  });
  opened.push(provider);

  const kubelets = new Map<string, SimulatedKubelet>();
  for (const node of NODES) {
    const pair = await nodes.issue({
      commonName: `system:node:${node}`,
      dnsNames: [node],
      usages: ['server'],
      notAfter,
    });
    const kubelet = await startKubelet({
      nodeName: node,
      ...pair,
      clientCA: kubeletClients.certificate + kubeletUsers.certificate,
      authorize: (user, attributes) =>
        user.name === `gateway-operator:${node}` ||
        // People as themselves, where the gateway is configured to make certificates for them.
        user.groups.includes('sre') ||
        (user.name === `gateway-reader:${node}` &&
          attributes.verb === 'get' &&
          READER.has(attributes.subresource)),
      pods: demoPods(node),
      capture: true,
    });
    opened.push(kubelet);
    kubelets.set(node, kubelet);
    for (const role of ['reader', 'operator']) {
      const name = `gateway-${role}:${node}`;
      await writePair(
        `${node}-${role}`,
        await kubeletClients.issue({ commonName: name, usages: ['client'], notAfter }),
      );
    }
  }

  const adminPort = await freePort();
  await write('rbac.yaml', RBAC);
  await write('audit-policy.yaml', AUDIT_POLICY);
  await write(
    'authentication.yaml',
    authenticationConfiguration({
      url: provider.url,
      certificateAuthority: servers.certificate,
      audience: AUDIENCE,
    }),
  );
  await write(
    'gateway.yaml',
    gatewayConfiguration({
      port,
      adminPort,
      issuer: provider.url,
      nodes: [...kubelets].map(([name, kubelet]) => ({ name, port: kubelet.port })),
    }),
  );
  const tokens: Record<string, string> = {};
  for (const user of Object.keys(USERS) as DemoUser[]) {
    const token = await provider.issueToken(user, TOKEN_SECONDS);
    tokens[user] = token;
    await write(`tokens/${user}.jwt`, token);
  }
  await write(
    'kubeconfig',
    kubeconfig({
      server: `https://127.0.0.1:${port}`,
      certificateAuthority: servers.certificate,
      nodes: NODES,
      tokens,
    }),
  );

  return {
    directory,
    configurationFile: join(directory, 'gateway.yaml'),
    port,
    adminPort,
    certificateAuthority: servers.certificate,
    kubelets,
    issueToken: (user, ttlSeconds) => provider.issueToken(user, ttlSeconds),
    renewals: provider.renewals,
    handedBack: provider.handedBack,
    issueClientCertificate: (user, groups) =>
      people.issue({ commonName: user, organizations: [...groups], usages: ['client'] }),
  };
}
