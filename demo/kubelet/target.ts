// How Go reads a request target: net/url's query parser, and the path cleaning and pattern matching of net/http's mux
// (Go 1.26), which work on the path as it was escaped. The kubelet's authorizer and its router see the decoded path.

export interface Target {
  /** As escaped in the request. */
  readonly escapedPath: string;
  /** Go's URL.Path. */
  readonly path: string;
  /** With its question mark; empty without a query. */
  readonly search: string;
  readonly query: ReadonlyMap<string, readonly string[]>;
}

const unescape = (part: string): string | undefined => {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
};

/** Pairs with a semicolon or a broken escape are dropped, as Go does. */
const parseGoQuery = (query: string): Map<string, string[]> => {
  const values = new Map<string, string[]>();
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const at = pair.indexOf('=');
    const name = unescape((at < 0 ? pair : pair.slice(0, at)).replaceAll('+', ' '));
    const value = unescape((at < 0 ? '' : pair.slice(at + 1)).replaceAll('+', ' '));
    if (name === undefined || value === undefined) continue;
    const list = values.get(name);
    if (list === undefined) values.set(name, [value]);
    else list.push(value);
  }
  return values;
};

/** Undefined: a target that Go answers with 400. */
export const parseTarget = (target: string): Target | undefined => {
  const origin = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?]*/, '');
  const at = origin.indexOf('?');
  const escapedPath = at < 0 ? origin : origin.slice(0, at);
  const path = unescape(escapedPath);
  if (path === undefined || !path.startsWith('/')) return undefined;
  const search = at < 0 ? '' : origin.slice(at);
  return { escapedPath, path, search, query: parseGoQuery(search.slice(1)) };
};

/** net/http's cleanPath: dot segments and doubled slashes resolved, a slash at the end kept. */
export const cleanPath = (path: string): string => {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') kept.pop();
    else kept.push(part);
  }
  const cleaned = `/${kept.join('/')}`;
  return path.endsWith('/') && cleaned !== '/' ? `${cleaned}/` : cleaned;
};

/** Patterns of the kubelet's mux; one that ends in a slash matches the subtree. */
const PATTERNS: readonly string[] = [
  '/healthz',
  '/healthz/ping',
  '/healthz/log',
  '/healthz/syncloop',
  '/healthz/device-plugin',
  '/pods',
  '/pods/',
  '/stats/',
  '/metrics',
  '/metrics/cadvisor',
  '/metrics/probes',
  '/metrics/resource',
  '/metrics/slis',
  '/run/',
  '/exec/',
  '/attach/',
  '/portForward/',
  '/containerLogs/',
  '/configz',
  '/runningpods/',
  '/logs/',
  '/debug/pprof/',
  '/debug/flags/v',
  '/checkpoint/',
  '/statusz',
  '/flagz',
];

export type Match =
  | { readonly kind: 'match' }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'notFound' };

/** What the mux does with a target. `absent`: patterns that this kubelet does not have. */
export const matchPattern = (target: Target, absent: readonly string[] = []): Match => {
  const patterns = PATTERNS.filter((pattern) => !absent.includes(pattern));
  const cleaned = cleanPath(target.escapedPath);
  const segments = cleaned.split('/').map((segment) => unescape(segment) ?? segment);
  const matches = (pattern: string): boolean => {
    const wanted = pattern.split('/');
    const subtree = pattern.endsWith('/');
    if (subtree ? segments.length < wanted.length : segments.length !== wanted.length) return false;
    return wanted.every((part, at) => (subtree && at === wanted.length - 1) || part === segments[at]);
  };
  const known = patterns.some(matches);
  if (!known && patterns.includes(`${segments.join('/')}/`)) {
    return { kind: 'redirect', location: `${cleaned}/${target.search}` };
  }
  if (cleaned !== target.escapedPath) return { kind: 'redirect', location: `${cleaned}${target.search}` };
  return known ? { kind: 'match' } : { kind: 'notFound' };
};
