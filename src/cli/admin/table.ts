// Prints a server-side Table (meta.k8s.io/v1) as kubectl does. Cells are inert, whatever the server says of them.

import type { Terminal } from '../command.ts';
import { AdminError } from './client.ts';
import { field, integer, list, text } from '../../kubectl/untrusted.ts';
import { toInertText } from '../../terminal/inert.ts';

export const TABLE_ACCEPT = 'application/json;as=Table;v=v1;g=meta.k8s.io';

const GAP = '   ';

/** Throws an AdminError when it is no table. `wide`: with the columns of priority 1. */
export function printTable(
  table: unknown,
  { wide }: { readonly wide: boolean },
  terminal: Terminal,
  whenEmpty: string,
): void {
  if (field(table, 'kind') !== 'Table') throw new AdminError('the answer is not a table', 0);
  const columns = list(field(table, 'columnDefinitions'));
  const shown = [...columns.keys()].filter((at) => wide || integer(field(columns[at], 'priority')) === 0);
  const rows = list(field(table, 'rows')).map((row) => {
    const cells = list(field(row, 'cells'));
    return shown.map((at) => toInertText(text(cells[at])));
  });
  if (rows.length === 0) {
    terminal.err(`${whenEmpty}\n`);
    return;
  }
  const head = shown.map((at) => toInertText(text(field(columns[at], 'name'))).toUpperCase());
  // A function takes no more than some hundred thousand arguments: the widest cell is found without.
  const widths = shown.map((_, at) =>
    [head, ...rows].reduce((widest, row) => Math.max(widest, row[at]?.length ?? 0), 0),
  );
  for (const row of [head, ...rows]) {
    terminal.out(
      `${row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join(GAP)
        .trimEnd()}\n`,
    );
  }
}
