// What can be said of the gateway's own credential before anybody is shown it.

import { X509Certificate } from 'node:crypto';
import type { KubeletCredential } from '../core/node.ts';
import type { Finding } from './finding.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { expiresSoon } from './certificate.ts';
import { quoteForeign } from './finding.ts';
import { toTokenSubjects } from './token-subject.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';

/** Who a kubelet takes its holder for: `User NAME` and a `Group NAME` for each group; for a token its ServiceAccount. */
export function toSubjects({ material }: KubeletCredential): readonly string[] {
  if (material.kind !== 'certificate') return toTokenSubjects(material.token.reveal());
  const { commonNames, organizations } = parseCertificate(
    new X509Certificate(material.certificate).raw,
  ).subject;
  return [...commonNames.map((name) => `User ${name}`), ...organizations.map((name) => `Group ${name}`)];
}

/** `now`: milliseconds since the epoch. */
export function judgeCredential({ name, material }: KubeletCredential, now: number): readonly Finding[] {
  if (material.kind !== 'certificate') return [];
  const certificate = new X509Certificate(material.certificate);
  const { validFromDate: from, validToDate: to } = certificate;
  const about = `the certificate of the credential ${JSON.stringify(name)} (${quoteForeign(certificate.subject)})`;
  const isOut = now < from.getTime() || now > to.getTime();
  const isLate = !isOut && expiresSoon(certificate, now);
  const usages = parseCertificate(certificate.raw).extendedKeyUsages;
  const isForClients = usages === undefined || usages.includes(CLIENT_AUTH) || usages.includes(ANY_USAGE);
  return [
    ...(isOut || isLate
      ? [
          {
            id: isOut ? 'credential-out-of-time' : 'credential-expires-soon',
            severity: isOut ? ('error' as const) : ('warning' as const),
            what: `${about} is valid from ${from.toISOString()} to ${to.toISOString()}, and here it is ${new Date(now).toISOString()}`,
            why: 'A kubelet answers it with 401 outside of this time, by its own clock.',
            todo: 'Renew the files; the gateway reads them again by itself.',
          },
        ]
      : []),
    ...(isForClients
      ? []
      : [
          {
            id: 'credential-wrong-purpose',
            severity: 'error' as const,
            what: `${about} is not for clients`,
            why: 'A kubelet answers it with 401.',
            todo: 'Issue it with the extended key usage clientAuth (1.3.6.1.5.5.7.3.2).',
          },
        ]),
  ];
}
