// What is wrong with a kubelet's serving certificate, in words. Pure: certificates, trust and time in, findings out. Whether
// the gateway trusts it is the dial's to say and is not decided here.

import { X509Certificate } from 'node:crypto';
import type { NodeEntry } from '../core/node.ts';
import type { Finding } from './finding.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { checkServingIdentity, isPinOnly, toPin } from '../outbound/serving-identity.ts';
import { info, quoteForeign, toPlain } from './finding.ts';

type Chain = readonly [X509Certificate, ...X509Certificate[]];

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_USAGE = '2.5.29.37.0';
/** A kubelet renews its own long before the last fifth of its life. */
const LAST_PART = 0.2;
const SOON_MS = 7 * 86_400_000;

/** Whether a certificate that counts now is at its end: in the last fifth of its life and in its last week. */
export const expiresSoon = (
  { validFromDate: from, validToDate: to }: X509Certificate,
  now: number,
): boolean => to.getTime() - now < Math.min(SOON_MS, LAST_PART * (to.getTime() - from.getTime()));

/** `now`: milliseconds since the epoch. */
export function judgeCertificate(entry: NodeEntry, chain: Chain, now: number): readonly Finding[] {
  const [leaf] = chain;
  return [
    info(
      'certificate',
      `the certificate says ${quoteForeign(leaf.subject)}, by ${quoteForeign(leaf.issuer)}, valid until ${leaf.validToDate.toISOString()}; its key is sha256/${toPin(leaf)}`,
    ),
    ...judgeTime(leaf, now),
    ...(isPinOnly(entry) ? [] : judgeIssuer(entry, chain, now)),
    ...judgeIdentity(entry, leaf),
    ...judgePurpose(leaf),
  ];
}

function judgeTime(leaf: X509Certificate, now: number): Finding[] {
  const from = leaf.validFromDate.getTime();
  const to = leaf.validToDate.getTime();
  const ours = new Date(now).toISOString();
  if (now < from) {
    return [
      {
        id: 'certificate-not-yet-valid',
        severity: 'error',
        what: `the node's certificate is valid from ${leaf.validFromDate.toISOString()} on, and here it is ${ours}`,
        why: 'The gateway trusts no certificate before its time.',
        todo: 'Compare the clocks of the gateway, of the node and of whoever signed the certificate; one of them is wrong.',
      },
    ];
  }
  if (now > to) {
    return [
      {
        id: 'certificate-expired',
        severity: 'error',
        what: `the node's certificate has expired at ${leaf.validToDate.toISOString()}, and here it is ${ours}`,
        why: 'The gateway trusts no certificate after its time.',
        todo: 'With serverTLSBootstrap the kubelet asks for a new one by itself: look for a CertificateSigningRequest of the signer kubernetes.io/kubelet-serving that waits for approval. Else replace the files of tlsCertFile and tlsPrivateKeyFile and restart the kubelet.',
      },
    ];
  }
  if (!expiresSoon(leaf, now)) return [];
  return [
    {
      id: 'certificate-expires-soon',
      severity: 'warning',
      what: `the node's certificate expires at ${leaf.validToDate.toISOString()}`,
      why: 'From then on the gateway cannot reach the node.',
      todo: 'See that it is renewed: with serverTLSBootstrap, that its CertificateSigningRequest is approved.',
    },
  ];
}

function judgeIssuer({ certificateAuthority }: NodeEntry, chain: Chain, now: number): Finding[] {
  const authorities = toCertificates(certificateAuthority);
  const [leaf] = chain;
  const way = toWay(chain, authorities);
  if (way.kind === 'found') {
    const late = [...way.between, way.authority].find(
      (certificate) => now > certificate.validToDate.getTime() || now < certificate.validFromDate.getTime(),
    );
    if (late === undefined) return [];
    return [
      {
        id: 'authority-out-of-time',
        severity: 'error',
        what: `the authority ${quoteForeign(late.subject)} is valid from ${late.validFromDate.toISOString()} to ${late.validToDate.toISOString()} only`,
        why: 'What an authority has signed counts for as long as the authority does.',
        todo: 'Give the node a certificate of the authority that came after it, and put that one into the certificateAuthorityFile of the node.',
      },
    ];
  }
  if (isSelfSigned(leaf)) {
    return [
      {
        id: 'certificate-self-signed',
        severity: 'error',
        what: 'the node has signed its certificate itself, and is not trusted for that',
        why: 'A kubelet without serverTLSBootstrap and without tlsCertFile makes such a certificate at its first start. Anybody could make one that looks like it.',
        todo: `Set serverTLSBootstrap: true in the kubelet's configuration and approve its CertificateSigningRequest, or give it a certificate (tlsCertFile). If it must stay, pin its key for this node: sha256/${toPin(leaf)}, after comparing it on the node itself.`,
      },
    ];
  }
  const named = authorities.some((authority) => authority.subject === way.last.issuer);
  return [
    {
      id: named ? 'authority-other-key' : 'authority-other',
      severity: 'error',
      what: named
        ? `the node's certificate is by an authority called ${quoteForeign(way.last.issuer)}, which has the name of a trusted one and another key`
        : `the node's certificate is by ${quoteForeign(way.last.issuer)}; trusted for this node: ${authorities.map(({ subject }) => quoteForeign(subject)).join(', ')}`,
      why: named
        ? 'The authority was made anew, or somebody has given theirs the same name.'
        : 'The gateway trusts the authorities of the certificateAuthorityFile of the node and no others.',
      todo: 'Find out which authority signs the serving certificates of this cluster (with the signer kubernetes.io/kubelet-serving often that of the cluster itself, but not by rule), and put it into the certificateAuthorityFile; during a change, both. If an intermediate signs, the kubelet must show it too.',
    },
  ];
}

type Way =
  | {
      readonly kind: 'found';
      readonly between: readonly X509Certificate[];
      readonly authority: X509Certificate;
    }
  /** No authority has signed `last`. */
  | { readonly kind: 'none'; readonly last: X509Certificate };

/** From the leaf upwards through what was shown, to an authority. */
function toWay(chain: Chain, authorities: readonly X509Certificate[]): Way {
  const between: X509Certificate[] = [];
  let last: X509Certificate = chain[0];
  for (const next of [...chain.slice(1), undefined]) {
    const authority = authorities.find((candidate) => isIssuedBy(last, candidate));
    if (authority !== undefined) return { kind: 'found', between, authority };
    if (next === undefined || !isIssuedBy(last, next)) break;
    between.push(next);
    last = next;
  }
  return { kind: 'none', last };
}

const isSelfSigned = (leaf: X509Certificate): boolean => isIssuedBy(leaf, leaf);

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.issuer === issuer.subject && certificate.verify(issuer.publicKey);
  } catch {
    // A key of a kind that OpenSSL does not know verifies nothing.
    return false;
  }
}

function judgeIdentity(entry: NodeEntry, leaf: X509Certificate): Finding[] {
  const wrong = checkServingIdentity(entry, leaf);
  if (wrong === undefined) return [];
  const code = 'code' in wrong ? wrong.code : undefined;
  if (code === 'ERR_SERVING_PIN') {
    return [
      {
        id: 'certificate-other-key',
        severity: 'error',
        what: toPlain(wrong.message),
        why: 'The gateway trusts only the pinned keys of this node. The node has a new key, or it is another node.',
        todo: 'Compare the key on the node itself; if it is its own, pin it beside the old one.',
      },
    ];
  }
  // The purpose is judged by itself.
  if (code === 'INVALID_PURPOSE') return [];
  const names = leaf.subjectAltName;
  return [
    {
      id: 'certificate-wrong-name',
      severity: 'error',
      what:
        names === undefined
          ? `the node's certificate has no subject alternative names at all, only ${quoteForeign(leaf.subject)}; wanted is ${entry.serverName}`
          : `the node's certificate is for ${quoteForeign(names)}; wanted is ${entry.serverName}`,
      why: 'A common name does not count (RFC 9525), and a certificate of another node must not stand for this one.',
      todo: "Let the kubelet's certificate hold the name, set serverName of the node to one that it holds, or to system:node:NAME where the signer kubernetes.io/kubelet-serving makes the certificates. Where names and certificates are right, the address leads to another node.",
    },
  ];
}

function judgePurpose(leaf: X509Certificate): Finding[] {
  const usages = toUsages(leaf);
  if (usages === undefined) {
    return [
      {
        id: 'certificate-unreadable',
        severity: 'warning',
        what: "the node's certificate holds something that cannot be read for certain",
        why: 'What cannot be read cannot be judged.',
        todo: 'Look at it with openssl x509 -text, and replace it.',
      },
    ];
  }
  if (usages.length === 0 || usages.includes(SERVER_AUTH) || usages.includes(ANY_USAGE)) return [];
  return [
    {
      id: 'certificate-wrong-purpose',
      severity: 'error',
      what: `the node's certificate is not for servers: its extended key usages are ${usages.join(', ')}`,
      why: "A kubelet's client certificate, which is of another purpose, must not pass for a serving one.",
      todo: 'Give the kubelet a certificate with the usage serverAuth (1.3.6.1.5.5.7.3.1).',
    },
  ];
}

/** OIDs; empty: any usage. Undefined: not readable. */
function toUsages(leaf: X509Certificate): readonly string[] | undefined {
  try {
    return parseCertificate(leaf.raw).extendedKeyUsages ?? [];
  } catch {
    return undefined;
  }
}

function toCertificates(pem: string): readonly X509Certificate[] {
  return (pem.match(PEM_CERTIFICATE) ?? []).map((text) => new X509Certificate(text));
}
