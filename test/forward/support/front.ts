// The gateway's edges alone, for tests of `forward`: the real listener on loopback, then `forward`, and nothing between.
// What the stages between would have found is given by the test.

import type { TestContext } from 'node:test';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { Action } from '../../../src/core/action.ts';
import type { SessionLimits } from '../../../src/core/configuration.ts';
import type { Grant } from '../../../src/core/decision.ts';
import type { Credentialed, Received, Transport } from '../../../src/core/exchange.ts';
import { toFault } from '../../../src/core/fault.ts';
import type { Fault } from '../../../src/core/fault.ts';
import type { KubeletCredential, NodeEntry } from '../../../src/core/node.ts';
import type { Ending, Observation } from '../../../src/core/observation.ts';
import { systemClock } from '../../../src/core/ports.ts';
import { Secret } from '../../../src/core/secret.ts';
import { createForward } from '../../../src/forward/forward.ts';
import type { Forward, ForwardDeps, ForwardOptions } from '../../../src/forward/forward.ts';
import { createPools } from '../../../src/upstream/pools.ts';
import type { Pools } from '../../../src/upstream/pools.ts';
import { createLiveExchanges } from '../../../src/listen/live.ts';
import { refuse } from '../../../src/listen/refuse.ts';
import { createListener } from '../../../src/listen/server.ts';
import type { TlsProblem } from '../../../src/outbound/dial-faults.ts';
import { toConnection } from './kubelet.ts';
import type { Connection } from './kubelet.ts';
import { createKeptLog } from '../../support/kept-log.ts';
import { reachAnything } from '../../support/reach.ts';
import type { KeptLog } from '../../support/kept-log.ts';
import { createAuthority } from '../../support/pki.ts';
import type { TestAuthority } from '../../support/pki.ts';
import { createAttributes, createResolved, nodeName } from '../../support/resolved.ts';

export interface TestPki {
  readonly kubeletCa: TestAuthority;
  readonly clientCa: TestAuthority;
  readonly kubelet: { certificate: string; key: string };
  readonly gateway: { certificate: string; key: string };
  readonly reader: KubeletCredential;
  readonly operator: KubeletCredential;
  readonly bearer: KubeletCredential;
}

/** One set of certificates for a test file: making them is slow. */
export async function createTestPki(): Promise<TestPki> {
  const [kubeletCa, clientCa] = await Promise.all([
    createAuthority('kubelet-ca'),
    createAuthority('client-ca'),
  ]);
  const toCredential = async (name: string): Promise<KubeletCredential> => {
    const { certificate, key } = await clientCa.issue({ commonName: name, usages: ['client'] });
    return {
      name,
      fingerprint: name,
      material: { kind: 'certificate', certificate, key: new Secret(key) },
    };
  };
  const [kubelet, gateway, reader, operator] = await Promise.all([
    kubeletCa.issue({ commonName: 'system:node:node-1', dnsNames: ['node-1'], usages: ['server'] }),
    kubeletCa.issue({ commonName: 'gateway', dnsNames: ['localhost'], usages: ['server'] }),
    toCredential('reader'),
    toCredential('operator'),
  ]);
  const bearer: KubeletCredential = {
    name: 'legacy',
    fingerprint: 'legacy',
    material: { kind: 'bearerToken', token: new Secret('s3cret-token') },
  };
  return { kubeletCa, clientCa, kubelet, gateway, reader, operator, bearer };
}

export const toEntry = (pki: TestPki, port: number, more: Partial<NodeEntry> = {}): NodeEntry => ({
  name: nodeName('node-1'),
  address: '127.0.0.1',
  port,
  serverName: 'node-1',
  certificateAuthority: pki.kubeletCa.certificate,
  fingerprint: `node-1:${port}`,
  ...more,
});

/** What the stages before `forward` would have found. */
export interface Found {
  readonly action: Action;
  readonly entry: NodeEntry;
  readonly credential: KubeletCredential;
  readonly transport?: Transport;
  readonly surface?: Credentialed['surface'];
  readonly expiresAt?: number;
}

export interface Front {
  readonly port: number;
  readonly forward: Forward;
  readonly pools: Pools;
  readonly log: KeptLog;
  readonly tlsProblems: readonly TlsProblem[];
  readonly rejections: number;
  /** Codes told to `started`, in order. */
  readonly started: readonly number[];
  /** The exchanges that began, in order. */
  readonly exchanges: readonly Received[];
  /** Resolves with the ending of this index, waiting for it. */
  ending(index: number): Promise<Ending & { readonly fault?: Fault }>;
  /** A verified TLS connection to the gateway. */
  connect(): Promise<Connection>;
}

const session: SessionLimits = { idleMs: 60_000, absoluteMs: 120_000 };

export interface FrontOptions extends Partial<Omit<ForwardOptions, 'sessions'>> {
  readonly connectTimeoutMs?: number;
  readonly keepAliveTimeoutMs?: number;
  readonly maxConnectionsPerNode?: number;
  readonly maxPools?: number;
  readonly session?: Partial<SessionLimits>;
  readonly credentialExpiryGraceMs?: number;
  readonly tap?: ForwardDeps['tap'];
}

/** `find` is asked for each request what is to be forwarded. */
export async function startFront(
  t: TestContext,
  pki: TestPki,
  find: (received: Received, index: number) => Found,
  options: FrontOptions = {},
): Promise<Front> {
  const clock = systemClock;
  const log = createKeptLog();
  const tlsProblems: TlsProblem[] = [];
  let rejections = 0;
  const timeouts = {
    connectTimeoutMs: 5_000,
    answerTimeoutMs: 5_000,
    keepAliveTimeoutMs: 30_000,
    maxConnectionsPerNode: 10,
    runTimeoutMs: 5_000,
    checkpointTimeoutMs: 5_000,
    profileTimeoutMs: 5_000,
    ...options,
  };
  const pools = createPools(
    { clock, log, reach: reachAnything(), upstreamTlsError: (problem) => tlsProblems.push(problem) },
    timeouts,
  );
  const limits = { ...session, ...options.session };
  const forward = createForward(
    { clock, log, pools, credentialRejected: () => void (rejections += 1), tap: options.tap },
    {
      ...timeouts,
      sessions: {
        default: limits,
        exec: limits,
        attach: limits,
        portForward: limits,
        containerLogs: limits,
        credentialExpiryGraceMs: options.credentialExpiryGraceMs ?? 60_000,
      },
    },
  );
  const started: number[] = [];
  const exchanges: Received[] = [];
  const endings: Ending[] = [];
  const waiting: (() => void)[] = [];
  const onReceived = (received: Received): void => {
    exchanges.push(received);
    const ended = (ending: Ending): void => {
      endings.push(ending);
      for (const wake of waiting.splice(0)) wake();
    };
    const { observation, told } = toObservation(started);
    forward.forward(toCredentialed(received, find(received, exchanges.length - 1)), observation).then(
      (ending) => ended(ending),
      (error: unknown) => {
        if (told()) throw new Error('a Fault after the answer had begun', { cause: error });
        const fault = toFault(error);
        refuse(received, fault);
        ended({ code: fault.code, fault });
      },
    );
  };
  const listener = createListener(
    { clock, log, live: createLiveExchanges(), onReceived },
    {
      address: '127.0.0.1',
      port: 0,
      tls: {
        certificate: pki.gateway.certificate,
        privateKey: new Secret(pki.gateway.key),
        minVersion: 'VersionTLS12',
      },
      clientCertificates: { request: false, exceptServerNames: [] },
      clientCertificateAuthority: undefined,
      trustedProxies: [],
      limits: { closeMs: 100 },
    },
  );
  const { port } = await listener.start();
  t.after(async () => {
    pools.close();
    await listener.close();
  });
  return {
    port,
    forward,
    pools,
    log,
    tlsProblems,
    started,
    exchanges,
    get rejections() {
      return rejections;
    },
    async ending(index) {
      for (;;) {
        const found = endings[index];
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    async connect() {
      const socket = connect({
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca: pki.kubeletCa.certificate,
        allowHalfOpen: true,
      } as ConnectionOptions);
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      t.after(() => socket.destroy());
      return toConnection(socket);
    },
  };
}

function toObservation(started: number[]): { observation: Observation; told: () => boolean } {
  let told = false;
  const observation: Observation = {
    received: () => undefined,
    found: () => undefined,
    started: (code) => {
      told = true;
      started.push(code);
    },
    complete: () => undefined,
    panic: () => undefined,
  };
  return { observation, told: () => told };
}

function toCredentialed(received: Received, found: Found): Credentialed {
  const by = createAttributes();
  // Only `authorize` makes a Grant; here nothing is authorized.
  const grant = { by, reason: '' } as unknown as Grant;
  const resolved = createResolved({ action: found.action, surface: found.surface ?? 'kubelet' });
  const authentication =
    found.expiresAt === undefined
      ? resolved.authentication
      : { ...resolved.authentication, expiresAt: found.expiresAt };
  return {
    ...resolved,
    ...received,
    authentication,
    transport: found.transport ?? { kind: 'http' },
    grant,
    entry: found.entry,
    credential: found.credential,
  };
}
