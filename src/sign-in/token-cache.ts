// Tokens in the user's own folder (0700), a file (0600) for each provider, client and set of scopes. A file is replaced
// as a whole, and one process at a time may renew it: kubectl starts several plugins at once, and a provider that
// rotates refresh tokens takes each of them once.

import { createHash, randomUUID } from 'node:crypto';
import { lstat, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProviderSettings, Tokens } from './provider.ts';
import { takeLock } from './file-lock.ts';
import { SignInError } from './sign-in-error.ts';

export interface TokenCache {
  /** Undefined: nothing usable is there. */
  read(): Promise<Tokens | undefined>;
  write(tokens: Tokens): Promise<void>;
  remove(): Promise<void>;
  /** Runs alone among the processes that use this file. */
  alone<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** Makes the folder. Rejects with a SignInError when others may read it and that cannot be changed. */
export async function openTokenCache(folder: string, settings: ProviderSettings): Promise<TokenCache> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkFolder(folder);
  const file = join(folder, `${toKey(settings)}.json`);
  return {
    read: () => read(file),
    write: async (tokens) => {
      const temporary = `${file}.${randomUUID()}`;
      await writeFile(temporary, JSON.stringify(tokens), { mode: 0o600, flag: 'wx' });
      await rename(temporary, file);
    },
    remove: () => rm(file, { force: true }),
    alone: async (task, signal) => {
      const release = await takeLock(`${file}.lock`, signal);
      try {
        return await task();
      } finally {
        await release();
      }
    },
  };
}

/** No part can run into another: the list is JSON. */
const toKey = ({ issuer, clientId, scopes, token }: ProviderSettings): string =>
  createHash('sha256')
    .update(JSON.stringify([issuer, clientId, [...scopes].sort(), token]))
    .digest('hex')
    .slice(0, 32);

async function checkFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const { mode, uid } = await stat(folder);
  if (uid !== process.getuid?.()) throw new SignInError(`${folder} belongs to another user; see --cache-dir`);
  if ((mode & 0o077) !== 0) {
    throw new SignInError(`others may read ${folder}: chmod 700 it, or choose another with --cache-dir`);
  }
}

/** What is not as it was written is not used: the worst of it is another login. */
async function read(file: string): Promise<Tokens | undefined> {
  try {
    const { mode } = await lstat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) return undefined;
    return toTokens(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function toTokens(value: unknown): Tokens | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { token, expiresAt, refreshToken, subject, authenticatedAt, acr } = value as Record<string, unknown>;
  if (typeof token !== 'string' || typeof expiresAt !== 'number' || typeof subject !== 'string')
    return undefined;
  return {
    token,
    expiresAt,
    subject,
    ...(typeof refreshToken === 'string' ? { refreshToken } : {}),
    ...(typeof authenticatedAt === 'number' ? { authenticatedAt } : {}),
    ...(typeof acr === 'string' ? { acr } : {}),
  };
}
