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
  const bySource = new Map<string, (node: NodeName) => KeptFiles<KubeletCredential>>();
  for (const source of sources) {
    const isPerNode = toFiles(source).some((file) => file.includes(NODE));
    if (isPerNode) bySource.set(source.name, keepPerNode(dependencies, source));
    else {
      const kept = keep(dependencies, source, undefined);
      kept.current(checkIntervalMs);
      bySource.set(source.name, () => kept);
    }
  }
  return {
    names: new Set(bySource.keys()),
    get: (name, node) => {
      const kept = bySource.get(name)?.(node);
      if (kept === undefined) throw unusable(new TypeError(`no credential ${JSON.stringify(name)}`));
      const credential = kept.current(checkIntervalMs);
      if (credential === undefined) throw unusable(kept.problem());
      return credential;
    },
  };
}

function keepPerNode(
  dependencies: CredentialStoreDependencies,
  source: FileCredentialSource,
): (node: NodeName) => KeptFiles<KubeletCredential> {
  const byNode = new Map<NodeName, KeptFiles<KubeletCredential>>();
  return (node) => {
    let kept = byNode.get(node);
    if (kept === undefined) {
      kept = keep(dependencies, toNodeSource(source, node), node);
      byNode.set(node, kept);
    }
    return kept;
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
