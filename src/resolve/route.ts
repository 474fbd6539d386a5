// A row of the route table, and how a path finds its row. Patterns are paths with `{placeholders}`, which stand for
// one segment each; `{files...}` at the end stands for the rest. A pattern that ends in a slash means just that.

import type { Action, ActionKind } from '../core/action.ts';
import type { OptionalEndpoint } from '../core/configuration.ts';
import type { Answer, OwnResolved } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { Parameters } from './parameters.ts';
import type { PathNames } from './path-names.ts';

export interface RouteInput {
  readonly method: string;
  readonly names: PathNames;
  readonly parameters: Parameters;
  /** The lines of the Accept header. */
  readonly accept: readonly string[];
  /** That the server URL names; absent at the root. */
  readonly within?: NodeName;
  /** The path before the matched one: `/nodes/NAME`. */
  readonly prefix: string;
  /** What `/version` says. */
  readonly gitVersion: string;
}

interface Row {
  readonly paths: readonly [string, ...string[]];
  /** Query parameters that clients send everywhere, and that change nothing here. */
  readonly ignored?: readonly string[];
}

/** A path that is for a node. What it requires follows from its action alone: attributes.ts. */
export interface ActionRoute extends Row {
  readonly kind: ActionKind;
  readonly methods: readonly ['GET'] | readonly ['POST'] | readonly ['GET', 'POST'];
  readonly transport: 'http' | 'upgrade';
  readonly surface: 'kubelet' | 'kubectl';
  readonly endpoint?: OptionalEndpoint;
  build(input: RouteInput): Action;
}

/** A path that the gateway answers by itself, to anybody with a valid identity. */
export interface AnswerRoute extends Row {
  readonly kind: 'answer';
  readonly methods: readonly ['GET'] | readonly ['POST'];
  answer(input: RouteInput): Answer;
}

/** A path of the gateway's own that needs a right. What it requires follows from its operation alone. */
export interface OwnRoute extends Row {
  readonly kind: 'own';
  readonly methods: readonly ['GET'] | readonly ['POST'] | readonly ['DELETE'] | readonly ['GET', 'DELETE'];
  own(input: RouteInput): Pick<OwnResolved, 'operation' | 'requirement'>;
}

export type Route = ActionRoute | AnswerRoute | OwnRoute;

export interface Match {
  readonly route: Route;
  readonly names: PathNames;
}

export type Matcher = (segments: readonly string[]) => Match | undefined;

/** The first row that fits wins; no two rows of the table fit the same path. */
export function createMatcher(routes: readonly Route[]): Matcher {
  const byFirst = new Map<string, { readonly route: Route; readonly pattern: readonly string[] }[]>();
  for (const route of routes) {
    for (const path of route.paths) {
      const pattern = path.slice(1).split('/');
      const first = pattern[0] ?? '';
      const rows = byFirst.get(first) ?? [];
      rows.push({ route, pattern });
      byFirst.set(first, rows);
    }
  }
  return (segments) => {
    for (const { route, pattern } of byFirst.get(segments[0] ?? '') ?? []) {
      const names = fit(pattern, segments);
      if (names !== undefined) return { route, names };
    }
    return undefined;
  };
}

function fit(pattern: readonly string[], segments: readonly string[]): PathNames | undefined {
  const open = pattern.at(-1) === '{files...}';
  if (open ? segments.length < pattern.length : segments.length !== pattern.length) return undefined;
  const fixed = open ? pattern.length - 1 : pattern.length;
  const found = new Map<string, string>();
  for (const [index, part] of pattern.slice(0, fixed).entries()) {
    const segment = segments[index] ?? '';
    if (!part.startsWith('{')) {
      if (part !== segment) return undefined;
    } else if (segment === '') {
      return undefined;
    } else {
      found.set(part.slice(1, -1), segment);
    }
  }
  return toNames(found, open ? segments.slice(fixed) : []);
}

const toNames = (found: ReadonlyMap<string, string>, files: readonly string[]): PathNames => ({
  files,
  has: (placeholder) => found.has(placeholder),
  get: (placeholder) => {
    const segment = found.get(placeholder);
    if (segment === undefined) throw new Error(`the route has no {${placeholder}}`);
    return segment;
  },
});
