// CertificateSigningRequest (k8s.io/api certificates/v1 types.go): what is sent to create and to approve one, and the
// decoder of its state. What does not look like an answer is no answer.

import { toRecord } from './decode.ts';

export interface SigningRequestSpec {
  /** PEM of a PKCS #10 request. */
  readonly request: string;
  readonly signerName: string;
  readonly expirationSeconds: number;
}

export interface SigningRequest {
  readonly name: string;
  /** As the API server sent it, for an update. */
  readonly object: Readonly<Record<string, unknown>>;
  readonly state:
    | { readonly kind: 'pending' }
    /** PEM, leaf first. */
    | { readonly kind: 'issued'; readonly certificate: string }
    /** `reason` is a condition's, which is one word. */
    | { readonly kind: 'refused'; readonly reason: string };
}

export const SIGNING_REQUEST_PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

const API_VERSION = 'certificates.k8s.io/v1';
const KIND = 'CertificateSigningRequest';

const toBase64 = (text: string): string => Buffer.from(text).toString('base64');

export const toSigningRequestPath = (name: string): string =>
  `${SIGNING_REQUEST_PATH}/${encodeURIComponent(name)}`;

export const toApprovalPath = (name: string): string => `${toSigningRequestPath(name)}/approval`;

/** The API server adds the end of the name: several gateways, and several requests, never meet in one. */
export const toSigningRequestBody = ({
  request,
  signerName,
  expirationSeconds,
}: SigningRequestSpec): string =>
  JSON.stringify({
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { generateName: 'kubelet-gateway-' },
    spec: {
      request: toBase64(request),
      signerName,
      expirationSeconds,
      usages: ['digital signature', 'client auth'],
    },
  });

/** Whether an object is what was sent: whoever approves must know what. */
export function isOfSpec({ object }: SigningRequest, sent: SigningRequestSpec): boolean {
  const { request, signerName } = toRecord(object['spec'] ?? {}, 'spec');
  return request === toBase64(sent.request) && signerName === sent.signerName;
}

export function toApprovalBody({ object }: SigningRequest): string {
  const status = toRecord(object['status'] ?? {}, 'status');
  const condition = {
    type: 'Approved',
    status: 'True',
    reason: 'KubeletGateway',
    message: 'a short-lived certificate for a signed-in user, kept in the memory of the gateway',
  };
  return JSON.stringify({
    ...object,
    status: { ...status, conditions: [...toConditions(status), condition] },
  });
}

/** Throws a TypeError or SyntaxError that says what is wrong with the answer. */
export function parseSigningRequest(body: string): SigningRequest {
  const object = toRecord(JSON.parse(body), 'the answer');
  if (object['apiVersion'] !== API_VERSION || object['kind'] !== KIND) {
    throw new TypeError(`the answer is not a ${API_VERSION} ${KIND}`);
  }
  const { name } = toRecord(object['metadata'], 'metadata');
  if (typeof name !== 'string' || name === '') throw new TypeError('metadata has no name');
  return { name, object, state: toState(toRecord(object['status'] ?? {}, 'status')) };
}

function toState(status: Readonly<Record<string, unknown>>): SigningRequest['state'] {
  for (const { type, reason } of toConditions(status)) {
    if (type === 'Denied' || type === 'Failed') {
      return { kind: 'refused', reason: typeof reason === 'string' ? reason : type };
    }
  }
  const certificate = status['certificate'] ?? '';
  if (typeof certificate !== 'string') throw new TypeError('status.certificate is not a string');
  return certificate === ''
    ? { kind: 'pending' }
    : { kind: 'issued', certificate: Buffer.from(certificate, 'base64').toString('latin1') };
}

function toConditions(
  status: Readonly<Record<string, unknown>>,
): readonly Readonly<Record<string, unknown>>[] {
  const conditions: unknown = status['conditions'] ?? [];
  if (!Array.isArray(conditions)) throw new TypeError('status.conditions is not a list');
  return conditions.map((condition) => toRecord(condition, 'a condition'));
}
