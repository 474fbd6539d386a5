// A kubeconfig as a connection to an API server: the cluster and user that its current context names.

import { dirname } from 'node:path';
import type { KubeConnection, KubeCredential } from '../../core/kube-connection.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import { Secret } from '../../core/secret.ts';
import { checkAuthorities, checkPair } from '../checks/certificates.ts';
import { resolveFile } from '../files.ts';
import { readDocument } from '../reading.ts';
import { check } from '../schema/check.ts';
import { kubeconfigCluster, kubeconfigFile, kubeconfigUser } from '../schema/kubeconfig.ts';
import { toSuggestion } from '../nearest.ts';

/** `path` is the key of the gateway's configuration that names the file. `contextName`: default the current one. */
export async function readKubeconfig(
  file: string,
  outer: Reading,
  path: Path,
  contextName?: string,
): Promise<KubeConnection | undefined> {
  const source = await readDocument(file, outer.source, path, outer);
  if (source === undefined) return undefined;
  const reading: Reading = { ...outer, source, folder: dirname(file) };
  const config = check(kubeconfigFile, source.value, source, [], outer.findings);
  if (config === undefined) return undefined;
  const current = contextName ?? config['current-context'];
  const context = find(config.contexts, current, ['current-context'], 'context', reading);
  if (context === undefined) return undefined;
  const { item, index } = context;
  const at = ['contexts', index, 'context'];
  const cluster = find(config.clusters, item.context.cluster, [...at, 'cluster'], 'cluster', reading);
  const user = find(config.users, item.context.user, [...at, 'user'], 'user', reading);
  const [server, credential] = await Promise.all([
    cluster && toServer(cluster.item.cluster, reading, ['clusters', cluster.index, 'cluster']),
    user && toCredential(user.item.user, reading, ['users', user.index, 'user']),
  ]);
  return server && credential && { ...server, credential };
}

function find<Item extends { readonly name: string }>(
  items: readonly Item[],
  name: string,
  path: Path,
  what: string,
  { source, findings }: Reading,
): { readonly item: Item; readonly index: number } | undefined {
  const index = items.findIndex((item) => item.name === name);
  const item = items[index];
  if (item !== undefined) return { item, index };
  const suggestion = toSuggestion(
    name,
    items.map((other) => other.name),
  );
  findings.problem(source, path, `there is no ${what} of this name${suggestion}`);
  return undefined;
}

async function toServer(
  value: unknown,
  reading: Reading,
  path: Path,
): Promise<Omit<KubeConnection, 'credential'> | undefined> {
  const { source, findings, now } = reading;
  const cluster = check(kubeconfigCluster, value, source, path, findings);
  if (cluster === undefined) return undefined;
  const url = URL.parse(cluster.server);
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.search !== '') {
    const message = 'must be an https URL without user name, password or query';
    findings.problem(source, [...path, 'server'], message);
    return undefined;
  }
  const authority = await readDataOrFile(cluster, 'certificate-authority', reading, path);
  if (authority.failed) return undefined;
  if (authority.text !== undefined) {
    const { problems, warnings } = checkAuthorities(authority.text, now);
    for (const message of problems) findings.problem(source, [...path, 'certificate-authority'], message);
    for (const message of warnings) findings.warning(source, [...path, 'certificate-authority'], message);
    if (problems.length > 0) return undefined;
  }
  const tlsServerName = cluster['tls-server-name'];
  return {
    server: cluster.server,
    ...(authority.text === undefined ? {} : { certificateAuthority: authority.text }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
  };
}

async function toCredential(
  value: unknown,
  reading: Reading,
  path: Path,
): Promise<KubeCredential | undefined> {
  const { source, folder, files, findings, now } = reading;
  const user = check(kubeconfigUser, value, source, path, findings);
  if (user === undefined) return undefined;
  const certificate = await readDataOrFile(user, 'client-certificate', reading, path);
  const key = await readDataOrFile(user, 'client-key', reading, path);
  if (certificate.failed || key.failed) return undefined;
  const token = user.tokenFile !== undefined || user.token !== undefined;
  if (certificate.text !== undefined && key.text !== undefined) {
    if (token) {
      findings.problem(source, path, 'has both a client certificate and a token; one of them is needed');
      return undefined;
    }
    const { problems, warnings } = checkPair(certificate.text, key.text, now);
    for (const message of problems) findings.problem(source, [...path, 'client-certificate'], message);
    for (const message of warnings) findings.warning(source, [...path, 'client-certificate'], message);
    const material = { certificate: certificate.text, key: new Secret(key.text) };
    return problems.length > 0 ? undefined : { kind: 'certificate', ...material };
  }
  if (certificate.text !== undefined || key.text !== undefined || !token) {
    findings.problem(source, path, 'needs a client certificate with its key, a token, or a tokenFile');
    return undefined;
  }
  // As in client-go the file wins over the token beside it.
  if (user.tokenFile === undefined) return { kind: 'token', token: new Secret(user.token ?? '') };
  const file = resolveFile(folder, user.tokenFile);
  const text = await files.read(file, source, [...path, 'tokenFile']);
  return text === undefined ? undefined : { kind: 'tokenFile', path: file };
}

type DataKey = 'certificate-authority' | 'client-certificate' | 'client-key';

/** Inline data in base64, which as in client-go wins over a file; or the file. */
async function readDataOrFile(
  holder: Readonly<Partial<Record<DataKey | `${DataKey}-data`, string>>>,
  key: DataKey,
  { source, folder, files }: Reading,
  path: Path,
): Promise<{ readonly failed: boolean; readonly text?: string }> {
  const data = holder[`${key}-data`];
  if (data !== undefined) return { failed: false, text: Buffer.from(data, 'base64').toString('utf8') };
  const name = holder[key];
  if (name === undefined) return { failed: false };
  const text = await files.read(resolveFile(folder, name), source, [...path, key]);
  return text === undefined ? { failed: true } : { failed: false, text };
}
