// An exchange is one request and its answer. It is an immutable record that grows from left to right: every stage of
// the line returns the record that it was given and what it has found, so that a skipped stage does not compile.
//
//   Received ► Identified ► Resolved ► Authorized ► Located ► Credentialed ► (forwarded)
//                              ├────► Sought ► Permitted ► Resolved: a pod whose node the request does not name
//                              ├────► OwnResolved ► OwnAuthorized ► (served): the gateway's own resources, no node is asked
//                              └────► Answered: the gateway answers anybody with an identity, no node is asked

import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { Action } from './action.ts';
import type { AnyAttributes, Requirement } from './attributes.ts';
import type { Grant } from './decision.ts';
import type { HeaderLines } from './headers.ts';
import type { Fault } from './fault.ts';
import type { Lifetime } from './lifetime.ts';
import type { FleetQuery } from './fleet.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { Namespace, NodeName, PodName } from './names.ts';
import type { KubeletCredential, NodeEntry } from './node.ts';
import type { Operation } from './operation.ts';
import type { Authentication } from './user.ts';

/** The certificate that a client presented, as DER. One object a connection, so that results can be kept by it. */
export interface PresentedCertificate {
  readonly leaf: Uint8Array;
  /** The other certificates that the client sent, in its order. */
  readonly intermediates: readonly Uint8Array[];
}

export interface Peer {
  /** Client addresses, farthest first; only what a trusted proxy reported precedes the TCP peer. */
  readonly sourceIPs: readonly [string, ...string[]];
  readonly certificate: PresentedCertificate | undefined;
}

/** Where the answer goes. Only `listen` and `forward` look inside. */
export type Reply =
  | {
      readonly kind: 'http';
      /** Absent: a plain request, which `listen` reads by itself and which has no body. */
      readonly request?: IncomingMessage;
      readonly response: HttpAnswer;
    }
  | {
      readonly kind: 'upgrade';
      readonly socket: Duplex;
      /** What the client has said early. */
      readonly head: Buffer;
      /** `Set-Cookie` lines that go with whatever is answered, the 101 included (RFC 6455 §4.1). Added to by `identify`. */
      readonly setCookies: string[];
    };

export interface Received {
  /** The gateway's own id of this exchange, sent back as `Audit-Id`. */
  readonly auditId: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly method: string;
  /** The request target exactly as the client wrote it. */
  readonly target: string;
  /** Gone when an upgrade has been accepted: `HeaderLines.forget`. */
  readonly headers: HeaderLines;
  readonly peer: Peer;
  /** Empty, and read to its end, of a plain request and where an upgrade is asked for. */
  readonly body: Readable;
  readonly reply: Reply;
  readonly lifetime: Lifetime;
}

export interface Identified extends Received {
  readonly authentication: Authentication;
}

/** How the answer travels: an HTTP message, or the upgraded connection that the client asked for. */
export type Transport =
  | { readonly kind: 'http' }
  /** `X-Stream-Protocol-Version` values in the client's order. */
  | { readonly kind: 'spdy'; readonly protocols: readonly string[] }
  /** `Sec-WebSocket-Protocol` values in the client's order, credentials taken out. */
  | { readonly kind: 'websocket'; readonly protocols: readonly string[]; readonly key: string };

export interface Resolved extends Identified {
  readonly node: NodeName;
  readonly action: Action;
  readonly transport: Transport;
  /** Why, in the user's words, where they gave any. For the audit log; it is not sent to a node. */
  readonly reason?: string;
  readonly requirement: Requirement;
  /** Whose words the answer is in: a kubelet's own, or those that kubectl expects of an API server. */
  readonly surface: 'kubelet' | 'kubectl';
}

/**
 * About a pod whose node the request does not name. Two rights are asked for: `requirement`, before it is looked up where
 * the pod is (on no node's name: what holds for all nodes, or for the pod), and that of `on(node)` after it.
 */
export interface Sought extends Identified {
  readonly sought: Action;
  readonly pod: { readonly namespace: Namespace; readonly name: PodName };
  readonly requirement: Requirement;
  on(node: NodeName): Resolved;
}

/** A Sought whose first right was found: where the pod is may be looked up. */
export interface Permitted extends Sought {
  readonly grant: Grant;
  /** Present: the right is to these nodes alone, and a pod that is on none of them is answered with `refusal`. */
  readonly among?: { readonly nodes: ReadonlySet<NodeName>; readonly refusal: Fault };
}

/** What the gateway answers by itself to anybody with a valid identity. */
export type Answer =
  | { readonly kind: 'json'; readonly contentType: string; readonly body: string }
  /** `location` is a path of this gateway, relative to the server. */
  | { readonly kind: 'redirect'; readonly location: string }
  /** The Prometheus http_sd document: the nodes whose metrics the caller may read. */
  | { readonly kind: 'scrapeTargets' }
  /** About all nodes, of which the caller is shown those that the caller may read. */
  | { readonly kind: 'fleet'; readonly query: FleetQuery };

export interface Answered extends Identified {
  readonly answer: Answer;
}

/** A request for what the gateway itself serves to those who have a right to it. */
export interface OwnResolved extends Identified {
  readonly operation: Operation;
  readonly requirement: Requirement<AnyAttributes>;
}

/** Any exchange that an authorizer is asked about. */
export type Authorizable = Resolved | OwnResolved | Sought;

export interface Authorized extends Resolved {
  readonly grant: Grant;
}

export interface OwnAuthorized extends OwnResolved {
  readonly grant: Grant;
}

export interface Located extends Authorized {
  readonly entry: NodeEntry;
}

export interface Credentialed extends Located {
  readonly credential: KubeletCredential;
}

/** What `resolve` may find. */
export type Found = Resolved | OwnResolved | Answered | Sought;

export const isResolved = (exchange: Found): exchange is Resolved => 'action' in exchange;

export const isOwn = (exchange: Found): exchange is OwnResolved => 'operation' in exchange;

export const isSought = (exchange: Found): exchange is Sought => 'sought' in exchange;
