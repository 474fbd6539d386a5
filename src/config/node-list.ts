// A node file: a NodeList of the gateway's own, as somebody's tool writes it. Everything that it names is read and
// checked, and all problems are reported at once, as those of the configuration are.

import type { NodeConfiguration } from '../core/node-source.ts';
import type { Files } from './files.ts';
import type { Findings, Path, Problem } from './problem.ts';
import type { Reading } from './reading.ts';
import type { Source } from './yaml.ts';
import { dirname } from 'node:path';
import { createFileReader, realFiles } from './files.ts';
import { createFindings } from './problem.ts';
import { checkNames, readEntries } from './read/node-entries.ts';
import { check } from './schema/check.ts';
import { API_VERSION } from './schema/gateway.ts';
import { NODE_LIST_SECTIONS } from './schema/nodes.ts';
import { parseOneYaml } from './yaml.ts';

export type NodeListResult = {
  /** Every file that was looked at: a change of any of them may change the outcome. */
  readonly files: readonly string[];
} & (
  | { readonly ok: true; readonly nodes: readonly NodeConfiguration[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }
);

/** Reads a node file by itself. Never rejects. `now` in milliseconds since the epoch: certificates are judged by it. */
export async function loadNodeList(
  path: string,
  now: number,
  from: Files = realFiles,
): Promise<NodeListResult> {
  const findings = createFindings();
  const files = createFileReader(from, findings);
  const source = { file: path, value: undefined, lineOf: () => undefined };
  const folder = dirname(path);
  const nodes = await readNodeList(path, {
    ...{ source, folder, files, unwatched: files, findings, now, variables: {} },
    namedBy: [],
  });
  const seen = [...files.seen];
  return nodes === undefined || findings.problems.length > 0
    ? { ok: false, problems: findings.problems, files: seen }
    : { ok: true, nodes, files: seen };
}

/** The nodes; undefined when there is a problem, which has been told. `namedBy`: the key that names the file. */
export async function readNodeList(
  path: string,
  { namedBy, ...reading }: Reading & { readonly namedBy: Path },
): Promise<readonly NodeConfiguration[] | undefined> {
  const { files, findings } = reading;
  const text = await files.read(path, reading.source, namedBy);
  const source = text === undefined ? undefined : parse(path, text, findings);
  if (source === undefined) return undefined;
  const before = findings.problems.length;
  const list = check(NODE_LIST_SECTIONS(API_VERSION), source.value, source, [], findings);
  if (list === undefined) return undefined;
  checkNames(list.items, (index, message) => findings.problem(source, ['items', index, 'name'], message));
  const nodes = await readEntries(list.items, { ...reading, source }, ['items']);
  return findings.problems.length > before ? undefined : nodes;
}

/** JSON is YAML, and read a hundred times as fast: ten thousand nodes in YAML hold the event loop for a second. */
function parse(path: string, text: string, findings: Findings): Source | undefined {
  if (text.trimStart().startsWith('{')) {
    try {
      return { file: path, value: JSON.parse(text), lineOf: () => undefined };
    } catch {
      // YAML's flow style, or a mistake that YAML's parser can say the line of.
    }
  }
  return parseOneYaml(path, text, findings);
}
