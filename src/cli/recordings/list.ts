// A table of recordings. What users and nodes made up is in it: no cell steers the terminal.

import type { RecordingSummary } from '../../core/recording-archive.ts';
import { toStateWords } from '../../core/recording-archive.ts';
import { toHumanDuration } from '../../kubectl/human-duration.ts';
import type { Terminal } from '../command.ts';
import { printTable } from '../admin/table.ts';

const COLUMNS = [
  ['ID', 0],
  ['Started', 0],
  ['Duration', 0],
  ['User', 0],
  ['Node', 0],
  ['Pod', 0],
  ['Action', 0],
  ['State', 0],
  ['Exit', 0],
  ['Bytes', 1],
  ['Container', 1],
  ['Encrypted', 1],
  ['Reason', 1],
  ['Problem', 1],
] as const;

export function printList(
  recordings: readonly RecordingSummary[],
  options: { readonly wide: boolean },
  terminal: Terminal,
): void {
  const table = {
    kind: 'Table',
    columnDefinitions: COLUMNS.map(([name, priority]) => ({ name, priority })),
    rows: recordings.map((recording) => ({ cells: toCells(recording) })),
  };
  printTable(table, options, terminal, 'There is no such recording.');
}

const toCells = (recording: RecordingSummary): readonly string[] => [
  recording.id,
  recording.startedAt,
  toDuration(recording),
  recording.user,
  recording.node,
  `${recording.namespace}/${recording.pod}`,
  recording.action,
  toStateWords(recording),
  recording.exitCode === undefined ? '' : String(recording.exitCode),
  String(recording.bytes),
  recording.container ?? '',
  recording.encrypted ? 'yes' : 'no',
  recording.reason ?? '',
  recording.problem ?? '',
];

function toDuration({ startedAt, endedAt }: RecordingSummary): string {
  const ms = Date.parse(endedAt ?? '') - Date.parse(startedAt);
  return Number.isNaN(ms) ? '' : toHumanDuration(Math.max(0, ms));
}
