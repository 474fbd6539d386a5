// Starts the bare Node relay in front of the stand-in, or of another node with the same certificates.

import { fileURLToPath } from 'node:url';
import type { Ground } from './ground.ts';
import { freePort } from '../../demo/free-port.ts';
import { startProgram } from './process.ts';
import type { Proxy } from './proxy.ts';

const PROGRAM = fileURLToPath(new URL('relay-process.ts', import.meta.url));

export async function startRelay(
  { directory, pki, nodePort: standInPort }: Ground,
  nodePort = standInPort,
  client: 'own' | 'undici' = 'own',
): Promise<Proxy> {
  const port = await freePort();
  const command = [process.execPath, PROGRAM, String(port), String(nodePort), pki, client] as const;
  const name = client === 'own' ? 'relay' : 'relay, undici';
  const running = await startProgram(name, command, { directory, port });
  return { ...running, name, url: `https://127.0.0.1:${port}` };
}
