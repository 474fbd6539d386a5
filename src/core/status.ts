// Kubernetes' Status object (apimachinery pkg/apis/meta/v1/types.go), the body of every answer that the gateway
// itself refuses with.

import type { Fault } from './fault.ts';

export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: 'Failure' | 'Success';
  readonly message: string;
  readonly reason: string;
  readonly details?: { readonly kind: string; readonly name: string };
  readonly code: number;
}

export const toStatus = (fault: Fault): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: fault.message,
  reason: fault.reason,
  ...(fault.details === undefined ? {} : { details: fault.details }),
  code: fault.code,
});
