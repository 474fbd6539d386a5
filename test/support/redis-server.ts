// A real Redis (or Valkey) server for tests, where the machine has one. A machine without it skips these tests and is told
// what to install; CI, which installs one, must not skip them.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../demo/free-port.ts';
import { createAuthority } from './pki.ts';
import { endProcess, findInPath, isExecutable } from './programs.ts';

const REDIS_MISSING =
  'no Redis on this machine: apt-get install redis-server, or set REDIS_SERVER to the path of one (or of valkey-server)';

const VALKEY_MISSING =
  'no Valkey on this machine: apt-get install valkey-server (on Debian 12 from bookworm-backports), or set VALKEY_SERVER to its path';

/** `REDIS_SERVER`, or the first of the usual names in `PATH`. */
export function findRedis(env: Readonly<Record<string, string | undefined>>): {
  readonly executable: string | undefined;
  /** A missing one is a failure and not a reason to skip. */
  readonly required: boolean;
} {
  const { REDIS_SERVER: given } = env;
  return {
    executable:
      given === undefined ? findInPath(env, ['redis-server', 'valkey-server']) : [given].find(isExecutable),
    required: env['CI'] === 'true' || env['REQUIRE_REDIS'] === '1',
  };
}

export interface FoundStore {
  readonly name: string;
  /** Empty: there is none. */
  readonly executable: string;
  /** Why no test runs against it. */
  readonly skip: string | false;
  /** A missing one is a failure and not a reason to skip. */
  readonly required: boolean;
}

/** What tests of a shared store run against: both kinds, where the machine has them. */
export function findStores(env: Readonly<Record<string, string | undefined>>): readonly FoundStore[] {
  const redis = findRedis(env);
  const { executable = '' } = redis;
  const valkey = env['VALKEY_SERVER'] ?? findInPath(env, ['valkey-server']) ?? '';
  const isOne = executable === valkey;
  return [
    { name: 'Redis', executable, skip: executable === '' ? REDIS_MISSING : false, required: redis.required },
    {
      name: 'Valkey',
      executable: valkey,
      skip: valkey === '' ? VALKEY_MISSING : isOne ? 'it is the one that was just used' : false,
      required: env['CI'] === 'true' || env['REQUIRE_VALKEY'] === '1',
    },
  ];
}

export interface RedisServer {
  readonly port: number;
  readonly password: string;
  /** PEM; it answers TLS only. */
  readonly certificateAuthority: string;
  /** Ends it as a crash would: what it knew is gone. */
  kill(): Promise<void>;
  /** Starts it again, on the same port. */
  restart(): Promise<void>;
  /** Stops it from answering without closing a connection, and lets it go on. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

/** On loopback, with TLS and a password, and nothing on a disk. */
export async function startRedis(executable: string): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'kubelet-gateway-redis-'));
  const authority = await createAuthority('redis CA');
  const pair = await authority.issue({ commonName: 'redis', dnsNames: ['redis.test'], usages: ['server'] });
  const password = 'redis-password-0123456789';
  const port = await freePort();
  await writeFile(join(directory, 'server.crt'), pair.certificate);
  await writeFile(join(directory, 'server.key'), pair.key, { mode: 0o600 });
  await writeFile(join(directory, 'ca.crt'), authority.certificate);
  const lines = [
    'bind 127.0.0.1',
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${directory}/server.crt`,
    `tls-key-file ${directory}/server.key`,
    `tls-ca-cert-file ${directory}/ca.crt`,
    'tls-auth-clients no',
    `requirepass ${password}`,
    'save ""',
    'appendonly no',
    `dir ${directory}`,
  ];
  await writeFile(join(directory, 'redis.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(executable, [join(directory, 'redis.conf')], { stdio: 'ignore' });
    await answers(port);
  };
  await start();
  return {
    port,
    password,
    certificateAuthority: authority.certificate,
    kill: () => endProcess(child),
    restart: start,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    close: async () => {
      await endProcess(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Resolves as soon as something accepts connections there. */
async function answers(port: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    if (Date.now() > deadline) throw new Error('the Redis server does not come up');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
