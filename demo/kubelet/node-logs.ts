// GET /logs/…: Go's http.FileServer over the node's log directory. Listings, redirects between `x` and `x/`, whole files;
// no ranges and no conditions.

import { createReadStream, readdirSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { extname, join } from 'node:path';
import type { Answer } from './answer.ts';
import { muxNotFound } from './answer.ts';
import { cleanPath } from './target.ts';

const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.json', 'application/json'],
  ['.log', 'text/x-log; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
  ['.txt', 'text/plain; charset=utf-8'],
]);

const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

/** `path` is what follows `/logs`, decoded; it begins with a slash. */
export const nodeLogs = (directory: string, path: string): Answer => {
  const cleaned = cleanPath(path);
  if (cleaned.includes('\0')) return muxNotFound();
  const file = join(directory, cleaned.replace(/\/$/, ''));
  const stat = statOf(file);
  if (stat === undefined) return muxNotFound();
  const modified = ['Last-Modified', stat.mtime.toUTCString()] as const;
  const base = cleaned.split('/').findLast((part) => part !== '') ?? '';
  if (stat.isDirectory()) {
    if (!path.endsWith('/')) return local(`${base}/`);
    const headers = [['Content-Type', 'text/html; charset=utf-8'], modified] as const;
    return { status: 200, headers, body: listing(file) };
  }
  if (path.endsWith('/')) return local(`../${base}`);
  const headers = [
    ['Accept-Ranges', 'bytes'],
    ['Content-Length', String(stat.size)],
    ['Content-Type', TYPES.get(extname(file)) ?? 'text/plain; charset=utf-8'],
    modified,
  ] as const;
  return { status: 200, headers, body: createReadStream(file, { end: Math.max(stat.size - 1, 0) }) };
};

/** FileServer's own relative redirect. */
const local = (location: string): Answer => ({ status: 301, headers: [['Location', location]], body: '' });

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ["'", '&#39;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&#34;'],
]);

const listing = (directory: string): string => {
  const lines = readdirSync(directory, { withFileTypes: true })
    .map((entry) => `${entry.name}${entry.isDirectory() ? '/' : ''}`)
    .sort()
    .map((name) => {
      const shown = name.replaceAll(/[&'<>"]/g, (letter) => ESCAPES.get(letter) ?? letter);
      return `<a href="${encodeURI(name).replaceAll('?', '%3F').replaceAll('#', '%23')}">${shown}</a>\n`;
    });
  return `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${lines.join('')}</pre>\n`;
};
