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
    entries.map(async (entry, index) => {
      const { certificateAuthorityFile: file, certificatePins, serverName, ...node } = entry;
      const [pin, ...pins] = (certificatePins ?? []).map((text) => text.slice(PIN_PREFIX.length));
      const trust = {
        serverName: serverName?.replaceAll('{node}', node.name) ?? node.name,
        ...(pin === undefined ? {} : { pins: [pin, ...pins] as const }),
      };
      if (file === undefined) return { ...node, ...trust, certificateAuthority: '' };
      const authority =
        read.get(file) ?? readAuthorities(file, reading, [...path, index, 'certificateAuthorityFile']);
      read.set(file, authority);
      const certificateAuthority = await authority;
      return certificateAuthority && { ...node, ...trust, certificateAuthority };
    }),
  );
  checkPins(entries, reading, path);
  return nodes.filter((node) => node !== undefined && node !== '');
}

const PIN_PREFIX = 'sha256/';

/** A key alone says which node it is: one that two nodes have lets either be the other. */
function checkPins(entries: readonly NodeEntryFile[], { findings, source }: Reading, path: Path): void {
  const nodes = new Map<string, string>();
  entries.forEach(({ name, certificateAuthorityFile, certificatePins = [] }, index) => {
    if (certificateAuthorityFile !== undefined) return;
    certificatePins.forEach((pin, at) => {
      const other = nodes.get(pin);
      nodes.set(pin, name);
      if (other === undefined || other === name) return;
      const message = `node ${other} has this key too: either of them could stand in for the other`;
      findings.warning(source, [...path, index, 'certificatePins', at], message);
    });
  });
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
