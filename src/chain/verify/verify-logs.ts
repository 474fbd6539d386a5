// Verifies audit logs: of each all its files in the order of the chain, its checkpoints and those that were kept apart; and
// the recordings that they tell of together, where several gateways record in one place.

import type { CheckpointVerifier } from '../jws.ts';
import { readLines } from '../read-lines.ts';
import { Findings } from './findings.ts';
import type { Finding } from './findings.ts';
import { listLogFiles } from './log-files.ts';
import { LogVerifier } from './log-verifier.ts';
import type { LogTotals } from './log-verifier.ts';
import type { RecordedSource } from './recorded.ts';
import { RecordingsVerifier } from './recordings.ts';
import type { RecordingTotals } from './recordings.ts';
import { SecondSink } from './second-sink.ts';

export interface LogSource {
  /** Path of the file that a gateway writes to. Those that were rotated are beside it. */
  readonly log: string;
  /** A second sink, or a signer's journal. Needs `verify`. */
  readonly checkpoints?: string | undefined;
}

export interface VerifyOptions {
  readonly logs: readonly LogSource[];
  /** Absent: signatures are not verified, and nothing is proven. */
  readonly verify?: CheckpointVerifier | undefined;
  /** Where the recordings lie. */
  readonly recordings?: RecordedSource | undefined;
}

export interface LogReport extends LogTotals {
  readonly log: string;
  readonly files: readonly string[];
  /** Every chain before the last to its end, and the last up to its last checkpoint. */
  readonly isProven: boolean;
  /** Between the last checkpoint and the last line. */
  readonly tailSeconds?: number;
}

export interface VerifyReport {
  readonly logs: readonly LogReport[];
  /**
   * `proven`: every log is, and no recording is told of by another. `unproven`: nothing is wrong, and the last chain of a
   * log, lines of one before it, or lines of none, are not signed by a key that was given.
   */
  readonly outcome: 'proven' | 'tampered' | 'unproven';
  readonly findings: readonly Finding[];
  readonly tampering: number;
  readonly recordings?: RecordingTotals;
}

/** Rejects when a file or the place of the recordings cannot be read, or there is no log. */
export async function verifyLogs({ logs, verify, recordings }: VerifyOptions): Promise<VerifyReport> {
  const findings = new Findings();
  const recorded = recordings && (await RecordingsVerifier.open(recordings, findings));
  const reports: LogReport[] = [];
  for (const source of logs) reports.push(await verifyLog(source, { verify, findings, recorded }));
  const found = await recorded?.end();
  const isProven = reports.every((report) => report.isProven) && (found?.foreign ?? 0) === 0;
  return {
    logs: reports,
    outcome: findings.tampering > 0 ? 'tampered' : isProven ? 'proven' : 'unproven',
    findings: findings.kept,
    tampering: findings.tampering,
    ...(found && { recordings: found }),
  };
}

interface Verification {
  readonly verify: CheckpointVerifier | undefined;
  readonly findings: Findings;
  readonly recorded: RecordingsVerifier | undefined;
}

async function verifyLog(
  { log, checkpoints }: LogSource,
  { verify, findings, recorded }: Verification,
): Promise<LogReport> {
  const files = await listLogFiles(log);
  if (files.length === 0) throw new Error(`there is no audit log at ${log}`);
  const second =
    checkpoints !== undefined && verify !== undefined
      ? new SecondSink(checkpoints, verify, findings, files)
      : undefined;
  const verifier = new LogVerifier(findings, verify, second);
  for (const file of files) {
    for await (const line of readLines(file.path)) {
      const chain = await verifier.take(file, line);
      if (chain !== undefined) recorded?.take({ file: file.path, line: line.number }, line.bytes, chain);
    }
  }
  const totals = await verifier.end();
  if (totals.unchained > 0) {
    findings.notice(
      { file: log },
      `${totals.unchained} lines are of no chain: they are from before there was one, or anybody's`,
    );
  }
  const { proven, unsignedLines, unchained } = totals;
  return {
    ...totals,
    log,
    files: files.map(({ path }) => path),
    isProven: proven !== undefined && unsignedLines === 0 && unchained === 0,
    ...toTailSeconds(totals),
  };
}

function toTailSeconds({ proven, lastStamp }: LogTotals): { tailSeconds?: number } {
  const end = Date.parse(lastStamp ?? '');
  if (proven === undefined || Number.isNaN(end)) return {};
  return { tailSeconds: Math.max(0, (end - Date.parse(proven.time)) / 1000) };
}
