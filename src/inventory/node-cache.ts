// The last known Nodes of a cluster in a file, for a gateway that starts while the API server is away. The file holds
// facts only: which of them may be dialled, and whom to trust there, is decided anew when they are read.

import { readFile, rename, writeFile } from 'node:fs/promises';
import type { NodeName } from '../core/names.ts';
import type { Log } from '../core/ports.ts';
import type { NodeFacts } from './node-object.ts';
import { toNodeInfo } from './node-info.ts';
import { isNodeName } from '../core/names.ts';
import { NODE_ADDRESS_TYPES } from '../core/node-source.ts';

export interface NodeCache {
  /** Never rejects: undefined when there is nothing to read, which the log tells of. */
  read(): Promise<readonly NodeFacts[] | undefined>;
  /** Writes a new file in the place of the old one. Failures are logged. */
  write(nodes: readonly NodeFacts[]): void;
}

const KIND = 'kubelet-gateway-nodes-v1';

/** `source` says whose nodes these are: a file of other ones is not read. */
export function createNodeCache({ log }: { readonly log: Log }, path: string, source: string): NodeCache {
  let turn = Promise.resolve();
  return {
    async read() {
      try {
        return parse(await readFile(path, 'utf8'), source);
      } catch (err) {
        const isMissing = err instanceof Error && 'code' in err && err.code === 'ENOENT';
        if (!isMissing) log.warn({ err, path }, 'the cache of nodes cannot be read');
        return undefined;
      }
    },
    write(nodes) {
      const text = JSON.stringify({ kind: KIND, source, nodes });
      // One at a time, so that an older state does not replace a newer one.
      turn = turn
        .then(async () => {
          await writeFile(`${path}.new`, text, { mode: 0o600 });
          await rename(`${path}.new`, path);
        })
        .catch((err: unknown) => log.warn({ err, path }, 'the cache of nodes cannot be written'));
    },
  };
}

function parse(text: string, source: string): readonly NodeFacts[] {
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || value['kind'] !== KIND || !Array.isArray(value['nodes'])) {
    throw new TypeError('it is no cache of nodes');
  }
  if (value['source'] !== source) throw new TypeError('it holds the nodes of another cluster or selector');
  return value['nodes'].map((node: unknown) => {
    if (!isFacts(node)) throw new TypeError('it holds what is no node');
    return { ...node, info: toNodeInfo(isObject(node.info) ? node.info : {}) };
  });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName = (value: unknown): value is NodeName => typeof value === 'string' && isNodeName(value);

const isFacts = (value: unknown): value is Omit<NodeFacts, 'info'> & { readonly info?: unknown } =>
  isObject(value) &&
  isName(value['name']) &&
  Number.isInteger(value['port']) &&
  typeof value['ready'] === 'boolean' &&
  isObject(value['labels']) &&
  Object.values(value['labels']).every((label) => typeof label === 'string') &&
  Array.isArray(value['addresses']) &&
  value['addresses'].every(
    (one: unknown) =>
      isObject(one) &&
      typeof one['address'] === 'string' &&
      NODE_ADDRESS_TYPES.some((type) => type === one['type']),
  );
