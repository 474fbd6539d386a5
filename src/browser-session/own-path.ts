// Which addresses a person may be sent on to after signing in: paths of this gateway and nothing else. A browser reads
// `//evil`, `/\evil`, `https:evil` and a tab after the first slash (WHATWG URL §4.4) as another host.

/** The prefix of every page of the gateway's own: no path of a kubelet or of an API server begins so. */
const PAGES_PREFIX = '/-/';

/** Where somebody lands who wants to go nowhere in particular. */
export const HOME_PATH = '/-/home';

const MAX_LENGTH = 4_096;

/** Pages that somebody may be sent back to; the others begin or end a sign-in, and would do so again. */
const DESTINATIONS: ReadonlySet<string> = new Set([HOME_PATH, '/-/whoami']);

export function isOwnPath(text: string): boolean {
  if (text.length > MAX_LENGTH || !/^\/(?![/\\])[\x21-\x7e]*$/.test(text)) return false;
  const [path = ''] = text.split(/[?#]/, 1);
  // None of these is needed in any path here, and somebody between could decode them.
  if (
    text.includes('\\') ||
    text.includes('#') ||
    /%(?:[01][0-9a-f]|2f|5c|7f)/i.test(path) ||
    path.includes('//')
  )
    return false;
  try {
    const url = new URL(text, 'https://own.invalid');
    if (url.origin !== 'https://own.invalid' || `${url.pathname}${url.search}` !== text) return false;
  } catch {
    return false;
  }
  return !path.startsWith(PAGES_PREFIX) || DESTINATIONS.has(path);
}
