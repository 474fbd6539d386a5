// A short digest of everything that decides whom a connection to a node reaches. Labels and readiness do not.

import { createHash } from 'node:crypto';
import type { NodeConfiguration } from '../core/node-source.ts';

export const toFingerprint = ({
  name,
  address,
  port,
  serverName,
  certificateAuthority,
  pins,
}: NodeConfiguration): string =>
  createHash('sha256')
    .update(JSON.stringify([name, address, port, serverName, certificateAuthority, pins]))
    .digest('hex')
    .slice(0, 32);
