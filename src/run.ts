// A running gateway: its listeners and its admin server, the line of the moment, reloads, and an orderly end.

import type { GatewayConfiguration, ListenerConfiguration } from './core/configuration.ts';
import type { Received } from './core/exchange.ts';
import type { Fault } from './core/fault.ts';
import type { Clock } from './core/ports.ts';
import type { Refused } from './listen/accept.ts';
import type { Listener } from './listen/server.ts';
import type { Audit } from './observe/audit/audit.ts';
import type { GatewayLog } from './observe/log.ts';
import type { Metrics } from './observe/metrics/metrics.ts';
import type { ComposedLine } from './compose.ts';
import type { Foundation } from './compose/foundation.ts';
import { createAdminApp } from './admin/admin.ts';
import { composeLine } from './compose.ts';
import { composeAdmin } from './compose/admin.ts';
import { createFoundation } from './compose/create-foundation.ts';
import type { AdminListener } from './compose/admin.ts';
import type { AddressGate } from './compose/addresses.ts';
import { handle } from './gateway/handle.ts';
import type { Line } from './gateway/handle.ts';
import { createLiveExchanges } from './listen/live.ts';
import { createListener } from './listen/server.ts';

/** After the grace period, how long streams that were told to end may take to do so, in milliseconds. */
const LAST_WORDS_MS = 2_000;

export interface Gateway {
  readonly log: GatewayLog;
  /** Rejects when an address cannot be listened on. */
  start(): Promise<void>;
  /** Puts another configuration in force, or logs why it cannot be and keeps the last one. */
  reload(configuration: GatewayConfiguration): void;
  /** A configuration that could not even be loaded. The last one stays in force. */
  reloadFailed(problems: readonly object[]): void;
  /** Opens the audit log's file anew, after a logrotate. */
  reopenAuditLog(): Promise<void>;
  /** Drains: not ready, new requests refused, running ones given the grace period, the audit log written out. */
  stop(): Promise<void>;
}

/** Rejects when the audit log cannot be opened, and throws when a part of the configuration cannot be used. */
export async function createGateway(
  configuration: GatewayConfiguration,
  { clock, version }: { readonly clock: Clock; readonly version: string },
): Promise<Gateway> {
  const { foundation, audit, addresses } = await createFoundation(configuration, { clock, version });
  return new RunningGateway(foundation, audit, configuration, addresses);
}

class RunningGateway implements Gateway {
  readonly log: GatewayLog;
  readonly #foundation: Foundation;
  readonly #audit: Audit;
  readonly #addresses: AddressGate;
  readonly #live = createLiveExchanges();
  /**
   * Exchanges whose last audit event is still to come, whether or not their clients are still there. A number, and no Set
   * of them: core/roster.ts says why.
   */
  #carried = 0;
  #onNoneCarried: () => void = () => undefined;
  readonly #listeners: ReadonlyMap<string, Listener>;
  readonly #admin: AdminListener;
  #configuration: GatewayConfiguration;
  #composed: ComposedLine;
  #isServing = false;
  /** Nothing runs any more, and nothing begins. */
  #isOver = false;

  constructor(
    foundation: Foundation,
    audit: Audit,
    configuration: GatewayConfiguration,
    addresses: AddressGate,
  ) {
    this.log = foundation.log;
    this.#foundation = foundation;
    this.#audit = audit;
    this.#configuration = configuration;
    this.#composed = composeLine(foundation, configuration);
    this.#addresses = addresses;
    addresses.use(configuration);
    this.#composed.enforce();
    const app = this.#createApp(foundation.metrics, configuration.admin.openMetrics);
    const ports = {
      clock: foundation.clock,
      log: foundation.log,
      live: this.#live,
      beside: app,
      onRefused: (fault: Fault, refused: Refused) => {
        foundation.metrics.refused(fault.code);
        const fields = { ...refused, code: fault.code, fault: fault.message };
        foundation.log.info(fields, 'refused before it was a request');
      },
      onReceived: (received: Received) => {
        if (this.#composed.login?.servePage(received) !== true) this.#handle(this.#composed.line, received);
      },
    };
    const onAdminReceived = (received: Received): void => this.#handle(this.#composed.admin, received);
    this.#admin = composeAdmin({ ...ports, app, onReceived: onAdminReceived }, configuration);
    this.#listeners = new Map(
      configuration.listeners.map((listener) => [
        listener.name,
        createListener(ports, toListenerOptions(configuration, listener)),
      ]),
    );
  }

  #handle(line: Line, received: Received): void {
    void this.#carry(line, received);
  }

  async #carry(line: Line, received: Received): Promise<void> {
    this.#carried += 1;
    try {
      await handle(line, received);
    } catch (error) {
      this.log.error({ error, auditId: received.auditId }, 'an exchange failed outside of its line');
      received.lifetime.end('protocolError');
    }
    this.#carried -= 1;
    if (this.#carried === 0) this.#onNoneCarried();
  }

  /** Resolves when every exchange has told its end. */
  #noneCarried(): Promise<void> {
    if (this.#carried === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onNoneCarried = resolve;
    });
  }

  async start(): Promise<void> {
    await this.#admin.start();
    this.#foundation.recordings.start();
    await this.#composed.start();
    for (const [name, listener] of this.#listeners) {
      const { address, port } = await listener.start();
      this.log.info({ listener: name, address, port }, 'listening');
    }
    this.#isServing = true;
  }

  reload(next: GatewayConfiguration): void {
    // Read while the gateway was ending. As long as something runs, a right that is taken away still ends it.
    if (this.#isOver) return;
    const before = this.#composed;
    let composed: ComposedLine | undefined;
    try {
      composed = composeLine(this.#foundation, next, before.keys());
      // All or nothing: whatever can fail has been tried before the first listener changes.
      const swaps = this.#prepareListeners(next);
      for (const swap of swaps) swap();
      this.#composed = composed;
      this.#addresses.use(next);
    } catch (error) {
      composed?.retire();
      this.#foundation.metrics.configReload(false);
      this.log.error({ error }, 'the new configuration cannot be used; the last good one stays in force');
      return;
    }
    // A right that the new configuration takes away ends what runs by it.
    composed.enforce();
    before.retire();
    const names = new Set(next.credentials.map(({ name }) => name));
    for (const { name } of this.#configuration.credentials) {
      if (!names.has(name)) this.#foundation.metrics.credentialStale(name, false);
    }
    this.#audit.reconfigure(next.audit.policy);
    this.log.setLevel(next.log.level);
    for (const part of needsRestart(this.#configuration, next)) {
      this.log.warn({ part }, 'this part of the configuration takes effect at the next start');
    }
    this.#configuration = next;
    this.#foundation.metrics.configReload(true);
    this.log.info({}, 'configuration reloaded');
    // Not waited for: neither a right that is taken away nor the next reload waits for an identity provider.
    void this.#composed.start();
  }

  reloadFailed(problems: readonly object[]): void {
    this.#foundation.metrics.configReload(false);
    this.log.error({ problems }, 'the new configuration cannot be used; the last good one stays in force');
  }

  reopenAuditLog(): Promise<void> {
    return this.#audit.reopen();
  }

  async stop(): Promise<void> {
    const { clock, pools, recordings, watches } = this.#foundation;
    this.#isServing = false;
    this.log.info({ running: this.#live.count }, 'draining');
    for (const listener of this.#listeners.values()) listener.drain();
    // Nothing is lost with it, and its client begins another one elsewhere.
    watches.endAll('draining');
    await within(clock, this.#configuration.shutdown.graceMs, this.#live.empty());
    // Until now a session that does not end could be looked at and ended.
    this.#admin.drain();
    this.#live.endAll('draining');
    await within(clock, LAST_WORDS_MS, this.#live.empty());
    await within(clock, LAST_WORDS_MS, this.#noneCarried());
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()));
    this.#isOver = true;
    this.#composed.retire();
    await recordings.stop(LAST_WORDS_MS);
    pools.close();
    await this.#audit.close();
    await this.#admin.close();
    this.log.info({}, 'stopped');
  }

  #createApp(metrics: Metrics, openMetrics: boolean) {
    return createAdminApp({
      metrics: openMetrics ? () => metrics.render() : undefined,
      log: this.log,
      checks: [
        // Not a reason to be restarted, which would end every running stream.
        { name: 'audit', check: () => this.#audit.problem(), readyOnly: true },
        { name: 'identity-providers', check: () => this.#composed.problem(), readyOnly: true },
        { name: 'nodes', check: () => this.#composed.nodesProblem(), readyOnly: true },
        { name: 'serving', check: () => (this.#isServing ? undefined : 'not serving'), readyOnly: true },
      ],
    });
  }

  /** Throws when a certificate or an authority cannot be used; what is returned does not. */
  #prepareListeners(next: GatewayConfiguration): readonly (() => void)[] {
    const swaps = next.listeners.map((listener) =>
      this.#listeners.get(listener.name)?.prepare(toListenerOptions(next, listener)),
    );
    return [...swaps, this.#admin.prepare(next)].filter((swap) => swap !== undefined);
  }
}

const toListenerOptions = (configuration: GatewayConfiguration, listener: ListenerConfiguration) => ({
  ...listener,
  clientCertificateAuthority: configuration.authentication.clientCertificateAuthority,
});

/** Which parts differ that only a start puts into force. */
function needsRestart(now: GatewayConfiguration, next: GatewayConfiguration): string[] {
  const addresses = ({ listeners }: GatewayConfiguration): unknown =>
    listeners.map(({ name, address, port }) => [name, address, port]);
  // Secrets do not show: another signing key in the same file takes effect at the next start, and is not told here.
  const audit = ({ audit: { mode, fsync, file, chain, stdout } }: GatewayConfiguration): unknown => [
    mode,
    fsync,
    file,
    chain,
    stdout,
  ];
  const connections = ({ forwarding }: GatewayConfiguration): unknown => [
    forwarding.connectTimeoutMs,
    forwarding.keepAliveTimeoutMs,
    forwarding.maxConnectionsPerNode,
  ];
  const parts = {
    listeners: addresses,
    admin: ({ admin }: GatewayConfiguration): unknown => [
      admin.address,
      admin.port,
      admin.openMetrics,
      admin.tls === undefined,
    ],
    audit,
    'forwarding (connections)': connections,
  };
  return Object.entries(parts)
    .filter(([, read]) => JSON.stringify(read(now)) !== JSON.stringify(read(next)))
    .map(([part]) => part);
}

/** Waits for `done`, and no longer than `limitMs`. */
async function within(clock: Clock, limitMs: number, done: Promise<unknown>): Promise<void> {
  let cancel = (): void => undefined;
  // Held open on purpose: a clock's timers do not keep the process alive, and this wait must be.
  const hold = setInterval(() => undefined, limitMs + 1);
  await Promise.race([
    done,
    new Promise<void>((resolve) => {
      cancel = clock.after(limitMs, resolve);
    }),
  ]);
  clearInterval(hold);
  cancel();
}
