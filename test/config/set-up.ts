// A valid configuration in memory for the tests here: each test spoils a part of it and looks at what is said.

import { stringify } from 'yaml';
import type { Files } from '../../src/config/files.ts';
import type { LoadOptions, LoadResult } from '../../src/config/load.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { createAuthority } from '../support/pki.ts';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

export const FOLDER = '/etc/kubelet-gateway';
export const MAIN = `${FOLDER}/gateway.yaml`;

export const RBAC = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: reader }
rules:
  - { apiGroups: [""], resources: [nodes/metrics], verbs: [get] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: readers }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader }
subjects: [{ kind: Group, name: monitoring }]
`;

/** The smallest configuration that is valid, with everything that has a default left out. */
export const minimal = (): JsonObject => ({
  apiVersion: 'kubelet-gateway.io/v1alpha1',
  kind: 'GatewayConfiguration',
  listeners: [
    { name: 'main', port: 8443, tls: { certificateFile: 'gateway.crt', privateKeyFile: 'gateway.key' } },
  ],
  authentication: { clientCAFile: 'client-ca.crt' },
  authorization: { mode: 'RBAC', podSubresources: 'enabled', rbac: { manifestFiles: ['rbac.yaml'] } },
  nodes: { list: [{ name: 'node-1', address: '10.0.0.11', certificateAuthorityFile: 'kubelet-ca.crt' }] },
  credentials: [{ name: 'reader', certificateFile: '{node}.crt', privateKeyFile: '{node}.key' }],
  credentialMappings: [{ credential: 'reader' }],
  audit: { stdout: true },
});

export interface SetUp {
  /** Contents by absolute name. */
  readonly files: ReadonlyMap<string, string>;
  /** PEM of a certificate authority, and a certificate of it. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export async function createSetUp(): Promise<SetUp> {
  const authority = await createAuthority('test authority');
  const { certificate, key } = await authority.issue({
    commonName: 'gateway',
    dnsNames: ['localhost'],
    notAfter: new Date(Date.now() + 90 * 86_400_000),
  });
  const files = new Map(
    Object.entries({
      'gateway.crt': certificate,
      'gateway.key': key,
      'client-ca.crt': authority.certificate,
      'kubelet-ca.crt': authority.certificate,
      'node-1.crt': certificate,
      'node-1.key': key,
      'rbac.yaml': RBAC,
    }).map(([name, text]) => [`${FOLDER}/${name}`, text]),
  );
  return { files, authority: authority.certificate, certificate, key };
}

export const toFiles = (contents: ReadonlyMap<string, string>): Files => ({
  read: (path) => {
    const text = contents.get(path);
    if (text !== undefined) return Promise.resolve(text);
    return Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }));
  },
});

/** Loads `configuration` as the main file, beside the files of the set-up and `more` (relative names). */
export function load(
  { files }: SetUp,
  configuration: JsonObject | string,
  more: Readonly<Record<string, string>> = {},
  options: LoadOptions = {},
): Promise<LoadResult> {
  const text = typeof configuration === 'string' ? configuration : stringify(configuration);
  const extra = Object.entries(more).map(([name, content]): [string, string] => [
    `${FOLDER}/${name}`,
    content,
  ]);
  const contents = new Map([...files, ...extra, [MAIN, text]]);
  return loadConfiguration(MAIN, { variables: {}, ...options, files: toFiles(contents) });
}

/** `path: message` of every problem. */
export const problemsOf = (result: LoadResult): readonly string[] =>
  result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);

export const warningsOf = (result: LoadResult): readonly string[] =>
  result.warnings.map(({ path, message }) => `${path}: ${message}`);
