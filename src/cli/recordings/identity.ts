// The identity by which somebody reads encrypted recordings: a file of age, which stays where the command runs.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createDecrypt } from '../../age/age.ts';
import type { Decrypt } from '../../age/age.ts';
import { UsageError } from '../command.ts';

/** Without a file there is none. Rejects with a UsageError. */
export async function openIdentity(file: string | undefined): Promise<Decrypt | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(resolve(file), 'utf8').catch(() => {
    throw new UsageError('--identity: the file cannot be read');
  });
  try {
    return await createDecrypt(text);
  } catch (error) {
    throw new UsageError(`--identity: ${error instanceof Error ? error.message : 'it cannot be used'}`);
  }
}
