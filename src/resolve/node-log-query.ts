// The journal query of `/logs/` (NodeLogQuery, KEP-2258). On Windows it has become a PowerShell line (CVE-2024-9042),
// so its characters come from a short list: no quotes, `$`, backticks, separators or redirections of any shell.

import type { NodeLogQuery } from '../core/action.ts';
import type { Parameters } from './parameters.ts';
import { badParameter } from './parameters.ts';
import { readInteger, readTime } from './values.ts';

const PATTERN = /^[-A-Za-z0-9 _.:@=/,^*+?[\]]{1,256}$/;

/** Undefined when no query is asked for. Throws BadRequest. */
export function readNodeLogQuery(parameters: Parameters): NodeLogQuery | undefined {
  const query = parameters.all('query');
  const sinceTime = readTime(parameters, 'sinceTime');
  const untilTime = readTime(parameters, 'untilTime');
  const tailLines = readInteger(parameters, 'tailLines', 0, 100_000);
  const pattern = parameters.one('pattern');
  const boot = readInteger(parameters, 'boot', -10_000, 0);
  if (pattern !== undefined && !PATTERN.test(pattern)) {
    throw badParameter('pattern', 'may hold letters, digits, spaces and - _ . : @ = / , ^ * + ? [ ] only');
  }
  const options = {
    ...(sinceTime !== undefined && { sinceTime }),
    ...(untilTime !== undefined && { untilTime }),
    ...(tailLines !== undefined && { tailLines }),
    ...(pattern !== undefined && { pattern }),
    ...(boot !== undefined && { boot }),
  };
  if (query.length === 0) {
    const [stray] = Object.keys(options);
    if (stray !== undefined) throw badParameter(stray, 'needs the parameter query');
    return undefined;
  }
  if (query.length > 4) throw badParameter('query', 'names more than 4 services');
  if (!query.every((name) => isService(name) || isFile(name))) {
    throw badParameter('query', 'must name a service, or a file without dot segments');
  }
  return { query, ...options };
}

const isService = (name: string): boolean => /^[A-Za-z0-9_][-A-Za-z0-9_.:@]{0,255}$/.test(name);

/** A value with a slash is a file below the log directory to a kubelet. */
const isFile = (name: string): boolean =>
  name.length <= 256 &&
  name.includes('/') &&
  name.split('/').every((part, index) => (part === '' ? index === 0 : isService(part)));
