// Verifies an audit log: all its files in the order of the chain, its checkpoints, those that were kept apart, and the
// recordings that it tells of.

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

export interface VerifyOptions {
  /** Path of the file that the gateway writes to. Those that were rotated are beside it. */
  readonly log: string;
  /** Absent: signatures are not verified, and nothing is proven. */
  readonly verify?: CheckpointVerifier | undefined;
  /** A second sink, or a signer's journal. Needs `verify`. */
  readonly checkpoints?: string | undefined;
  /** Where the recordings lie. */
  readonly recordings?: RecordedSource | undefined;
}

export interface VerifyReport extends LogTotals {
  readonly files: readonly string[];
  /**
   * `proven`: every chain before the last to its end, and the last up to its last checkpoint. `unproven`: nothing is wrong,
   * and the last chain, lines of one before it, or lines of none, are not signed by a key that was given.
   */
  readonly outcome: 'proven' | 'tampered' | 'unproven';
  readonly findings: readonly Finding[];
  readonly tampering: number;
  /** Between the last checkpoint and the last line. */
  readonly tailSeconds?: number;
  readonly recordings?: RecordingTotals;
}

/** Rejects when a file or the place of the recordings cannot be read, or there is no log. */
export async function verifyLog(options: VerifyOptions): Promise<VerifyReport> {
  const { log, verify, checkpoints } = options;
  const findings = new Findings();
  const files = await listLogFiles(log);
  if (files.length === 0) throw new Error(`there is no audit log at ${log}`);
  const second =
    checkpoints !== undefined && verify !== undefined
      ? new SecondSink(checkpoints, verify, findings, files)
      : undefined;
  const recordings =
    options.recordings === undefined
      ? undefined
      : await RecordingsVerifier.open(options.recordings, findings);
  const verifier = new LogVerifier(findings, verify, second);
  for (const file of files) {
    for await (const line of readLines(file.path)) {
      await verifier.take(file, line);
      if (line.isWhole) await recordings?.take({ file: file.path, line: line.number }, line.bytes);
    }
  }
  const totals = await verifier.end();
  const recorded = await recordings?.end();
  if (totals.unchained > 0) {
    findings.notice(
      { file: log },
      `${totals.unchained} lines are of no chain: they are from before there was one, or anybody's`,
    );
  }
  return {
    ...totals,
    files: files.map(({ path }) => path),
    outcome: findings.tampering > 0 ? 'tampered' : isProven(totals) ? 'proven' : 'unproven',
    findings: findings.kept,
    tampering: findings.tampering,
    ...toTailSeconds(totals),
    ...(recorded && { recordings: recorded }),
  };
}

const isProven = ({ proven, unsignedLines, unchained }: LogTotals): boolean =>
  proven !== undefined && unsignedLines === 0 && unchained === 0;

function toTailSeconds({ proven, lastStamp }: LogTotals): { tailSeconds?: number } {
  const end = Date.parse(lastStamp ?? '');
  if (proven === undefined || Number.isNaN(end)) return {};
  return { tailSeconds: Math.max(0, (end - Date.parse(proven.time)) / 1000) };
}
