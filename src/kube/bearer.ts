// The Authorization header of a connection to an API server. A token file is read again when it changes, because a
// projected ServiceAccount token is replaced in place before it expires (KEP-1205).

import { readFile, stat } from 'node:fs/promises';
import type { KubeCredential } from '../core/kube-connection.ts';
import { Secret } from '../core/secret.ts';

/** The header's value; undefined when the connection authenticates by certificate. */
export type Bearer = () => Promise<string | undefined>;

/** The returned function rejects when a token file has never been readable; later it keeps the last good token. */
export function createBearer(credential: KubeCredential): Bearer {
  switch (credential.kind) {
    case 'certificate':
      return () => Promise.resolve(undefined);
    case 'token':
      return () => Promise.resolve(`Bearer ${credential.token.reveal()}`);
    case 'tokenFile':
      return createFileBearer(credential.path);
  }
}

function createFileBearer(path: string): Bearer {
  let version = '';
  let token: Secret | undefined;
  return async () => {
    try {
      const { ino, mtimeMs, size } = await stat(path);
      const current = `${ino} ${mtimeMs} ${size}`;
      if (current !== version) {
        token = parseToken(await readFile(path, 'utf8'));
        version = current;
      }
    } catch (error) {
      if (token === undefined) throw error;
    }
    return token === undefined ? undefined : `Bearer ${token.reveal()}`;
  };
}

function parseToken(text: string): Secret {
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new TypeError('the token file does not hold one token');
  return new Secret(token);
}
