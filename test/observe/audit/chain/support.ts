// An audit log with a chain, made by the real audit, and what its lines say.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { looksLikeCheckpoint } from '../../../../src/chain/checkpoint.ts';
import { generateSigningKey } from '../../../../src/chain/jws.ts';
import { readLink, toDigest } from '../../../../src/chain/link.ts';
import type { Link } from '../../../../src/chain/link.ts';
import type { AuditChainSettings } from '../../../../src/core/audit-chain.ts';
import type { Clock } from '../../../../src/core/ports.ts';
import { systemClock } from '../../../../src/core/ports.ts';
import { Secret } from '../../../../src/core/secret.ts';
import type { CheckpointVerifier } from '../../../../src/chain/jws.ts';
import type { RecordedSource } from '../../../../src/chain/verify/recorded.ts';
import type { LogReport, LogSource, VerifyReport } from '../../../../src/chain/verify/verify-logs.ts';
import { verifyLogs } from '../../../../src/chain/verify/verify-logs.ts';
import type { Audit, AuditOptions } from '../../../../src/observe/audit/audit.ts';
import { createAudit } from '../../../../src/observe/audit/audit.ts';
import { createMetrics } from '../../../../src/observe/metrics/metrics.ts';
import type { Metrics } from '../../../../src/observe/metrics/metrics.ts';
import { createKeptLog } from '../../../support/kept-log.ts';
import { eventually } from '../../../support/eventually.ts';
import type { KeptLog } from '../../../support/kept-log.ts';
import { resolved } from '../../evidence.ts';

export const signingKey = await generateSigningKey();
/** A JWK set of the public key. */
export const keySet = JSON.stringify({ keys: [signingKey.jwk] });
export const publicKey: KeyObject = createPublicKey(signingKey.privateKey);

export interface LogCase {
  readonly folder: string;
  readonly path: string;
  readonly secondSink: string;
  remove(): Promise<void>;
}

export async function createCase(): Promise<LogCase> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-chain-'));
  return {
    folder,
    path: join(folder, 'audit.log'),
    secondSink: join(folder, 'checkpoints'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface OpenedAudit {
  readonly audit: Audit;
  readonly log: KeptLog;
  readonly metrics: Metrics;
  /** One whole exchange, of two events. Settles when the first is stored. */
  readonly exchange: () => Promise<void>;
}

export interface AuditCaseOptions extends Partial<Omit<AuditOptions, 'chain' | 'file'>> {
  readonly chain?: Partial<AuditChainSettings>;
  readonly maxBytes?: number;
  readonly maxFiles?: number;
  readonly clock?: Clock;
}

/** Signed by `signingKey`, every 10 events, unless the options say otherwise. */
export async function openAudit(at: LogCase, options: AuditCaseOptions = {}): Promise<OpenedAudit> {
  const { chain = {}, maxBytes = 0, maxFiles = 0, clock = systemClock, ...rest } = options;
  const log = createKeptLog();
  const metrics = createMetrics({ version: 'test' });
  const audit = await createAudit(
    { clock, log, metrics },
    {
      mode: 'blocking-strict',
      fsync: false,
      stdout: false,
      ...rest,
      file: { path: at.path, maxBytes, maxFiles, maxAgeMs: 0 },
      chain: {
        signer: { kind: 'key', key: new Secret(signingKey.privateKey) },
        checkpoint: { maxAgeMs: 60_000, maxEvents: 10 },
        secondSink: { path: at.secondSink, stdout: false },
        ...chain,
      },
    },
  );
  const exchange = async (): Promise<void> => {
    const received = resolved({});
    const observation = audit.observer(received);
    await observation.received(received);
    observation.complete({ code: 200 });
  };
  return { audit, log, metrics, exchange };
}

/** Waits for the event of a checkpoint in the log: a new file has one soon. */
export const untilCheckpoint = ({ path }: LogCase): Promise<unknown> =>
  eventually(
    'a checkpoint in the log',
    async () =>
      (await readFile(path, 'utf8')).split('\n').some((line) => looksLikeCheckpoint(Buffer.from(line))) ||
      undefined,
  );

/** Writes so many exchanges, one after the other, and closes the log. */
export async function writeLog(at: LogCase, exchanges: number, options?: AuditCaseOptions): Promise<void> {
  const { audit, exchange } = await openAudit(at, options);
  for (let i = 0; i < exchanges; i += 1) await exchange();
  await audit.close();
}

/**
 * `writeLog` into a new log, whose first checkpoint is then among its first four lines, and whose next one comes ten
 * events later.
 */
export async function writeSteadyLog(
  at: LogCase,
  exchanges: number,
  options?: AuditCaseOptions,
): Promise<void> {
  const { audit, exchange } = await openAudit(at, options);
  await exchange();
  await untilCheckpoint(at);
  for (let i = 1; i < exchanges; i += 1) await exchange();
  await audit.close();
}

export async function linesOf(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8');
  assert.ok(text.endsWith('\n'), 'the last line has an end');
  return text.slice(0, -1).split('\n');
}

/** The links of lines, each of which must have one. */
export const linksOf = (lines: readonly string[]): Link[] =>
  lines.map((line) => {
    const link = readLink(Buffer.from(line));
    assert.ok(link !== undefined, line);
    return link;
  });

/** Asserts that lines follow each other. */
export function assertChained(lines: readonly string[]): void {
  const links = linksOf(lines);
  links.forEach((link, at) => {
    const before = lines[at - 1];
    if (before === undefined) return;
    assert.equal(link.chain, links[at - 1]?.chain);
    assert.equal(link.sequence, (links[at - 1]?.sequence ?? 0) + 1);
    assert.equal(link.previous, toDigest(before));
  });
}

export type OneReport = LogReport & VerifyReport;

/** Verifies one log. */
export async function verifyLog({
  verify,
  recordings,
  ...log
}: LogSource & {
  readonly verify?: CheckpointVerifier;
  readonly recordings?: RecordedSource;
}): Promise<OneReport> {
  const report = await verifyLogs({ logs: [log], verify, recordings });
  const [one] = report.logs;
  assert.ok(one !== undefined);
  return { ...one, ...report };
}
