// The section `nodes`: the list, a node file or an API server, with the authorities of the kubelets read and checked.

import { dirname } from 'node:path';
import type { NodesSettings, NodeSource } from '../../core/node-source.ts';
import type { Reading } from '../reading.ts';
import type { NodesSection } from '../schema/nodes.ts';
import { resolveFile } from '../files.ts';
import { readNodeList } from '../node-list.ts';
import { readApiServer } from './api-server.ts';
import { readAuthorities } from './authorities.ts';
import { readEntries } from './node-entries.ts';

/** Undefined when there is a problem, which has been told. */
export async function readNodes(section: NodesSection, reading: Reading): Promise<NodesSettings | undefined> {
  const source = await readSource(section, reading);
  return source && { source, allowedAddresses: section.allowedAddresses };
}

async function readSource(section: NodesSection, reading: Reading): Promise<NodeSource | undefined> {
  const { list, file, kubernetes } = section;
  if (list !== undefined) return { kind: 'list', nodes: await readEntries(list, reading, ['nodes', 'list']) };
  if (file !== undefined) return readFileSource(resolveFile(reading.folder, file), reading);
  return kubernetes === undefined ? undefined : readKubernetes(kubernetes, reading);
}

async function readFileSource(path: string, reading: Reading): Promise<NodeSource | undefined> {
  const nodes = await readNodeList(path, {
    ...reading,
    // Relative names in the file start from its own folder.
    folder: dirname(path),
    // Followed by itself: a change of it must not put the whole configuration in force again.
    files: reading.unwatched ?? reading.files,
    namedBy: ['nodes', 'file'],
  });
  return nodes && { kind: 'file', path, nodes };
}

async function readKubernetes(
  section: NonNullable<NodesSection['kubernetes']>,
  reading: Reading,
): Promise<NodeSource | undefined> {
  const path = ['nodes', 'kubernetes'];
  const [connection, certificateAuthority] = await Promise.all([
    readApiServer(section, reading, path),
    readAuthorities(section.certificateAuthorityFile, reading, [...path, 'certificateAuthorityFile']),
  ]);
  const [type, ...types] = section.addressTypes;
  const [port, ...ports] = section.ports;
  if (connection === undefined || certificateAuthority === undefined) return undefined;
  if (type === undefined || port === undefined) return undefined;
  return {
    kind: 'kubernetes',
    connection,
    ...(section.labelSelector === undefined ? {} : { labelSelector: section.labelSelector }),
    addressTypes: [type, ...types],
    ports: [port, ...ports],
    trust: { serverName: section.serverName, certificateAuthority },
    ...(section.cachePath === undefined ? {} : { cachePath: resolveFile(reading.folder, section.cachePath) }),
  };
}
