// kubelet-gateway audit keygen: a new Ed25519 key, the private part for whoever signs, the public one for who verifies.

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Terminal } from '../command.ts';
import { generateSigningKey } from '../../chain/jws.ts';
import { EXIT_OK, EXIT_USAGE, UsageError } from '../command.ts';

/** Files that are there are left alone. */
export async function keygen(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { private: { type: 'string' }, public: { type: 'string' } },
  });
  if (values.private === undefined) throw new UsageError('--private FILE is missing');
  if (values.public === undefined) throw new UsageError('--public FILE is missing');
  const { privateKey, jwk } = await generateSigningKey();
  try {
    await writeFile(values.private, privateKey, { flag: 'wx', mode: 0o600 });
    await writeFile(values.public, `${JSON.stringify({ keys: [jwk] }, null, 2)}\n`, {
      flag: 'wx',
      mode: 0o644,
    });
  } catch (error) {
    terminal.err(`the key was not written: ${error instanceof Error ? error.message : 'unknown'}\n`);
    return EXIT_USAGE;
  }
  terminal.out(`${jwk.kid ?? ''}\n`);
  return EXIT_OK;
}
