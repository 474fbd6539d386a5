// One process at a time, by a file that is there or not. Whoever holds it is named in it, so that the lock of one that is gone
// can be taken over, by one of those who find it.

import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname, uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { SignInError } from './sign-in-error.ts';

const POLL_MS = 100;
/** A lock whose holder cannot be asked (another machine's, over a shared home) is taken over when it is this old. */
const STALE_MS = 10 * 60_000;
/** How often its holder renews it. */
const TOUCH_MS = 60_000;
/** Taking over takes moments; one who was killed in it stands in nobody's way after this. */
const TAKEOVER_MS = 10_000;

/** The returned function lets go of it. Rejects with a SignInError once `signal` says so. */
export async function takeLock(lock: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const mine = `${process.pid} ${hostname()} ${randomUUID()}`;
  for (;;) {
    if (await create(lock, mine)) break;
    if ((await isAbandoned(lock)) && (await takeOver(lock))) continue;
    if (signal.aborted)
      throw new SignInError(`another login is under way (${lock}); finish it, or remove the file`);
    await delay(POLL_MS);
  }
  const touch = setInterval(() => {
    utimes(lock, new Date(), new Date()).catch(() => undefined);
  }, TOUCH_MS);
  touch.unref();
  return async () => {
    clearInterval(touch);
    // Somebody may have removed it by hand, and another have begun.
    const text = await readFile(lock, 'utf8').catch(() => '');
    if (text === mine) await rm(lock, { force: true });
  };
}

/** False: it is there already. */
async function create(file: string, text: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(text);
    await handle.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** By one of those who find it: another would remove the lock that the first has taken meanwhile. False: another does. */
async function takeOver(lock: string): Promise<boolean> {
  const turn = `${lock}.takeover`;
  if (!(await create(turn, ''))) {
    const { mtimeMs } = await stat(turn).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > TAKEOVER_MS) await rm(turn, { force: true });
    return false;
  }
  try {
    if (await isAbandoned(lock)) await rm(lock, { force: true });
  } finally {
    await rm(turn, { force: true });
  }
  return true;
}

async function isAbandoned(lock: string): Promise<boolean> {
  try {
    const [{ mtimeMs }, text] = await Promise.all([stat(lock), readFile(lock, 'utf8')]);
    const age = Date.now() - mtimeMs;
    const [pid, host = hostname()] = text.split(' ');
    // Its holder writes who it is right after it has made the file.
    if (text === '' || host !== hostname()) return age > STALE_MS;
    // Numbers of processes begin anew with the machine.
    return age > uptime() * 1000 || !isRunning(Number(pid));
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
