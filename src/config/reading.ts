// What everything that reads a part of the configuration is handed.

import type { FileReader } from './files.ts';
import type { Findings, Path, Place } from './problem.ts';
import type { Source } from './yaml.ts';
import { parseOneYaml } from './yaml.ts';

/** The variables of the process that the configuration may depend on: where the API server of the own cluster is. */
export type Variables = Readonly<Record<string, string | undefined>>;

export interface Reading {
  /** The document that is being read. */
  readonly source: Source;
  /** Absolute folder that relative file names start from. */
  readonly folder: string;
  readonly files: FileReader;
  /** For files that are followed by themselves: their changes do not put the configuration in force again. */
  readonly unwatched?: FileReader;
  readonly findings: Findings;
  /** Milliseconds since the epoch: certificates are judged by it. */
  readonly now: number;
  readonly variables: Variables;
}

/** The one document of another file; `place` and `path` say who names it. */
export async function readDocument(
  file: string,
  place: Place,
  path: Path,
  { files, findings }: Pick<Reading, 'files' | 'findings'>,
): Promise<Source | undefined> {
  const text = await files.read(file, place, path);
  return text === undefined ? undefined : parseOneYaml(file, text, findings);
}
