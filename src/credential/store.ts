// The credentials of the configuration, read from their files and read again when those change. The last good one
// stays in use while what lies in the files is not usable: halfway through a rotation, certificate and key differ.

import type { FileCredentialSource } from '../core/credential-source.ts';
import type { NodeName } from '../core/names.ts';
import type { KubeletCredential } from '../core/node.ts';
import type { Clock, Log } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';
import { isNodeName } from '../core/names.ts';
import type { KeptFiles } from './kept-files.ts';
import { createKeptFiles } from './kept-files.ts';
import { readCredential, toFiles } from './material.ts';

export interface CredentialStore {
  readonly names: ReadonlySet<string>;
  /** The credential of this name for this node. Throws ServiceUnavailable when there is none that can be used. */
  get(name: string, node: NodeName): KubeletCredential;
}

export interface CredentialStoreDependencies {
  readonly log: Log;
  readonly clock: Clock;
  /**
   * Told whether the files of a credential hold a usable one, when that changes and at first, for a gauge.
   * `node` is undefined for a credential that serves every node.
   */
  readonly onState?: (credential: string, node: NodeName | undefined, usable: boolean) => void;
}

export interface CredentialStoreOptions {
  /** Files are looked at again when a credential is used and the last look is older than this. Default 5,000. */
  readonly checkIntervalMs?: number;
}

const NODE = '{node}';

/**
 * Reads the credentials with fixed file names at once, those with `{node}` in them when a node is first spoken to.
 * One that cannot be read is logged and does not keep the others from serving.
 */
export function createCredentialStore(
  dependencies: CredentialStoreDependencies,
  sources: readonly FileCredentialSource[],
  { checkIntervalMs = 5000 }: CredentialStoreOptions = {},
): CredentialStore {
  const bySource = new Map<string, { readonly source: FileCredentialSource; readonly perNode: boolean }>();
  const entries = new Map<string, KeptFiles<KubeletCredential>>();

  const getEntry = (
    source: FileCredentialSource,
    node: NodeName | undefined,
  ): KeptFiles<KubeletCredential> => {
    const key = JSON.stringify([source.name, node]);
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = keep(dependencies, node === undefined ? source : toNodeSource(source, node), node);
      entries.set(key, entry);
    }
    return entry;
  };

  for (const source of sources) {
    const perNode = toFiles(source).some((file) => file.includes(NODE));
    bySource.set(source.name, { source, perNode });
    if (!perNode) getEntry(source, undefined).current(checkIntervalMs);
  }

  return {
    names: new Set(bySource.keys()),
    get: (name, node) => {
      const found = bySource.get(name);
      if (found === undefined) throw unusable(new TypeError(`no credential ${JSON.stringify(name)}`));
      const entry = getEntry(found.source, found.perNode ? node : undefined);
      const credential = entry.current(checkIntervalMs);
      if (credential === undefined) throw unusable(entry.problem());
      return credential;
    },
  };
}

function keep(
  { log, clock, onState }: CredentialStoreDependencies,
  source: FileCredentialSource,
  node: NodeName | undefined,
): KeptFiles<KubeletCredential> {
  return createKeptFiles(
    { log, clock, onState: (usable) => onState?.(source.name, node, usable) },
    {
      files: toFiles(source),
      read: () => readCredential(source),
      identify: ({ fingerprint }) => fingerprint,
      fields: { credential: source.name, ...(node === undefined ? {} : { node }) },
    },
  );
}

const unusable = (cause: unknown): Fault =>
  new Fault('ServiceUnavailable', 'no usable credential for this node', { cause });

/** The name becomes part of a path: only a node's name, which holds neither a slash nor two dots in a row, may. */
function toNodeSource(source: FileCredentialSource, node: NodeName): FileCredentialSource {
  if (!isNodeName(node)) throw unusable(new TypeError('not the name of a node'));
  const expand = (file: string): string => file.replaceAll(NODE, node);
  return source.kind === 'certificate'
    ? {
        ...source,
        certificateFile: expand(source.certificateFile),
        privateKeyFile: expand(source.privateKeyFile),
      }
    : { ...source, bearerTokenFile: expand(source.bearerTokenFile) };
}
