// Whose serving certificate a kubelet shows: the name by RFC 9525 or, where the configuration says so, the subject that
// Kubernetes' signer kubernetes.io/kubelet-serving gives it; and the key by its pin (RFC 7469 §2.4). Promises: a common
// name alone never counts, and where a pin stands for an authority, time and purpose are still looked at.

import type { X509Certificate } from 'node:crypto';
import { hash } from 'node:crypto';
import { isIP } from 'node:net';
import type { ServingTrust } from '../core/node.ts';
import type { CertificateFacts } from '../pki/certificate.ts';
import { parseCertificate } from '../pki/certificate.ts';

/** What the subject of every kubelet's own certificate begins with (kubernetes pkg/apis/certificates/helpers.go). */
const NODE_USER_PREFIX = 'system:node:';

const NODES_GROUP = 'system:nodes';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_USAGE = '2.5.29.37.0';

/** Whether a pin alone says which key is trusted, and no chain is verified. */
export const isPinOnly = ({ certificateAuthority, pins }: ServingTrust): boolean =>
  certificateAuthority === '' && pins !== undefined;

/**
 * What is wrong with the identity of a leaf whose chain has been verified; undefined when nothing is. The error's code
 * is one of node:tls or begins with ERR_SERVING_.
 */
export function checkServingIdentity(trust: ServingTrust, leaf: X509Certificate): Error | undefined {
  return checkName(trust.serverName, leaf) ?? checkPin(trust, leaf);
}

/** The same of a leaf that no chain was verified of, since a pin says which it is. `now`: milliseconds since the epoch. */
export function checkPinnedIdentity(
  trust: ServingTrust,
  leaf: X509Certificate,
  now: number,
): Error | undefined {
  // The key before all else: what a stranger's certificate says is of no interest.
  const wrongKey = trust.pins === undefined ? problem('ERR_SERVING_PIN', 'no pin') : checkPin(trust, leaf);
  if (wrongKey !== undefined) return wrongKey;
  if (now < leaf.validFromDate.getTime()) return problem('CERT_NOT_YET_VALID', 'is not valid yet');
  if (now > leaf.validToDate.getTime()) return problem('CERT_HAS_EXPIRED', 'has expired');
  const facts = read(leaf);
  if (facts === undefined) return problem('ERR_SERVING_SUBJECT', 'cannot be read');
  const { extendedKeyUsages: usages } = facts;
  return usages === undefined || usages.includes(SERVER_AUTH) || usages.includes(ANY_USAGE)
    ? undefined
    : problem('INVALID_PURPOSE', 'is not for servers');
}

/** `sha256/` and the digest of the certificate's SubjectPublicKeyInfo are how a pin is written; this is the digest. */
export const toPin = (certificate: X509Certificate): string =>
  hash('sha256', certificate.publicKey.export({ type: 'spki', format: 'der' }), 'base64');

function checkPin({ pins }: ServingTrust, leaf: X509Certificate): Error | undefined {
  if (pins === undefined) return undefined;
  const pin = toPin(leaf);
  return pins.includes(pin)
    ? undefined
    : problem('ERR_SERVING_PIN', `has the key sha256/${pin}, which is not pinned for this node`);
}

function checkName(serverName: string, leaf: X509Certificate): Error | undefined {
  if (serverName.startsWith(NODE_USER_PREFIX)) return checkSubject(serverName, leaf);
  // Names count as subject alternative names only: Node's own check falls back to the common name.
  const matched =
    isIP(serverName) === 0
      ? leaf.checkHost(serverName, { subject: 'never', partialWildcards: false })
      : leaf.checkIP(serverName);
  if (matched !== undefined) return undefined;
  const names = leaf.subjectAltName ?? 'none';
  return problem('ERR_TLS_CERT_ALTNAME_INVALID', `is not valid for ${serverName}; its names: ${names}`);
}

/**
 * The whole subject and nothing beside it. A kubelet's client certificate has the same one and may be of the same
 * authority: the purpose must therefore be named, while elsewhere a certificate without any is good for servers too.
 */
function checkSubject(userName: string, leaf: X509Certificate): Error | undefined {
  const facts = read(leaf);
  if (facts === undefined) return problem('ERR_SERVING_SUBJECT', 'has a subject that cannot be read');
  const { commonNames, organizations, attributeCount } = facts.subject;
  const isWhole = attributeCount === 2 && commonNames.length === 1 && organizations.length === 1;
  if (!isWhole || commonNames[0] !== userName || organizations[0] !== NODES_GROUP) {
    const names = JSON.stringify({ CN: commonNames, O: organizations });
    return problem(
      'ERR_SERVING_SUBJECT',
      `is not that of ${userName} in ${NODES_GROUP}; its subject: ${names}`,
    );
  }
  return facts.extendedKeyUsages?.includes(SERVER_AUTH) === true
    ? undefined
    : problem('INVALID_PURPOSE', 'does not say that it is for servers');
}

/** Undefined when it holds what cannot be read for certain. */
function read(leaf: X509Certificate): CertificateFacts | undefined {
  try {
    return parseCertificate(leaf.raw);
  } catch {
    return undefined;
  }
}

const problem = (code: string, what: string): Error =>
  Object.assign(new Error(`the certificate ${what}`), { code });
