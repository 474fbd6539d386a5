// The flags that say which gateway's admin listener a command talks to, and as whom: the same words as kubectl's.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { KubeConnection, KubeCredential } from '../../core/kube-connection.ts';
import { createFindings, toProblemText } from '../../config/problem.ts';
import { createFileReader, realFiles } from '../../config/files.ts';
import { readKubeconfig } from '../../config/read/kubeconfig.ts';
import { Secret } from '../../core/secret.ts';
import { UsageError } from '../command.ts';

/** For `parseArgs`. */
export const CONNECTION_FLAGS = {
  server: { type: 'string' },
  'certificate-authority': { type: 'string' },
  'tls-server-name': { type: 'string' },
  'token-file': { type: 'string' },
  'client-certificate': { type: 'string' },
  'client-key': { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
} as const;

export type ConnectionFlags = { readonly [Name in keyof typeof CONNECTION_FLAGS]?: string | undefined };

export const CONNECTION_SYNOPSIS =
  '(--kubeconfig FILE [--context NAME] | --server URL --certificate-authority FILE ' +
  '(--token-file FILE | --client-certificate FILE --client-key FILE))';

/** Rejects with a UsageError that says what is missing, contradictory or unreadable. */
export async function toConnection(flags: ConnectionFlags): Promise<KubeConnection> {
  const { kubeconfig, context, ...direct } = flags;
  if (kubeconfig !== undefined) {
    const other = Object.entries(direct).find(([, value]) => value !== undefined);
    if (other !== undefined) throw new UsageError(`--kubeconfig and --${other[0]} exclude each other`);
    return fromKubeconfig(resolve(kubeconfig), context);
  }
  if (context !== undefined) throw new UsageError('--context needs --kubeconfig');
  const { server } = direct;
  if (server === undefined) throw new UsageError('--server or --kubeconfig is missing');
  if (URL.parse(server)?.protocol !== 'https:') throw new UsageError('--server must be an https URL');
  const authority = direct['certificate-authority'];
  const tlsServerName = direct['tls-server-name'];
  return {
    server,
    ...(authority === undefined
      ? {}
      : { certificateAuthority: await read('certificate-authority', authority) }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    credential: await toCredential(direct),
  };
}

async function toCredential(flags: ConnectionFlags): Promise<KubeCredential> {
  const { 'token-file': token, 'client-certificate': certificate, 'client-key': key } = flags;
  if (token !== undefined) {
    if (certificate !== undefined || key !== undefined) {
      throw new UsageError('--token-file and --client-certificate exclude each other');
    }
    return { kind: 'tokenFile', path: resolve(token) };
  }
  if (certificate === undefined || key === undefined) {
    throw new UsageError('--token-file, or --client-certificate with --client-key, is missing');
  }
  return {
    kind: 'certificate',
    certificate: await read('client-certificate', certificate),
    key: new Secret(await read('client-key', key)),
  };
}

async function read(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new UsageError(`--${flag}: the file cannot be read`);
  }
}

async function fromKubeconfig(file: string, context: string | undefined): Promise<KubeConnection> {
  const findings = createFindings();
  const reading = {
    source: { file: '--kubeconfig', value: undefined, lineOf: () => undefined },
    folder: process.cwd(),
    files: createFileReader(realFiles, findings),
    findings,
    now: Date.now(),
    variables: {},
  };
  const connection = await readKubeconfig(file, reading, [], context);
  const [problem] = findings.problems;
  if (problem !== undefined) throw new UsageError(toProblemText(problem));
  if (connection === undefined) throw new UsageError('the kubeconfig cannot be used');
  return connection;
}
