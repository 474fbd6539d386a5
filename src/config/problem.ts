// What is wrong with a configuration, where, and in words. Problems keep a configuration from being used; warnings do
// not. Findings are collected, never thrown, so that one run reports them all.

/** Keys and list positions from the top of a YAML document. */
export type Path = readonly PropertyKey[];

export interface Problem {
  readonly file: string;
  /** `credentials[1].bearerTokenFile`; empty: the file as a whole. */
  readonly path: string;
  /** Line of the file, counted from 1. */
  readonly line?: number;
  readonly message: string;
}

/** A document within a file, as far as a message needs to know it. */
export interface Place {
  readonly file: string;
  /** The line of the key at `path`, or of the nearest parent that is there. */
  lineOf(path: Path): number | undefined;
}

export interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  problem(place: Place, path: Path, message: string): void;
  warning(place: Place, path: Path, message: string): void;
}

const PLAIN_KEY = /^[A-Za-z_][\w-]*$/;

/** `credentials[1].bearerTokenFile`; keys that are not plain words are quoted. */
export const toPathText = (path: Path): string =>
  path
    .map((key) => {
      if (typeof key === 'number') return `[${key}]`;
      const text = String(key);
      return PLAIN_KEY.test(text) ? `.${text}` : `[${JSON.stringify(text)}]`;
    })
    .join('')
    .replace(/^\./, '');

export function createFindings(): Findings {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const toProblem = (place: Place, path: Path, message: string): Problem => {
    const line = place.lineOf(path);
    return { file: place.file, path: toPathText(path), ...(line === undefined ? {} : { line }), message };
  };
  return {
    problems,
    warnings,
    problem: (place, path, message) => problems.push(toProblem(place, path, message)),
    warning: (place, path, message) => warnings.push(toProblem(place, path, message)),
  };
}

/** `gateway.yaml:12: credentials[1].bearerTokenFile: is required`. */
export const toProblemText = (problem: Problem): string =>
  [
    problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`,
    ...(problem.path === '' ? [] : [problem.path]),
    problem.message,
  ].join(': ');
