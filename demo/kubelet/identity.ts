// Who is asking, as a kubelet finds out: the client certificate first (CN is the user, O the groups), then a bearer token,
// also in a WebSocket subprotocol. A credential that does not verify and is followed by no better one is nobody.

import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

export interface KubeletUser {
  readonly name: string;
  readonly groups: readonly string[];
}

/** Stands for TokenReview: what each bearer token proves. */
export type Tokens = Readonly<Record<string, KubeletUser>>;

const PROTOCOL_TOKEN = 'base64url.bearer.authorization.k8s.io.';

export const authenticate = (request: IncomingMessage, tokens: Tokens): KubeletUser | undefined => {
  const user = fromCertificate(request) ?? fromToken(request, tokens);
  return user === undefined ? undefined : { ...user, groups: [...user.groups, 'system:authenticated'] };
};

const listOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string');

const fromCertificate = ({ socket }: IncomingMessage): KubeletUser | undefined => {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const subject: unknown = socket.getPeerCertificate().subject;
  if (typeof subject !== 'object' || subject === null) return undefined;
  const [name] = 'CN' in subject ? listOf(subject.CN) : [];
  if (name === undefined || name === '') return undefined;
  return { name, groups: 'O' in subject ? listOf(subject.O) : [] };
};

const fromToken = (request: IncomingMessage, tokens: Tokens): KubeletUser | undefined => {
  const [scheme, token] = (request.headers.authorization ?? '').trim().split(' ');
  const bearer = scheme?.toLowerCase() === 'bearer' ? token : fromProtocols(request);
  return bearer !== undefined && Object.hasOwn(tokens, bearer) ? tokens[bearer] : undefined;
};

/** At most one token, and beside it another subprotocol. */
const fromProtocols = (request: IncomingMessage): string | undefined => {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const [found, ...more] = offered.filter((name) => name.startsWith(PROTOCOL_TOKEN));
  if (found === undefined || more.length > 0 || offered.length < 2) return undefined;
  return Buffer.from(found.slice(PROTOCOL_TOKEN.length), 'base64url').toString();
};

/** The subprotocols without the token, which a kubelet takes out once it has believed it. */
export const withoutTokens = (protocols: readonly string[]): readonly string[] =>
  protocols.filter((name) => !name.startsWith(PROTOCOL_TOKEN));
