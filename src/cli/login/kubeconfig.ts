// kubelet-gateway kubeconfig: writes a kubeconfig whose user signs in with `kubelet-gateway login`.

import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import type { Command } from '../command.ts';
import { EXIT_FAILURE, EXIT_OK, PROGRAM, UsageError } from '../command.ts';
import { PROVIDER_FLAGS } from './flags.ts';

const INSTALL_HINT = 'kubelet-gateway is needed to sign in: install it and put it on the PATH';

const FLAGS = {
  ...PROVIDER_FLAGS,
  server: { type: 'string' },
  'server-certificate-authority': { type: 'string' },
  node: { type: 'string', multiple: true },
  name: { type: 'string' },
  namespace: { type: 'string' },
  command: { type: 'string' },
  output: { type: 'string' },
} as const;

const parseFlags = (args: readonly string[]) => parseArgs({ args: [...args], options: FLAGS }).values;
type Flags = ReturnType<typeof parseFlags>;

export const kubeconfigCommand: Command = {
  name: 'kubeconfig',
  synopsis: '--server URL --issuer-url URL --client-id ID [--node NAME …] [--output FILE]',
  summary: 'Write a kubeconfig for a gateway, whose user signs in with "login".',
  async run(args, terminal) {
    const flags = parseFlags(args);
    const server = toServer(flags.server);
    if (flags['issuer-url'] === undefined || flags['client-id'] === undefined) {
      throw new UsageError('needs --issuer-url and --client-id, of the provider that the gateway trusts');
    }
    const text = stringify(toKubeconfig(server, flags, await readAuthority(flags)));
    if (flags.output === undefined) {
      terminal.out(text);
      return EXIT_OK;
    }
    try {
      await writeFile(flags.output, text, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
      const why = isThere ? 'is there already; it is left as it is' : 'cannot be written';
      terminal.err(`kubelet-gateway kubeconfig: ${flags.output} ${why}\n`);
      return EXIT_FAILURE;
    }
    terminal.out(`${flags.output}: kubectl --kubeconfig ${flags.output} get pods\n`);
    return EXIT_OK;
  },
};

function toKubeconfig(server: URL, flags: Flags, authority: string | undefined): object {
  const base = flags.name ?? server.host;
  const root = server.href.replace(/\/$/, '');
  const trust =
    authority === undefined
      ? {}
      : { 'certificate-authority-data': Buffer.from(authority).toString('base64') };
  const nodes = flags.node ?? [];
  const clusters = [
    { name: base, cluster: { server: root, ...trust } },
    ...nodes.map((node) => ({
      name: `${base}-${node}`,
      cluster: { server: `${root}/nodes/${encodeURIComponent(node)}`, ...trust },
    })),
  ];
  const namespace = flags.namespace === undefined ? {} : { namespace: flags.namespace };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': base,
    clusters,
    contexts: clusters.map(({ name }) => ({ name, context: { cluster: name, user: base, ...namespace } })),
    users: [{ name: base, user: { exec: toPlugin(flags) } }],
  };
}

const toPlugin = (flags: Flags): object => ({
  apiVersion: 'client.authentication.k8s.io/v1',
  command: flags.command ?? PROGRAM,
  args: ['login', ...toArguments(flags)],
  // Signing in works without a terminal: the browser and the device are elsewhere.
  interactiveMode: 'IfAvailable',
  provideClusterInfo: false,
  installHint: INSTALL_HINT,
});

function toArguments(flags: Flags): string[] {
  const args: string[] = [];
  for (const name of Object.keys(PROVIDER_FLAGS) as (keyof typeof PROVIDER_FLAGS)[]) {
    const value = flags[name];
    for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value]) {
      args.push(`--${name}=${one}`);
    }
  }
  return args;
}

function toServer(text: string | undefined): URL {
  if (text === undefined) throw new UsageError('needs --server, the URL of the gateway');
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:') {
    throw new UsageError('--server must be an https URL');
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new UsageError('--server must be a plain URL, without user, query or fragment');
  }
  return url;
}

async function readAuthority(flags: Flags): Promise<string | undefined> {
  const file = flags['server-certificate-authority'];
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read`, { cause });
  }
}
