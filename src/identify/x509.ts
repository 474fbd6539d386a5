// X.509 client certificates, read as the kubelet reads them (apiserver pkg/authentication/request/x509): CN is the
// user, O the groups. The TLS layer only asks for a certificate; whether it counts is decided here, at each request.

import { createHash } from 'node:crypto';
import type { PresentedCertificate } from '../core/exchange.ts';
import type { Clock } from '../core/ports.ts';
import type { Authentication, User } from '../core/user.ts';
import type { CertificateFacts } from '../pki/certificate.ts';
import { createChainVerifier } from '../pki/chain.ts';
import type { Validity, Way } from '../pki/chain.ts';
import type { RevocationLists } from '../pki/revocation.ts';
import { parseRevocationLists } from '../pki/revocation.ts';
import { CREDENTIAL_ID } from '../core/user.ts';
import { nameProblem, withAuthenticated } from './names.ts';
import { unauthorized } from './refusals.ts';

/** Throws a Fault (Unauthorized) unless the certificate names a user now. */
export type CertificateAuthenticator = (presented: PresentedCertificate) => Authentication;

type Kept =
  | { readonly kind: 'user'; readonly user: User; readonly ways: readonly Way[] }
  | { readonly kind: 'refused'; readonly message: string };

export interface CertificateOptions {
  /** PEM with the accepted authorities. */
  readonly clientCA: string;
  /** PEM or DER. Absent: nothing is revoked. */
  readonly revocationLists?: Uint8Array;
  /** From notBefore to notAfter; absent: any. */
  readonly maxLifetimeMs?: number;
}

/**
 * Chains are verified once a connection and authenticator; time and revocation are looked at each time. A new client CA
 * or revocation list is a new authenticator, which has verified nothing yet. Throws an Error when the bundle or the
 * lists cannot be used.
 */
export function createCertificateAuthenticator(
  { clock }: { readonly clock: Clock },
  { clientCA, revocationLists, maxLifetimeMs = Infinity }: CertificateOptions,
): CertificateAuthenticator {
  const verifyChain = createChainVerifier(clientCA);
  const lists = revocationLists && parseRevocationLists(revocationLists, clientCA);
  const kept = new WeakMap<PresentedCertificate, Kept>();

  const read = (presented: PresentedCertificate): Kept => {
    const chain = verifyChain(presented);
    if (chain.kind === 'refused') return chain;
    if (chain.validity.notAfter - chain.validity.notBefore > maxLifetimeMs) {
      return { kind: 'refused', message: 'is valid for longer in all than is accepted here' };
    }
    const user = toUser(chain.facts, presented.leaf);
    return typeof user === 'string'
      ? { kind: 'refused', message: user }
      : { kind: 'user', user, ways: chain.ways };
  };

  return (presented) => {
    let known = kept.get(presented);
    if (known === undefined) kept.set(presented, (known = read(presented)));
    if (known.kind === 'refused') throw unauthorized(`the client certificate ${known.message}`);
    const now = clock.now();
    const ways = unrevoked(known.ways, lists, now);
    return { user: known.user, method: 'x509', expiresAt: validUntil(ways, now) };
  };
}

/** The ways on which nothing is revoked, by lists that are up to date. Throws a Fault when there is none. */
function unrevoked(ways: readonly Way[], lists: RevocationLists | undefined, now: number): readonly Way[] {
  if (lists === undefined) return ways;
  let problem: string | undefined;
  const good = ways.filter(({ links }) =>
    links.every(({ issuer, serialNumber }) => {
      const list = lists.get(issuer);
      const wrong =
        list === undefined
          ? 'cannot be checked for revocation: there is no revocation list of an authority that issued it'
          : now > list.nextUpdate
            ? 'cannot be checked for revocation: the revocation list of an authority is out of date'
            : list.isRevoked(serialNumber)
              ? 'has been revoked, or one that it was issued by'
              : undefined;
      problem ??= wrong;
      return wrong === undefined;
    }),
  );
  if (good.length === 0) throw unauthorized(`the client certificate ${problem ?? 'cannot be checked'}`);
  return good;
}

/** The latest end of those chains that hold now. */
function validUntil(validities: readonly Validity[], now: number): number {
  let until: number | undefined;
  for (const { notBefore, notAfter } of validities) {
    if (notBefore <= now && now <= notAfter) until = Math.max(until ?? 0, notAfter);
  }
  if (until !== undefined) return until;
  throw unauthorized(
    validities.every(({ notBefore }) => now < notBefore)
      ? 'the client certificate, or one that it was issued by, is not valid yet'
      : 'the client certificate, or one that it was issued by, has expired',
  );
}

/** The user, or what is wrong, as an end of "the client certificate …". */
function toUser({ subject }: CertificateFacts, leaf: Uint8Array): User | string {
  const [name, ...otherNames] = subject.commonNames;
  if (name === undefined) return 'names no user: it has no common name';
  if (otherNames.length > 0) return 'has more than one common name';
  const [uid, ...otherUids] = subject.uids;
  if (otherUids.length > 0) return 'has more than one user id';
  for (const [what, value] of [
    ['common name', name],
    ...subject.organizations.map((organization) => ['organization', organization] as const),
    ...(uid === undefined ? [] : ([['user id', uid]] as const)),
  ] as const) {
    const problem = nameProblem(value);
    if (problem !== undefined) return `has a ${what} that ${problem}`;
  }
  return {
    name,
    uid: uid ?? '',
    groups: withAuthenticated(subject.organizations),
    extra: { [CREDENTIAL_ID]: [`X509SHA256=${createHash('sha256').update(leaf).digest('hex')}`] },
  };
}
