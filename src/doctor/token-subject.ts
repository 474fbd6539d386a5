// Whom a kubelet takes the holder of a ServiceAccount's token for. Read from the token without verification: it is the
// gateway's own, and all that depends on it is who is left out of a list.

import { parseSecretJson, toRecord } from '../kube/decode.ts';

/** `sub` of a ServiceAccount's token (k8s.io/apiserver, pkg/authentication/serviceaccount). */
const SERVICE_ACCOUNT = /^system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})$/;

/** As a binding may name it, in both ways. Its groups are shared with others, and are not among them. */
export const toServiceAccountSubjects = (namespace: string, name: string): readonly string[] => [
  `ServiceAccount ${namespace} ${name}`,
  `User system:serviceaccount:${namespace}:${name}`,
];

/** Empty for a token that is not a JWT of a ServiceAccount. Never throws. */
export function toTokenSubjects(token: string): readonly string[] {
  const [, payload, , ...more] = token.trim().split('.');
  if (payload === undefined || more.length > 0) return [];
  let subject: unknown;
  try {
    const claims = parseSecretJson(Buffer.from(payload, 'base64url').toString('utf8'));
    subject = toRecord(claims, 'the payload')['sub'];
  } catch {
    return [];
  }
  const [, namespace, name] = (typeof subject === 'string' && SERVICE_ACCOUNT.exec(subject)) || [];
  return namespace === undefined || name === undefined ? [] : toServiceAccountSubjects(namespace, name);
}
