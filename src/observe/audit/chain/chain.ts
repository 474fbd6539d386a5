// Puts the chain of an audit file together: its lines, who signs, and where the signatures go.

import type { Writable } from 'node:stream';
import { createLocalSigner } from '../../../chain/jws.ts';
import type { Signer } from '../../../chain/jws.ts';
import { createRemoteSigner } from '../../../chain/remote-signer.ts';
import type { AuditChainSettings, AuditSigner } from '../../../core/audit-chain.ts';
import type { Clock, Log } from '../../../core/ports.ts';
import type { Lines } from '../lines.ts';
import { ChainLines } from './chain-lines.ts';
import { createStdoutSink, openFileSink } from './checkpoint-sinks.ts';
import { Checkpointer } from './checkpointer.ts';
import type { ChainMetrics, CheckpointSink } from './checkpointer.ts';

export interface ChainDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ChainMetrics;
  /** Puts an event into the chained file, behind those that wait. */
  readonly store: (event: string) => void;
  readonly stdout: Writable;
}

export interface Chain {
  readonly lines: Lines;
  /** Of the lines that are written from now on. Not before the file is open. */
  id(): string;
  /** Why requests are to be refused; undefined: they need not be. */
  problem(): string | undefined;
  /** Signs what is not signed yet. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** Rejects when the key cannot be used, or the second sink cannot be opened. */
export async function openChain(
  { store, stdout, ...deps }: ChainDependencies,
  options: AuditChainSettings & { readonly fsync: boolean },
): Promise<Chain> {
  const { clock, log } = deps;
  const { signer: settings, checkpoint, maxUnsigned, secondSink, fsync } = options;
  if (settings === undefined) {
    const watcher = { resumed: () => undefined, advanced: () => undefined };
    const lines = new ChainLines({ clock, log, watcher });
    const done = (): Promise<void> => Promise.resolve();
    return { lines, id: () => lines.chain, problem: () => undefined, finish: done, close: done };
  }
  const signer = await createSigner(settings);
  const sinks: CheckpointSink[] = [];
  if (secondSink.path !== undefined) sinks.push(await openFileSink(secondSink.path, { fsync }));
  if (secondSink.stdout) sinks.push(createStdoutSink(stdout));
  const limits = { ...checkpoint, ...(maxUnsigned === undefined ? {} : { maxUnsigned }) };
  const checkpointer = new Checkpointer({ ...deps, signer, sinks, store }, limits);
  const lines = new ChainLines({ clock, log, watcher: checkpointer });
  return {
    lines,
    id: () => lines.chain,
    problem: () => checkpointer.problem(),
    finish: () => checkpointer.finish(),
    close: () => checkpointer.close(),
  };
}

const createSigner = (signer: AuditSigner): Promise<Signer> | Signer =>
  signer.kind === 'key' ? createLocalSigner(signer.key.reveal()) : createRemoteSigner(signer);
