// Takes bearer material out of text that is about to be logged. Nothing in the gateway puts a token into a log line on
// purpose; this is the second wall, for what a client writes into its own request (`?access_token=…`, RFC 6750 §2.3)
// and for what a library writes into an error. Every pattern is linear in its input: a client chooses 128 kB of it.

const REDACTED = '[redacted]';

/** What may stand before a parameter's name, and its `=`. Percent-encoded forms count: somebody may decode them. */
const SEPARATOR = /[?&;#/=]|%3f|%26|%3b|%23|%3d/gi;

/** Parameter names whose value is taken to be a secret. */
const SECRET_NAME =
  /token|secret|passw|passphrase|authorization|assertion|credential|api[-_.]?key|session[-_.]?id|^(?:code|bearer|jwt)$/i;
const MAX_NAME_LENGTH = 200;

/** A JSON Web Token or JWE in compact form: its head is always base64url of `{"`. Counted dots decide. */
const COMPACT_JOSE = /eyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g;
const AUTHORIZATION = /(bearer|basic)(\s+|%20|\+)[\w.~+/=-]{16,}/gi;
/** The WebSocket subprotocol that carries a token (apiserver pkg/authentication/request/websocket). */
const BEARER_PROTOCOL = /(base64url\.bearer\.authorization\.k8s\.io\.)[\w=-]+/gi;
/** In a JSON string a line ends with a backslash and an n. */
const PRIVATE_KEY = /(-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----)(?:[A-Za-z0-9+/=\s]|\\[rn])*/g;
const USER_INFO = /^([a-z][a-z0-9+.-]{0,20}:\/\/)[^/?#@]*@/i;

/** A request target with the values of secret-looking parameters replaced. Everything else stays as it was written. */
export function redactTarget(target: string): string {
  let text = target;
  if (text.includes('@')) text = text.replace(USER_INFO, `$1${REDACTED}@`);
  if (text.includes('=') || text.includes('%3')) text = redactParameters(text);
  return redactText(text);
}

function redactParameters(text: string): string {
  const separator = new RegExp(SEPARATOR);
  let result = '';
  let copied = 0;
  let nameAt = 0;
  for (let match = separator.exec(text); match !== null; match = separator.exec(text)) {
    const valueAt = match.index + match[0].length;
    const isEquals = match[0] === '=' || match[0].toLowerCase() === '%3d';
    if (isEquals && isSecretName(text.slice(Math.max(nameAt, match.index - MAX_NAME_LENGTH), match.index))) {
      const next = text.indexOf('&', valueAt);
      result += text.slice(copied, valueAt) + REDACTED;
      copied = next < 0 ? text.length : next;
      separator.lastIndex = copied;
    }
    nameAt = Math.max(valueAt, copied);
  }
  return result + text.slice(copied);
}

function isSecretName(name: string): boolean {
  const decoded = name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return SECRET_NAME.test(decoded);
}

/** What every secret below has in it. Most text has none, and is looked through once. */
const SUSPECT = /eyJ|[Bb](?:[Ee][Aa][Rr][Ee][Rr]|[Aa][Ss][Ii][Cc])|PRIVATE KEY-----/;

/** Free text (a log line, a user agent) with tokens, authorization values and private keys replaced. */
export function redactText(text: string): string {
  if (!SUSPECT.test(text)) return text;
  let result = text.replace(COMPACT_JOSE, (run) => (run.split('.').length > 2 ? REDACTED : run));
  result = result.replace(BEARER_PROTOCOL, `$1${REDACTED}`).replace(AUTHORIZATION, `$1$2${REDACTED}`);
  return result.replace(PRIVATE_KEY, `$1${REDACTED}`);
}
