// Cookies of the gateway (RFC 6265bis). All have the prefix `__Host-`: a browser keeps them for this host alone, over TLS
// alone, and takes them from nobody else. A value that is too long for one cookie is split over several.

import type { HeaderLines } from '../core/headers.ts';

export const SESSION_COOKIE = '__Host-kubelet-gateway';
/** One for each sign-in under way, followed by a dot and what tells them apart. */
export const LOGIN_COOKIE = '__Host-kubelet-gateway-login';
/** Says that this browser was sent to sign in by itself a moment ago. Holds nothing. */
export const ATTEMPT_COOKIE = '__Host-kubelet-gateway-attempt';

/** Browsers take 4,096 bytes for a cookie with its name and attributes. */
const MAX_VALUE_LENGTH = 3_800;
const MAX_PARTS = 6;

/** The longest value that can be set. */
export const MAX_SPLIT_LENGTH = MAX_VALUE_LENGTH * MAX_PARTS - 2;

const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax';

export type Cookies = ReadonlyMap<string, string>;

/** The gateway's own cookies of a request. One that is there twice is none: a browser sends none twice. */
export function readCookies(headers: HeaderLines): Cookies {
  const found = new Map<string, string>();
  const twice = new Set<string>();
  for (const line of headers.all('cookie')) {
    if (!line.includes(SESSION_COOKIE)) continue;
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=');
      const name = pair.slice(0, Math.max(equals, 0)).trim();
      if (!name.startsWith(SESSION_COOKIE)) continue;
      if (found.has(name)) twice.add(name);
      found.set(name, pair.slice(equals + 1).trim());
    }
  }
  for (const name of twice) found.delete(name);
  return found;
}

export const setCookie = (name: string, value: string, maxAgeSeconds: number): string =>
  `${name}=${value}; ${ATTRIBUTES}; Max-Age=${Math.max(0, Math.floor(maxAgeSeconds))}`;

export const clearCookie = (name: string): string => setCookie(name, '', 0);

/**
 * Lines that set a value of any length up to MAX_SPLIT_LENGTH, and clear what an earlier, longer value left behind.
 *
 *   NAME    = 3.first part
 *   NAME.1  = second part
 *   NAME.2  = third part
 */
export function setSplitCookie(
  name: string,
  value: string,
  maxAgeSeconds: number,
  before: Cookies,
): readonly string[] {
  if (value.length > MAX_SPLIT_LENGTH) throw new RangeError('the value is too long for cookies');
  const count = Math.ceil((value.length + 2) / MAX_VALUE_LENGTH);
  const text = `${count}.${value}`;
  const parts = Array.from({ length: count }, (_, index) =>
    text.slice(index * MAX_VALUE_LENGTH, (index + 1) * MAX_VALUE_LENGTH),
  );
  return [
    ...parts.map((part, index) => setCookie(toPartName(name, index), part, maxAgeSeconds)),
    ...clearParts(name, before, count),
  ];
}

/** Lines that clear a split value, as far as the browser has it. */
export const clearSplitCookie = (name: string, before: Cookies): readonly string[] =>
  clearParts(name, before, 0);

const clearParts = (name: string, before: Cookies, from: number): readonly string[] =>
  Array.from({ length: MAX_PARTS - from }, (_, index) => toPartName(name, from + index))
    .filter((part) => before.has(part))
    .map(clearCookie);

/** Undefined when there is none, or not all of it. */
export function readSplitCookie(cookies: Cookies, name: string): string | undefined {
  const [, digit, first = ''] = /^([1-9])\.(.*)$/.exec(cookies.get(name) ?? '') ?? [];
  const count = Number(digit ?? 0);
  if (count < 1 || count > MAX_PARTS) return undefined;
  let value = first;
  for (let index = 1; index < count; index++) {
    const part = cookies.get(toPartName(name, index));
    if (part === undefined) return undefined;
    value += part;
  }
  return value;
}

const toPartName = (name: string, index: number): string => (index === 0 ? name : `${name}.${index}`);
