// The audit log: an observer that records every exchange as `audit.k8s.io/v1` Events, as the policy says, in a file,
// on standard output, or both. No node is dialled before the write of the exchange's first event has returned, unless
// the mode or the policy gives that up.

import type { Writable } from 'node:stream';
import type { AuditChainSettings } from '../../core/audit-chain.ts';
import type { AuditPolicy } from '../../core/audit-policy.ts';
import type { AuditMode } from '../../core/configuration.ts';
import type { Observer } from '../../core/observation.ts';
import type { Clock, Log } from '../../core/ports.ts';
import type { RecordingLedger } from '../../core/recording-mark.ts';
import { Fault } from '../../core/fault.ts';
import { createTimeText } from '../time-text.ts';
import { openChain } from './chain/chain.ts';
import type { Chain } from './chain/chain.ts';
import type { ChainMetrics } from './chain/checkpointer.ts';
import { createDescribe } from './description.ts';
import { createLedger } from './ledger.ts';
import { createFileSink } from './file-sink.ts';
import type { FileSinkOptions } from './file-sink.ts';
import { createEvaluator } from './policy.ts';
import { AuditQueue } from './queue.ts';
import type { AuditMetrics, AuditSink } from './queue.ts';
import { createStdoutSink } from './stdout-sink.ts';
import { AuditTrail } from './trail.ts';
import type { TrailParts } from './trail.ts';

export interface AuditDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: AuditMetrics & ChainMetrics;
}

export interface AuditOptions {
  /** Absent: everything at Metadata. */
  readonly policy?: AuditPolicy | undefined;
  readonly mode: AuditMode;
  readonly fsync: boolean;
  readonly file?: Omit<FileSinkOptions, 'fsync'> | undefined;
  /** Absent: the lines of the file are not chained. Those of standard output never are. */
  readonly chain?: AuditChainSettings | undefined;
  /** true: the process's standard output. */
  readonly stdout: boolean | Writable;
  /** How many events may wait in mode batch, and while writes fail. Default 10,000, as in kube-apiserver. */
  readonly bufferSize?: number | undefined;
}

export interface Audit {
  readonly observer: Observer;
  /** Takes down what becomes of recordings, whatever the policy leaves out. */
  readonly ledger: RecordingLedger;
  /** The policy of exchanges that begin from now on. */
  reconfigure(policy: AuditPolicy | undefined): void;
  /** Opens the file anew, after a logrotate. */
  reopen(): Promise<void>;
  /** Writes what is left and closes the file. */
  close(): Promise<void>;
  /** Why events cannot be stored at present, for readiness. Names no path. */
  problem(): string | undefined;
}

const DEFAULT_BUFFER_SIZE = 10_000;

/** Rejects if a file cannot be opened, and if there is nowhere to write to. */
export async function createAudit(dependencies: AuditDependencies, options: AuditOptions): Promise<Audit> {
  const { clock } = dependencies;
  const { mode, bufferSize = DEFAULT_BUFFER_SIZE } = options;
  const chain = await toChain(dependencies, options, (event) => fileQueue?.storeLater(event));
  const sinks = await toSinks(dependencies, options, chain);
  const queues = sinks.map((sink) => new AuditQueue({ sink, ...dependencies }, { mode, bufferSize }));
  const fileQueue = options.file === undefined ? undefined : queues[0];
  const store = (event: string): Promise<void> | undefined => {
    let wait: Promise<void> | undefined;
    for (const queue of queues) wait = both(wait, queue.store(event));
    const problem = chain?.problem();
    return problem === undefined ? wait : Promise.reject(new Fault('ServiceUnavailable', problem));
  };
  const storeLater = (event: string, failed?: () => void): void => {
    for (const queue of queues) queue.storeLater(event, mode === 'blocking-strict' ? failed : undefined);
  };
  let parts: TrailParts = {
    clock,
    timeText: createTimeText(),
    describe: createDescribe(),
    evaluate: createEvaluator(options.policy),
    store,
    storeLater,
  };
  return {
    observer: (received) => new AuditTrail(parts, received),
    ledger: createLedger({ clock, store, storeLater, chain: () => chain?.id() }),
    reconfigure: (policy) => {
      parts = { ...parts, evaluate: createEvaluator(policy) };
    },
    reopen: async () => {
      await Promise.all(queues.map((queue) => queue.reopen()));
    },
    close: async () => {
      if (chain !== undefined) {
        // So that the last checkpoint covers the last event.
        await fileQueue?.flush();
        await chain.finish();
      }
      await Promise.all(queues.map((queue) => queue.close()));
      await chain?.close();
    },
    problem: () =>
      queues.map((queue) => queue.problem()).find((problem) => problem !== undefined) ?? chain?.problem(),
  };
}

/** Settles when both have, and rejects with the first that does; undefined where there is nothing to wait for. */
function both(a: Promise<void> | undefined, b: Promise<void> | undefined): Promise<void> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const all = Promise.all([a, b]).then(() => undefined);
  // Whoever waits hears of it. Where nobody does, because the chain has a problem of its own, it is not unhandled.
  all.catch(() => undefined);
  return all;
}

async function toChain(
  dependencies: AuditDependencies,
  { chain, file, fsync, stdout }: AuditOptions,
  store: (event: string) => void,
): Promise<Chain | undefined> {
  if (chain === undefined || file === undefined) return undefined;
  return openChain({ ...dependencies, store, stdout: toStream(stdout) }, { ...chain, fsync });
}

async function toSinks(
  dependencies: AuditDependencies,
  options: AuditOptions,
  chain: Chain | undefined,
): Promise<AuditSink[]> {
  const { file, fsync, stdout } = options;
  const sinks: AuditSink[] = [];
  if (file !== undefined) {
    const { clock, log } = dependencies;
    sinks.push(
      await createFileSink({ clock, log, ...(chain && { lines: chain.lines }) }, { ...file, fsync }),
    );
  }
  if (stdout !== false) sinks.push(createStdoutSink(toStream(stdout)));
  if (sinks.length === 0) throw new Error('the audit log needs a file, standard output, or both');
  return sinks;
}

const toStream = (stdout: boolean | Writable): Writable =>
  typeof stdout === 'boolean' ? process.stdout : stdout;
