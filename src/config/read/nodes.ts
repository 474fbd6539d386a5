// The static list of nodes, with the authorities of their kubelets read and checked.

import type { NodeConfiguration } from '../../core/configuration.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { readAuthorities } from './authorities.ts';

export async function readNodes(
  section: GatewayFile['nodes'],
  reading: Reading,
): Promise<readonly NodeConfiguration[]> {
  // One file serves many nodes as a rule: it is read and judged once, where it is named first.
  const read = new Map<string, Promise<string | undefined>>();
  const nodes = await Promise.all(
    section.map(async ({ name, address, port, serverName, certificateAuthorityFile: file }, index) => {
      const authority =
        read.get(file) ?? readAuthorities(file, reading, ['nodes', index, 'certificateAuthorityFile']);
      read.set(file, authority);
      const certificateAuthority = await authority;
      return (
        certificateAuthority && { name, address, port, serverName: serverName ?? name, certificateAuthority }
      );
    }),
  );
  return nodes.filter((node) => node !== undefined && node !== '');
}
