// Tokens in the user's own folder (0700), a file (0600) for each provider, client and set of scopes. A file is replaced
// as a whole, and one process at a time may renew it: kubectl starts several plugins at once, and a provider that
// rotates refresh tokens takes each of them once.

import { createHash, randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProviderSettings, Tokens } from './provider.ts';
import { SignInError } from './sign-in-error.ts';

const LOCK_POLL_MS = 100;
/** A lock whose holder cannot be asked (another machine's, over a shared home) is taken over after so long. */
const LOCK_STALE_MS = 10 * 60_000;

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
      const lock = `${file}.lock`;
      await takeLock(lock, signal);
      try {
        return await task();
      } finally {
        await rm(lock, { force: true });
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

async function takeLock(lock: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const handle = await open(lock, 'wx', 0o600);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    if (await isAbandoned(lock)) await rm(lock, { force: true });
    else {
      if (signal.aborted)
        throw new SignInError(`another login is under way (${lock}); finish it, or remove the file`);
      await delay(LOCK_POLL_MS);
    }
  }
}

async function isAbandoned(lock: string): Promise<boolean> {
  try {
    const [{ mtimeMs }, text] = await Promise.all([stat(lock), readFile(lock, 'utf8')]);
    if (Date.now() - mtimeMs > LOCK_STALE_MS) return true;
    // Its holder writes its number right after it has made the file.
    if (text === '') return false;
    return !isRunning(Number(text));
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
