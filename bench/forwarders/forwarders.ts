// The forwarders that are compared, by name, and what each process is given.

import type { IssuedCertificate } from '../../src/pki/issue.ts';

export const FORWARDERS = ['kubelet-gateway', 'undici', 'node:https', 'http-proxy', 'http-proxy-3'] as const;
export type ForwarderName = (typeof FORWARDERS)[number];

export interface Material {
  readonly ca: string;
  readonly server: IssuedCertificate;
  readonly client: IssuedCertificate;
  readonly backendPort: number;
}
