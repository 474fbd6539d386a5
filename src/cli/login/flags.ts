// What `login`, `logout` and `kubeconfig` are told about the provider, as flags; or, without an issuer among them, what
// the kubeconfig's current user already says to its exec plugin.

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ProviderSettings } from '../../sign-in/provider.ts';
import { Secret } from '../../core/secret.ts';
import { UsageError } from '../command.ts';
import { readPluginArguments } from '../../config/read/kubeconfig-plugin.ts';

export const PROVIDER_FLAGS = {
  'issuer-url': { type: 'string' },
  'client-id': { type: 'string' },
  'client-secret-file': { type: 'string' },
  scope: { type: 'string', multiple: true },
  token: { type: 'string' },
  'certificate-authority': { type: 'string' },
  'redirect-port': { type: 'string', multiple: true },
  flow: { type: 'string' },
  'cache-dir': { type: 'string' },
} as const;

const LOGIN_FLAGS = {
  ...PROVIDER_FLAGS,
  'max-age': { type: 'string' },
  'acr-values': { type: 'string' },
  timeout: { type: 'string' },
  force: { type: 'boolean' },
  output: { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
} as const;

export type LoginFlags = ReturnType<typeof parseLoginFlags>;

const parseLoginFlags = (args: readonly string[]) =>
  parseArgs({ args: [...args], options: LOGIN_FLAGS, strict: true }).values;

/** The flags, completed from the kubeconfig when they name no issuer. */
export async function completeFlags(args: readonly string[], env: NodeJS.ProcessEnv): Promise<LoginFlags> {
  const flags = parseLoginFlags(args);
  if (flags['issuer-url'] !== undefined) return flags;
  const files = flags.kubeconfig ?? env['KUBECONFIG'] ?? join(homedir(), '.kube', 'config');
  const known = await readPluginArguments(files, flags.context).catch((error: unknown) => {
    throw new UsageError(error instanceof Error ? error.message : 'the kubeconfig cannot be read');
  });
  if (known === undefined) {
    throw new UsageError(
      'needs --issuer-url and --client-id, or a kubeconfig whose context signs in with kubelet-gateway login',
    );
  }
  return { ...parseLoginFlags(known), ...flags };
}

export async function toProviderSettings(flags: LoginFlags): Promise<ProviderSettings> {
  const issuer = flags['issuer-url'];
  const clientId = flags['client-id'];
  if (issuer === undefined || clientId === undefined)
    throw new UsageError('needs --issuer-url and --client-id');
  if (!URL.canParse(issuer) || new URL(issuer).protocol !== 'https:') {
    throw new UsageError('--issuer-url must be an https URL');
  }
  const token = flags.token ?? 'id';
  if (token !== 'id' && token !== 'access') throw new UsageError('--token must be id or access');
  const secretFile = flags['client-secret-file'];
  return {
    issuer,
    clientId,
    scopes: flags.scope ?? ['openid', 'offline_access'],
    token,
    ...(secretFile === undefined ? {} : { clientSecret: new Secret((await read(secretFile)).trim()) }),
  };
}

export async function readAuthority(flags: LoginFlags): Promise<string | undefined> {
  const file = flags['certificate-authority'];
  return file === undefined ? undefined : read(file);
}

/** The folder of the token cache. */
export const toCacheFolder = (flags: LoginFlags, env: NodeJS.ProcessEnv): string =>
  flags['cache-dir'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kubelet-gateway', 'tokens');

/** The ports for the loopback redirect. Providers that compare ports have to be told these. */
export function toPorts(flags: LoginFlags): readonly number[] {
  const ports = (flags['redirect-port'] ?? ['0']).map(Number);
  if (ports.some((port) => !Number.isInteger(port) || port < 0 || port > 65_535)) {
    throw new UsageError('--redirect-port must be a port number');
  }
  return ports;
}

/** "90s", "15m", "8h" or "0", in seconds. */
export function toSeconds(text: string, flag: string): number {
  const [, digits, unit = 's'] = /^(\d{1,6})(s|m|h)?$/.exec(text) ?? [];
  if (digits === undefined) throw new UsageError(`${flag} must be a duration such as 90s, 15m or 8h`);
  return Number(digits) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h'];
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read`, { cause });
  }
}
