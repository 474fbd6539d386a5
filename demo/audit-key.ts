// The demo's audit log is signed. Its key stays in the folder beside the log, which is kept from one run to the next:
// nobody should do so with a log that matters.

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSigningKey } from '../src/chain/jws.ts';

/** What stays in the demo's folder with the log. */
export const AUDIT_FILES = ['audit-key.pem', 'audit-keys.json', 'checkpoints'];

const CHAIN = `  file: { path: audit.log }
  chain: { signingKeyFile: audit-key.pem, secondSink: { file: checkpoints } }
`;

/** Makes the key if there is none yet, and has the configuration sign with it. */
export async function signAuditLog(directory: string, configurationFile: string): Promise<void> {
  const key = join(directory, 'audit-key.pem');
  if (!existsSync(key)) {
    const { privateKey, jwk } = await generateSigningKey();
    await writeFile(join(directory, 'audit-keys.json'), `${JSON.stringify({ keys: [jwk] }, null, 2)}\n`);
    await writeFile(key, privateKey, { mode: 0o600 });
  }
  const yaml = await readFile(configurationFile, 'utf8');
  await writeFile(configurationFile, yaml.replace('  file: { path: audit.log }\n', CHAIN));
}
