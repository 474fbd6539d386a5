// What the tests' API server issues: tokens of ServiceAccounts (TokenRequest), and certificates (CertificateSigningRequest)
// by a signer that does with a request what kube-controller-manager does (pkg/controller/certificates/signer): it copies
// the subject, drops extensions, and takes usages and lifetime from the object.

import '../../src/pki/reflect.ts';
import { webcrypto } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as x509 from '@peculiar/x509';

export interface SentTokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}

export interface Issuing {
  /** TokenRequests, in order. */
  readonly tokenRequests: readonly SentTokenRequest[];
  /** Seconds that tokens really live; undefined: what was asked for. */
  tokenSeconds: number | undefined;
  /** Called before a token is issued: a promise makes it slow, a code refuses it. */
  onTokenRequest: (request: SentTokenRequest) => number | undefined | Promise<number | undefined>;
  /** PEM of the authority that signs certificates. */
  readonly authority: string;
  /** CertificateSigningRequests that were created, in order: their subjects. */
  readonly subjects: readonly string[];
  /** What was sent: `POST /apis/…`, in order. */
  readonly asked: readonly string[];
  /** Names of those that are there now. */
  readonly present: readonly string[];
  /** What becomes of an approved request. Default: signed. */
  signing: 'signed' | 'never' | 'failed' | 'wrongSubject' | 'asServer' | 'garbage';
  /** What becomes of a request that the client does not approve. Default: nothing. */
  approver: 'none' | 'approves' | 'denies';
  /** Called with the PEM of a new request: what is kept of it. */
  onRequest: (pem: string) => string;
  /** The next so many approvals meet a conflict. */
  conflicts: number;
  /** The expirationSeconds and usages of the last request. */
  readonly lastSpec: { readonly expirationSeconds?: number; readonly usages?: readonly string[] } | undefined;
  /** False: none of these paths. */
  answer(request: IncomingMessage, response: ServerResponse, body: string): boolean;
}

interface Kept {
  readonly metadata: { readonly name: string; resourceVersion: string };
  readonly spec: {
    readonly request: string;
    readonly signerName: string;
    readonly expirationSeconds: number;
    readonly usages: readonly string[];
  };
  status: { conditions?: { type: string; reason?: string }[]; certificate?: string };
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const USAGES: Readonly<Record<string, string>> = {
  'client auth': '1.3.6.1.5.5.7.3.2',
  'server auth': '1.3.6.1.5.5.7.3.1',
};

export async function createIssuing(): Promise<Issuing> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=cluster CA',
    keys,
    signingAlgorithm: ALGORITHM,
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const objects = new Map<string, Kept>();
  const tokenRequests: SentTokenRequest[] = [];
  const subjects: string[] = [];
  const asked: string[] = [];
  let count = 0;
  let lastSpec: Kept['spec'] | undefined;

  const sign = async (object: Kept): Promise<void> => {
    const request = new x509.Pkcs10CertificateRequest(Buffer.from(object.spec.request, 'base64').toString());
    if (!(await request.verify())) throw new Error('the request is not signed by its key');
    const usages = issuing.signing === 'asServer' ? ['server auth'] : object.spec.usages;
    const certificate = await x509.X509CertificateGenerator.create({
      subject: issuing.signing === 'wrongSubject' ? 'O=system:masters, CN=eve' : request.subjectName,
      issuer: authority.subjectName,
      publicKey: request.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(Date.now() - 300_000),
      notAfter: new Date(Date.now() + object.spec.expirationSeconds * 1000),
      extensions: [
        new x509.ExtendedKeyUsageExtension(usages.flatMap((usage) => USAGES[usage] ?? [])),
        new x509.BasicConstraintsExtension(false, undefined, true),
      ],
    });
    const pem = issuing.signing === 'garbage' ? 'garbage' : certificate.toString('pem');
    object.status = { ...object.status, certificate: Buffer.from(pem).toString('base64') };
  };
  const settle = async (object: Kept): Promise<void> => {
    if (issuing.signing === 'never') return;
    if (issuing.signing === 'failed')
      object.status.conditions?.push({ type: 'Failed', reason: 'SignerFailed' });
    else await sign(object);
  };

  const create = async (body: string, response: ServerResponse): Promise<void> => {
    const { metadata, spec } = JSON.parse(body) as Kept & { metadata: { generateName: string } };
    count += 1;
    const object: Kept = {
      metadata: { name: `${metadata.generateName}${count}`, resourceVersion: String(count) },
      spec: {
        ...spec,
        request: toBase64(issuing.onRequest(Buffer.from(spec.request, 'base64').toString())),
      },
      status: {},
    };
    lastSpec = spec;
    subjects.push(new x509.Pkcs10CertificateRequest(Buffer.from(spec.request, 'base64').toString()).subject);
    objects.set(object.metadata.name, object);
    if (issuing.approver === 'denies')
      object.status = { conditions: [{ type: 'Denied', reason: 'NoSuchPerson' }] };
    send(response, 201, toObject(object));
    if (issuing.approver !== 'approves') return;
    object.status = { conditions: [{ type: 'Approved' }] };
    await settle(object);
  };
  const approve = async (object: Kept, body: string, response: ServerResponse): Promise<void> => {
    const sent = JSON.parse(body) as Kept;
    if (issuing.conflicts > 0 || sent.metadata.resourceVersion !== object.metadata.resourceVersion) {
      issuing.conflicts -= 1;
      object.metadata.resourceVersion = `${object.metadata.resourceVersion}1`;
      send(response, 409, { kind: 'Status', reason: 'Conflict' });
      return;
    }
    if (sent.status.conditions?.some(({ type }) => type === 'Approved') !== true)
      throw new Error('not approved');
    object.status = { conditions: sent.status.conditions };
    send(response, 200, toObject(object));
    await settle(object);
  };
  const requestToken = async (
    path: RegExpExecArray,
    body: string,
    response: ServerResponse,
  ): Promise<void> => {
    const { spec, ...rest } = JSON.parse(body) as {
      spec: Pick<SentTokenRequest, 'audiences' | 'expirationSeconds'>;
    };
    const [, namespace = '', serviceAccount = ''] = path;
    const request = { namespace, serviceAccount, ...spec };
    tokenRequests.push(request);
    const code = await issuing.onTokenRequest(request);
    if (typeof code === 'number') {
      send(response, code, { kind: 'Status', message: 'refused by the test' });
      return;
    }
    const seconds = issuing.tokenSeconds ?? spec.expirationSeconds;
    const status = {
      token: `token-${tokenRequests.length}-of-${serviceAccount}`,
      expirationTimestamp: new Date(Date.now() + seconds * 1000).toISOString(),
    };
    send(response, 201, { ...rest, metadata: {}, spec, status });
  };

  const issuing: Issuing = {
    tokenRequests,
    tokenSeconds: undefined,
    onTokenRequest: () => undefined,
    authority: authority.toString('pem'),
    subjects,
    asked,
    get present() {
      return [...objects.keys()];
    },
    signing: 'signed',
    approver: 'none',
    onRequest: (pem) => pem,
    conflicts: 0,
    get lastSpec() {
      return lastSpec;
    },
    answer: (request, response, body) => {
      const path = request.url ?? '';
      const token = /^\/api\/v1\/namespaces\/([^/]+)\/serviceaccounts\/([^/]+)\/token$/.exec(path);
      if (token === null && !path.startsWith(REQUESTS)) return false;
      asked.push(`${request.method ?? ''} ${path}`);
      const fail = (): void => void request.socket.destroy();
      if (token !== null) requestToken(token, body, response).catch(fail);
      else if (request.method === 'POST') create(body, response).catch(fail);
      else {
        const [name = '', sub] = path.slice(REQUESTS.length + 1).split('/');
        const object = objects.get(name);
        if (object === undefined) send(response, 404, { kind: 'Status', reason: 'NotFound' });
        else if (sub === 'approval') approve(object, body, response).catch(fail);
        else if (request.method === 'DELETE') {
          objects.delete(name);
          send(response, 200, { kind: 'Status', status: 'Success' });
        } else send(response, 200, toObject(object));
      }
      return true;
    },
  };
  return issuing;
}

const toBase64 = (text: string): string => Buffer.from(text).toString('base64');

const toObject = (object: Kept): object => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  ...object,
});

function send(response: ServerResponse, code: number, value: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
