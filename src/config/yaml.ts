// YAML 1.2 text into plain values that still know their lines. Duplicate keys, tabs, unknown tags and alias bombs are
// problems in words; nothing that YAML can say makes this code run anything.

import type { Document, Node } from 'yaml';
import type { Findings, Path, Place } from './problem.ts';
import { LineCounter, isAlias, isMap, isNode, isScalar, isSeq, parseAllDocuments } from 'yaml';

/** A parsed document: its plain value, and where its keys stand. */
export interface Source extends Place {
  readonly value: unknown;
}

/** Uses of anchors beyond this are an attack on memory, not a configuration. */
const MAX_ALIASES = 50;

/** The documents of a file, empty ones left out. Undefined when there is a problem, which has been told to `findings`. */
export function parseYaml(file: string, text: string, findings: Findings): readonly Source[] | undefined {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    strict: true,
  });
  if (!Array.isArray(documents)) return [];
  let readable = true;
  const sources: Source[] = [];
  for (const document of documents) {
    for (const error of [...document.errors, ...document.warnings]) {
      readable = false;
      const { line } = lines.linePos(error.pos[0]);
      findings.problem({ file, lineOf: () => line }, [], `not valid YAML: ${toWords(error)}`);
    }
    const lineOf = (path: Path): number | undefined => findLine(document, path, lines);
    const source = readable ? toSource(document, file, lineOf, findings) : undefined;
    if (source === undefined) readable = false;
    else if (source.value !== null) sources.push(source);
  }
  return readable ? sources : undefined;
}

/** The one document of a file that must hold exactly one. */
export function parseOneYaml(file: string, text: string, findings: Findings): Source | undefined {
  const sources = parseYaml(file, text, findings);
  if (sources === undefined) return undefined;
  const [first, second] = sources;
  const whole: Place = { file, lineOf: () => undefined };
  if (first === undefined) findings.problem(whole, [], 'the file is empty');
  else if (second !== undefined) {
    findings.problem(
      { file, lineOf: () => second.lineOf([]) },
      [],
      'the file must hold one YAML document, but a second begins here',
    );
  } else return first;
  return undefined;
}

function toSource(
  document: Document.Parsed,
  file: string,
  lineOf: Place['lineOf'],
  findings: Findings,
): Source | undefined {
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { file, lineOf, value };
  } catch (error) {
    // Thrown for too many aliases, and for one that has no anchor.
    const why =
      error instanceof ReferenceError && /alias count/i.test(error.message)
        ? `anchors are used more than ${MAX_ALIASES} times`
        : 'an alias names an anchor that is not there';
    findings.problem({ file, lineOf }, [], `not valid YAML: ${why}`);
    return undefined;
  }
}

function toWords(error: { readonly code: string; readonly message: string }): string {
  switch (error.code) {
    case 'DUPLICATE_KEY':
      return 'this key is given twice in the same mapping';
    case 'TAB_AS_INDENT':
      return 'tabs must not indent; use spaces';
    case 'TAG_RESOLVE_FAILED':
      return 'tags are not supported here';
    default:
      return error.message.charAt(0).toLowerCase() + error.message.slice(1);
  }
}

function findLine(document: Document.Parsed, path: Path, lines: LineCounter): number | undefined {
  let node: unknown = document.contents;
  let offset = offsetOf(node);
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      offset = offsetOf(pair?.key) ?? offset;
      node = pair?.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key];
      offset = offsetOf(node) ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

const offsetOf = (node: unknown): number | undefined =>
  isNode(node) ? (node satisfies Node).range?.[0] : undefined;
