// The credentials of the configuration, read from their files and read again when those change. The last good one
// stays in use while what lies in the files is not usable: halfway through a rotation, certificate and key differ.

import type { CredentialSource } from '../core/credential-source.ts';
import type { NodeName } from '../core/names.ts';
import type { KubeletCredential } from '../core/node.ts';
import type { Clock, Log } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';
import { isNodeName } from '../core/names.ts';
import { readCredential, readVersion, toFiles } from './material.ts';

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
  sources: readonly CredentialSource[],
  { checkIntervalMs = 5000 }: CredentialStoreOptions = {},
): CredentialStore {
  const bySource = new Map<string, { readonly source: CredentialSource; readonly perNode: boolean }>();
  const entries = new Map<string, Entry>();

  const getEntry = (source: CredentialSource, node: NodeName | undefined): Entry => {
    const key = JSON.stringify([source.name, node]);
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = createEntry(dependencies, node === undefined ? source : toNodeSource(source, node), node);
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

const unusable = (cause: unknown): Fault =>
  new Fault('ServiceUnavailable', 'no usable credential for this node', { cause });

/** The name becomes part of a path: only a node's name, which holds neither a slash nor two dots in a row, may. */
function toNodeSource(source: CredentialSource, node: NodeName): CredentialSource {
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

interface Entry {
  /** The last good credential, after a look at the files if one is due. */
  current(checkIntervalMs: number): KubeletCredential | undefined;
  /** What was wrong at the last look; undefined when nothing was. */
  problem(): unknown;
}

function createEntry(
  { log, clock, onState }: CredentialStoreDependencies,
  source: CredentialSource,
  node: NodeName | undefined,
): Entry {
  let credential: KubeletCredential | undefined;
  /** Of the files that `credential` was read from. */
  let version: string | undefined;
  let checkedAt = -Infinity;
  let problem: Error | undefined;
  const fields = { credential: source.name, ...(node === undefined ? {} : { node }) };

  const succeed = (): void => {
    if (problem !== undefined) log.info(fields, 'the credential is usable again');
    if (problem !== undefined || version === undefined) onState?.(source.name, node, true);
    problem = undefined;
  };
  const fail = (error: Error): void => {
    if (problem?.message !== error.message) {
      const kept = credential === undefined ? 'there is none to use' : 'the last good one stays in use';
      log.error({ ...fields, error }, `the credential cannot be read; ${kept}`);
    }
    if (problem === undefined) onState?.(source.name, node, false);
    problem = error;
  };
  const look = (): void => {
    try {
      const found = readVersion(source);
      if (found !== version) {
        // The version is taken before the content: a file that is replaced in between is read once more.
        const next = readCredential(source);
        if (credential !== undefined && next.fingerprint !== credential.fingerprint) {
          log.info(fields, 'the credential was replaced');
        }
        succeed();
        credential = next;
        version = found;
      } else succeed();
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return {
    current: (checkIntervalMs) => {
      const now = clock.now();
      // A clock that was set back does not put off the next look.
      if (now - checkedAt >= checkIntervalMs || now < checkedAt) {
        checkedAt = now;
        look();
      }
      return credential;
    },
    problem: () => problem,
  };
}
