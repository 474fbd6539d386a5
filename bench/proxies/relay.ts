// Starts the bare Node relay in front of the stand-in, or of another node with the same certificates.

import { fileURLToPath } from 'node:url';
import type { Ground } from './ground.ts';
import { freePort } from '../../demo/free-port.ts';
import { startProgram } from './process.ts';
import type { Proxy } from './proxy.ts';

const PROGRAM = fileURLToPath(new URL('relay-process.ts', import.meta.url));

/** Of what it is made: relay-process.ts. */
type RelayKind = 'http' | 'undici' | 'own';

const NAMES = { http: 'relay', undici: 'relay, undici', own: 'relay, own' } as const satisfies Record<
  RelayKind,
  string
>;

export async function startRelay(
  { directory, pki, nodePort: standInPort }: Ground,
  nodePort = standInPort,
  of: RelayKind = 'http',
): Promise<Proxy> {
  const port = await freePort();
  const command = [process.execPath, PROGRAM, String(port), String(nodePort), pki, of] as const;
  const name = NAMES[of];
  const running = await startProgram(name, command, { directory, port });
  return { ...running, name, url: `https://127.0.0.1:${port}` };
}
