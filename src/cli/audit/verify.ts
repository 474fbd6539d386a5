// kubelet-gateway audit verify: says what is proven of an audit log, what is wrong with it and where.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Terminal } from '../command.ts';
import { createVerifier } from '../../chain/jws.ts';
import type { CheckpointVerifier } from '../../chain/jws.ts';
import type { Finding } from '../../chain/verify/findings.ts';
import { verifyLogs } from '../../chain/verify/verify-logs.ts';
import type { LogReport, LogSource, VerifyReport } from '../../chain/verify/verify-logs.ts';
import { openRecorded } from './recordings.ts';
import { EXIT_USAGE, UsageError } from '../command.ts';

const EXIT_CODES = { proven: 0, tampered: 1, unproven: 3 } as const satisfies Record<
  VerifyReport['outcome'],
  number
>;

export async function verify(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      log: { type: 'string', multiple: true },
      checkpoints: { type: 'string', multiple: true },
      keys: { type: 'string', multiple: true },
      recordings: { type: 'string' },
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const logs = toLogs(values);
  const recorded = await openRecorded(values, terminal);
  let report: VerifyReport;
  try {
    report = await verifyLogs({
      logs,
      verify: await readKeys(values.keys),
      recordings: recorded.source,
    });
  } catch (error) {
    terminal.err(`cannot verify: ${toPrintable(error instanceof Error ? error.message : 'unknown')}\n`);
    return EXIT_USAGE;
  } finally {
    recorded.close();
  }
  if (values.json) terminal.out(`${JSON.stringify(report, null, 2)}\n`);
  else print(report, terminal);
  return EXIT_CODES[report.outcome];
}

function toLogs({
  log: logs = [],
  checkpoints = [],
  keys,
}: {
  readonly log?: readonly string[];
  readonly checkpoints?: readonly string[];
  readonly keys?: readonly string[];
}): readonly LogSource[] {
  if (logs.length === 0) throw new UsageError('--log FILE is missing');
  if (new Set(logs.map((log) => resolve(log))).size < logs.length)
    throw new UsageError('a --log is given twice');
  if (checkpoints.length > 0 && keys === undefined) {
    throw new UsageError('--checkpoints needs --keys: without a key they prove nothing');
  }
  if (checkpoints.length > 0 && checkpoints.length !== logs.length) {
    throw new UsageError('--checkpoints is for every --log, in the same order, or for none');
  }
  return logs.map((log, at) => ({ log, checkpoints: checkpoints[at] }));
}

async function readKeys(files: readonly string[] | undefined): Promise<CheckpointVerifier | undefined> {
  if (files === undefined) return undefined;
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  try {
    return await createVerifier(texts);
  } catch (error) {
    throw new Error(`the keys: ${error instanceof Error ? error.message : 'unknown'}`, { cause: error });
  }
}

function print(report: VerifyReport, terminal: Terminal): void {
  const { logs, findings, tampering, recordings, outcome } = report;
  for (const finding of findings) terminal.out(`${toText(finding)}\n`);
  const kept = findings.filter(({ kind }) => kind === 'tampering').length;
  if (tampering > kept) terminal.out(`and ${tampering - kept} findings more\n`);
  for (const log of logs) {
    if (logs.length > 1) terminal.out(`${toPrintable(log.log)}:\n`);
    printLog(log, outcome, terminal);
  }
  if (recordings !== undefined) {
    const { proven, unfinished, pruned, foreign } = recordings;
    const others = foreign === 0 ? '' : `, ${foreign} of other logs`;
    terminal.out(`recordings: ${proven} proven, ${unfinished} without an end, ${pruned} pruned${others}\n`);
  }
  const words = {
    proven: 'OK',
    tampered: `NOT OK: ${tampering} ${tampering === 1 ? 'finding' : 'findings'}`,
    unproven: toUnproven(report),
  };
  terminal.out(`${words[outcome]}\n`);
}

function printLog(report: LogReport, outcome: VerifyReport['outcome'], terminal: Terminal): void {
  const { lines, files, proven, tailLines, tailSeconds = 0 } = report;
  terminal.out(`${lines} lines in ${files.length} ${files.length === 1 ? 'file' : 'files'}\n`);
  if (proven === undefined) return;
  const tail =
    tailLines === 0
      ? 'nothing is unproven behind it'
      : `${tailLines} ${tailLines === 1 ? 'line' : 'lines'} (${tailSeconds.toFixed(1)} s) behind it not proven`;
  const subject = outcome !== 'tampered' ? 'proven' : 'the last checkpoint is';
  terminal.out(`${subject} up to line ${proven.sequence}, signed ${proven.time}; ${tail}\n`);
}

function toUnproven({ logs, recordings }: VerifyReport): string {
  if (logs.every(({ signedChains }) => signedChains === 0)) {
    return 'NOTHING PROVEN: no checkpoint is signed by a key that was given';
  }
  const lines = logs.reduce((sum, log) => sum + toUnprovenLines(log), 0);
  const foreign = recordings?.foreign ?? 0;
  if (lines === 0) {
    return `NOT ALL PROVEN: ${foreign} ${foreign === 1 ? 'recording is' : 'recordings are'} of logs that were not given`;
  }
  const subject = lines === 1 ? 'line is' : 'lines are';
  return `NOT ALL PROVEN: ${lines} ${subject} of no chain, or of one or an end of one that no checkpoint is about`;
}

/** The end of the last chain, which is told apart, counts only where nothing of it is signed. */
const toUnprovenLines = ({ unsignedLines, unchained, proven, tailLines }: LogReport): number =>
  unchained + unsignedLines + (proven === undefined ? tailLines : 0);

/** Names in a log are an attacker's to choose: nothing of them reaches the terminal but what prints. */
const toText = ({ kind, file, line, sequence, message }: Finding): string =>
  toPrintable(
    `${kind}: ${file}${line === undefined ? '' : `:${line}`}` +
      `${sequence === undefined ? '' : ` (number ${sequence})`}: ${message}`,
  );

const toPrintable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?');
