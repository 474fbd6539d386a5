// Entries of nodes, of the configuration's list and of a node file alike.

import type { NodeConfiguration } from '../../core/node-source.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { NodeEntryFile } from '../schema/nodes.ts';
import { readAuthorities } from './authorities.ts';

/** The nodes without those that have a problem, which has been told. `path` is the list's. */
export async function readEntries(
  entries: readonly NodeEntryFile[],
  reading: Reading,
  path: Path,
): Promise<readonly NodeConfiguration[]> {
  // One file serves many nodes as a rule: it is read and judged once, where it is named first.
  const read = new Map<string, Promise<string | undefined>>();
  const nodes = await Promise.all(
    entries.map(async ({ certificateAuthorityFile: file, serverName, ...entry }, index) => {
      const authority =
        read.get(file) ?? readAuthorities(file, reading, [...path, index, 'certificateAuthorityFile']);
      read.set(file, authority);
      const certificateAuthority = await authority;
      return certificateAuthority && { ...entry, serverName: serverName ?? entry.name, certificateAuthority };
    }),
  );
  return nodes.filter((node) => node !== undefined && node !== '');
}

/** Tells of every node whose name an earlier one has. */
export function checkNames(
  entries: readonly NodeEntryFile[],
  tell: (index: number, message: string) => void,
): void {
  const names = new Set<string>();
  entries.forEach(({ name }, index) => {
    if (names.has(name)) tell(index, 'another node has this name already');
    names.add(name);
  });
}
