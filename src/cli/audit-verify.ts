// kubelet-gateway audit verify: says what is proven of an audit log, what is wrong with it and where.

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Terminal } from './command.ts';
import { createVerifier } from '../chain/jws.ts';
import type { CheckpointVerifier } from '../chain/jws.ts';
import type { Finding } from '../chain/verify/findings.ts';
import { verifyLog } from '../chain/verify/verify-log.ts';
import type { VerifyReport } from '../chain/verify/verify-log.ts';
import { openRecorded } from './audit-recordings.ts';
import { EXIT_USAGE, UsageError } from './command.ts';

const EXIT_CODES = { proven: 0, tampered: 1, unproven: 3 } as const satisfies Record<
  VerifyReport['outcome'],
  number
>;

export async function verify(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      log: { type: 'string' },
      checkpoints: { type: 'string' },
      keys: { type: 'string', multiple: true },
      recordings: { type: 'string' },
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const { log, checkpoints, keys, json } = values;
  if (log === undefined) throw new UsageError('--log FILE is missing');
  if (checkpoints !== undefined && keys === undefined) {
    throw new UsageError('--checkpoints needs --keys: without a key they prove nothing');
  }
  const recorded = await openRecorded(values, terminal);
  let report: VerifyReport;
  try {
    report = await verifyLog({ log, verify: await readKeys(keys), checkpoints, recordings: recorded.source });
  } catch (error) {
    terminal.err(`cannot verify: ${toPrintable(error instanceof Error ? error.message : 'unknown')}\n`);
    return EXIT_USAGE;
  } finally {
    recorded.close();
  }
  if (json) terminal.out(`${JSON.stringify(report, null, 2)}\n`);
  else print(report, terminal);
  return EXIT_CODES[report.outcome];
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
  const { lines, files, findings, tampering, proven, recordings, tailLines, tailSeconds, outcome } = report;
  for (const finding of findings) terminal.out(`${toText(finding)}\n`);
  const kept = findings.filter(({ kind }) => kind === 'tampering').length;
  if (tampering > kept) terminal.out(`and ${tampering - kept} findings more\n`);
  terminal.out(`${lines} lines in ${files.length} ${files.length === 1 ? 'file' : 'files'}\n`);
  if (proven !== undefined) {
    const tail =
      tailLines === 0
        ? 'nothing is unproven behind it'
        : `${tailLines} ${tailLines === 1 ? 'line' : 'lines'} (${(tailSeconds ?? 0).toFixed(1)} s) behind it not proven`;
    const subject = outcome !== 'tampered' ? 'proven' : 'the last checkpoint is';
    terminal.out(`${subject} up to line ${proven.sequence}, signed ${proven.time}; ${tail}\n`);
  }
  if (recordings !== undefined) {
    const { proven: whole, unfinished, pruned } = recordings;
    terminal.out(`recordings: ${whole} proven, ${unfinished} without an end, ${pruned} pruned\n`);
  }
  const words = {
    proven: 'OK',
    tampered: `NOT OK: ${tampering} ${tampering === 1 ? 'finding' : 'findings'}`,
    unproven: toUnproven(report),
  };
  terminal.out(`${words[outcome]}\n`);
}

function toUnproven({ signedChains, unsignedLines, unchained, proven, tailLines }: VerifyReport): string {
  if (signedChains === 0) return 'NOTHING PROVEN: no checkpoint is signed by a key that was given';
  const lines = unchained + unsignedLines + (proven === undefined ? tailLines : 0);
  const subject = lines === 1 ? 'line is' : 'lines are';
  return `NOT ALL PROVEN: ${lines} ${subject} of no chain, or of one or an end of one that no checkpoint is about`;
}

/** Names in a log are an attacker's to choose: nothing of them reaches the terminal but what prints. */
const toText = ({ kind, file, line, sequence, message }: Finding): string =>
  toPrintable(
    `${kind}: ${file}${line === undefined ? '' : `:${line}`}` +
      `${sequence === undefined ? '' : ` (number ${sequence})`}: ${message}`,
  );

const toPrintable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?');
