// Connections to kubelets, kept alive per node and credential and never shared between credentials: the key of a pool
// is the fingerprint of both, so that a new address, CA, certificate or token means new connections. Pools of nodes
// that nobody asks for are closed; an inventory of 10,000 nodes costs nothing until it is used. Those of users who have
// certificates of their own are counted apart: 10,000 users neither keep 10,000 sockets nor close anybody else's.

import type { TLSSocket } from 'node:tls';
import type { ForwardingSettings } from '../core/configuration.ts';
import type { KubeletCredential, NodeEntry } from '../core/node.ts';
import type { DialDeps } from '../outbound/dial.ts';
import { isIPv6 } from 'node:net';
import { createDial } from '../outbound/dial.ts';
import { ConnectionPool } from './connection-pool.ts';

/** More pools than this and the least recently used is closed, which ends no request that runs on it. */
const MAX_POOLS = 4096;
/** The same of pools that serve one user each. */
const MAX_USER_POOLS = 512;
/** TLS hands over a record at a time, which is 16 kB at most (RFC 8446 §5.1). */
const READ_BYTES = 16 * 1024;

export interface PoolOptions extends Pick<
  ForwardingSettings,
  /** Below the kubelet's own 90 s, lest a request meet a connection that is being closed. */
  | 'keepAliveTimeoutMs'
  | 'connectTimeoutMs'
  /** Short requests at once; more wait. */
  | 'maxConnectionsPerNode'
> {
  readonly maxPools?: number;
  readonly maxUserPools?: number;
}

/**
 * What a pool is for. Requests that last (a followed log, a profile, run) have connections of their own and without a
 * bound: a hundred people who follow logs must not keep Prometheus waiting.
 */
export type PoolUse = 'short' | 'lasting';

/** One node, reached with one credential. */
export interface Upstream {
  readonly entry: NodeEntry;
  readonly credential: KubeletCredential;
  /** `Host` of requests to it. */
  readonly authority: string;
  readonly pool: ConnectionPool;
  /** A verified connection of its own, for an upgrade. */
  dial(signal: AbortSignal): Promise<TLSSocket>;
}

/** Lives as long as the process: a reload brings other fingerprints and thereby other pools. */
export interface Pools {
  /** `use` defaults to short. */
  get(entry: NodeEntry, credential: KubeletCredential, use?: PoolUse): Upstream;
  /** Number of open pools. */
  readonly size: number;
  /** Cuts whatever still runs. */
  close(): void;
}

interface Kept extends Upstream {
  usedAt: number;
  /** Which use of the shelf was the last of this one: many fall into one millisecond. */
  turn: number;
}

export function createPools(deps: DialDeps, options: PoolOptions): Pools {
  const { clock } = deps;
  const idleMs = options.keepAliveTimeoutMs * 2;
  const shared = createShelf(options.maxPools ?? MAX_POOLS);
  const personal = createShelf(options.maxUserPools ?? MAX_USER_POOLS);
  // One for all: what is read is taken out at once, and 10,000 idle connections would hold 160 MB.
  const readInto = Buffer.allocUnsafeSlow(READ_BYTES);
  const toKey = createPoolKeys();
  let cancelSweep: (() => void) | undefined;

  const count = (): number => shared.kept.size + personal.kept.size;
  const sweep = (): void => {
    cancelSweep = undefined;
    const before = clock.now() - idleMs;
    shared.sweep(before);
    personal.sweep(before);
    if (count() > 0) cancelSweep = clock.after(idleMs, sweep);
  };
  return {
    get(entry, credential, use = 'short') {
      const key = toKey(entry, credential, use);
      const shelf = credential.user === undefined ? shared : personal;
      const create = (): Upstream => createUpstream(deps, options, entry, credential, use, readInto);
      const upstream = shelf.take(key, clock.now(), create);
      cancelSweep ??= clock.after(idleMs, sweep);
      return upstream;
    },
    get size() {
      return count();
    },
    close() {
      cancelSweep?.();
      cancelSweep = undefined;
      for (const { kept } of [shared, personal]) {
        for (const { pool } of kept.values()) pool.destroy();
        kept.clear();
      }
    },
  };
}

/**
 * Made once for each entry and the last credential that all use: both live as long as an inventory and a certificate do. A
 * user's own, with its key, is not kept: it would stay until the next request to the node.
 */
function createPoolKeys() {
  const last = new WeakMap<NodeEntry, { readonly credential: KubeletCredential } & Record<PoolUse, string>>();
  return (entry: NodeEntry, credential: KubeletCredential, use: PoolUse): string => {
    const known = last.get(entry);
    if (known?.credential === credential) return known[use];
    // Fingerprints are digests; the user's name, which may hold anything, comes last.
    const toKey = (of: PoolUse): string =>
      `${entry.fingerprint} ${credential.fingerprint} ${of} ${credential.user ?? ''}`;
    if (credential.user !== undefined) return toKey(use);
    const keys = { credential, short: toKey('short'), lasting: toKey('lasting') };
    last.set(entry, keys);
    return keys[use];
  };
}

/** So many pools and not more. */
function createShelf(maxPools: number) {
  /** In no order: a key that moved with each request would keep old requests in memory (core/roster.ts). */
  const kept = new Map<string, Kept>();
  let turn = 0;
  const retire = (key: string, upstream: Kept): void => {
    kept.delete(key);
    // What runs on it goes on.
    upstream.pool.close();
  };
  const retireOldest = (): void => {
    let oldest: [string, Kept] | undefined;
    for (const one of kept) if (oldest === undefined || one[1].turn < oldest[1].turn) oldest = one;
    if (oldest !== undefined) retire(...oldest);
  };
  return {
    kept,
    take(key: string, now: number, create: () => Upstream): Upstream {
      const known = kept.get(key);
      if (known !== undefined) {
        known.usedAt = now;
        known.turn = ++turn;
        return known;
      }
      if (kept.size >= maxPools) retireOldest();
      const upstream = { ...create(), usedAt: now, turn: ++turn };
      kept.set(key, upstream);
      return upstream;
    },
    /** Closes those that were not used since `before`. */
    sweep(before: number): void {
      for (const [key, upstream] of kept) {
        if (upstream.usedAt <= before) retire(key, upstream);
      }
    },
  };
}

function createUpstream(
  deps: DialDeps,
  options: PoolOptions,
  entry: NodeEntry,
  credential: KubeletCredential,
  use: PoolUse,
  readInto: Uint8Array,
): Upstream {
  const dial = createDial(deps, options, entry, credential);
  const pool = new ConnectionPool(
    { clock: deps.clock, dial, readInto },
    {
      maxConnections: use === 'lasting' ? Infinity : options.maxConnectionsPerNode,
      keepAliveTimeoutMs: options.keepAliveTimeoutMs,
    },
  );
  return { entry, credential, authority: toAuthority(entry), pool, dial };
}

/** `Host` of a request to this node (RFC 9112 §3.2). */
export const toAuthority = ({ address, port }: NodeEntry): string =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
