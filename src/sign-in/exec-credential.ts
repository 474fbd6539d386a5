// The other half of kubectl's exec plugins (client.authentication.k8s.io, KEP-541): what kubectl says in
// KUBERNETES_EXEC_INFO, and the ExecCredential that it reads from standard output.

import type { Tokens } from './provider.ts';
import { SignInError } from './sign-in-error.ts';

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** The apiVersion to answer with. Throws a SignInError for a caller that speaks another language. */
export function readExecInfo(text: string): string {
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch (cause) {
    throw new SignInError('KUBERNETES_EXEC_INFO is not JSON', cause);
  }
  const version =
    typeof info === 'object' && info !== null && 'apiVersion' in info ? info.apiVersion : undefined;
  if (typeof version === 'string' && VERSIONS.includes(version)) return version;
  throw new SignInError(`KUBERNETES_EXEC_INFO has another apiVersion than ${VERSIONS.join(' or ')}`);
}

/** kubectl asks again when the time has come; it makes no allowance of its own. */
export const toExecCredential = (apiVersion: string, { token, expiresAt }: Tokens): string =>
  JSON.stringify({
    kind: 'ExecCredential',
    apiVersion,
    spec: { interactive: false },
    status: { token, expirationTimestamp: new Date(expiresAt).toISOString() },
  });
