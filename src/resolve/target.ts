// Parses a request target (RFC 9112 §3.2) once, strictly. Go's and the WHATWG's URL parsers read the odd ones in
// different ways, and an authorizer and a router that disagree are a hole: what could be read in two ways is refused.

import { Fault } from '../core/fault.ts';

export interface Target {
  /** Decoded path segments; a path that ends in a slash ends in an empty one. Never `.`, `..` or an inner empty one. */
  readonly segments: readonly string[];
  /** The path held percent-encoding. Only file names below `/logs/` may. */
  readonly encoded: boolean;
  /** Decoded names and values, in order. */
  readonly pairs: readonly (readonly [name: string, value: string])[];
}

/** A script in `exec -- sh -c` is in the query. */
const MAX_TARGET_LENGTH = 128 * 1024;
/** Linux's PATH_MAX: nothing below `/logs/` has a longer name. */
const MAX_PATH_LENGTH = 4096;

/** RFC 3986 §3.3 pchar and `/`, less `;`. */
const PATH_CHARACTERS = /^[-A-Za-z0-9._~!$&'()*+,=:@%/]*$/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
/** An escape of an unreserved character (RFC 3986 §2.3): two spellings of one path. Holds `%2e`. */
const NEEDLESS_ESCAPE = /%(2[DEde]|3[0-9]|[46][1-9A-Fa-f]|5[0-9AFaf]|7[0-9AEae])/;

/** Throws BadRequest, naming the rule. */
export function parseTarget(raw: string): Target {
  if (raw.length > MAX_TARGET_LENGTH) throw refusal(`is longer than ${MAX_TARGET_LENGTH} characters`);
  if (!raw.startsWith('/')) throw refusal('must be a path (origin-form)');
  if (/[^\x21-\x7e]/.test(raw)) throw refusal('holds a control, space or non-ASCII character');
  if (raw.includes('#')) throw refusal('holds a fragment');
  if (raw.includes('\\')) throw refusal('holds a backslash');
  if (raw.includes(';')) throw refusal("holds a semicolon; write '%3B'");
  if (BAD_ESCAPE.test(raw)) throw refusal('holds a malformed percent-escape');
  const question = raw.indexOf('?');
  const path = question < 0 ? raw : raw.slice(0, question);
  return {
    segments: parsePath(path),
    encoded: path.includes('%'),
    pairs: question < 0 ? [] : parseQuery(raw.slice(question + 1)),
  };
}

function parsePath(path: string): readonly string[] {
  if (path.length > MAX_PATH_LENGTH) throw refusal(`has a path of more than ${MAX_PATH_LENGTH} characters`);
  if (!PATH_CHARACTERS.test(path)) throw refusal('has a character in its path that must be percent-encoded');
  if (path.includes('//')) throw refusal('has an empty path segment (//)');
  const segments = path.slice(1).split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) throw refusal('has a dot segment');
  return path.includes('%') ? segments.map(decodeSegment) : segments;
}

function decodeSegment(segment: string): string {
  if (NEEDLESS_ESCAPE.test(segment)) throw refusal('percent-encodes a character that needs no encoding');
  const decoded = decode(segment);
  if (/[/\\%\p{Cc}]/u.test(decoded)) {
    throw refusal(
      "percent-encodes a slash, backslash, percent sign or control character in its path ('%2F' …)",
    );
  }
  return decoded;
}

/** application/x-www-form-urlencoded, as far as Go's and the WHATWG's parsers agree. */
function parseQuery(query: string): Target['pairs'] {
  const pairs: (readonly [string, string])[] = [];
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodeParameter(equals < 0 ? pair : pair.slice(0, equals));
    if (name === '') throw refusal('has a query parameter without a name');
    pairs.push([name, equals < 0 ? '' : decodeParameter(pair.slice(equals + 1))]);
  }
  return pairs;
}

function decodeParameter(raw: string): string {
  const text = raw.includes('+') ? raw.replaceAll('+', ' ') : raw;
  const decoded = text.includes('%') ? decode(text) : text;
  if (decoded.includes('\0')) throw refusal('holds a NUL character in its query');
  return decoded;
}

/** Strict, unlike a TextDecoder by default: no replacement characters, no byte order mark dropped. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw refusal('percent-encodes bytes that are not UTF-8', error);
  }
}

const refusal = (rule: string, cause?: unknown): Fault =>
  new Fault('BadRequest', `the request target ${rule}`, { cause });
