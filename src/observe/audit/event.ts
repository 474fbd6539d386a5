// Writes `audit.k8s.io/v1` Events (k8s.io/apiserver pkg/apis/audit/v1/types.go) as lines of JSON. The text is put
// together by hand: what all events of an exchange share is serialised once, and a user's part once per sign-in.

import type { AuditLevel, AuditStage } from '../../core/audit-policy.ts';
import type { Evidence, Ending } from '../../core/observation.ts';
import type { User } from '../../core/user.ts';
import { inQuotes, toListText } from '../json-text.ts';
import { redactTarget, redactText } from '../redact.ts';
import { toDecisionAnnotations, toEndingAnnotations } from './annotations.ts';
import type { AuditSubject } from './subject.ts';

/** `apiserver/pkg/audit`: longer user agents are cut, and say so. */
const MAX_USER_AGENT_LENGTH = 1024;
const TRUNCATED = '...TRUNCATED';

/** apiserver pkg/endpoints/filters/audit.go, for an exchange whose client saw no answer. */
const CONNECTION_CLOSED = 'Connection closed early';

/** A user's JSON, kept as long as the user object is: identify hands out one object per verified credential. */
export type UserTexts = WeakMap<User, string>;

/** The part of an exchange's events that its stages share. */
export interface EventFrame {
  /** From the opening brace to the value of `stage`. */
  readonly head: string;
  /** What `toBody` makes; one piece, because each event holds it. */
  readonly body: string;
  readonly receivedAt: string;
}

export interface StageFacts {
  readonly stage: AuditStage;
  /** metav1.MicroTime. */
  readonly at: string;
  readonly evidence: Evidence;
  /** What `toRequestAnnotations` makes of the evidence. */
  readonly requestAnnotations: string;
  /** The HTTP status, once there is one. */
  readonly code: number | undefined;
  readonly ending: Ending | undefined;
}

/** `receivedAt` as metav1.MicroTime; `body` by `toBody`. */
export const toFrame = (
  { auditId }: Evidence,
  body: string,
  level: AuditLevel,
  receivedAt: string,
): EventFrame => ({
  head: `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"${level}","auditID":"${auditId}","stage":"`,
  body,
  receivedAt,
});

/** What all who ask for the same share of an event's body. */
export interface AskedTexts {
  /** `requestURI` and `verb`, up to the value of `user`. */
  readonly request: string;
  /** The member `objectRef`; empty where it is about no object. */
  readonly object: string;
}

export const toAskedTexts = ({ target }: Evidence, { verb, subject }: AuditSubject): AskedTexts => ({
  request: `","requestURI":"${inQuotes(redactTarget(target))}","verb":"${inQuotes(verb)}","user":`,
  object: subject.kind === 'nonResource' ? '' : `,"objectRef":${toObjectText(subject)}`,
});

/** From `requestURI` to `objectRef`. */
export function toBody({ request, object }: AskedTexts, evidence: Evidence, users: UserTexts): string {
  const userAgent = evidence.headers.first('user-agent');
  return [
    request,
    'authentication' in evidence ? toUserText(evidence.authentication.user, users) : '{}',
    `,"sourceIPs":`,
    toListText(evidence.peer.sourceIPs),
    userAgent === undefined ? '' : `,"userAgent":"${inQuotes(toUserAgent(userAgent))}"`,
    object,
  ].join('');
}

/** One event, without a line end. */
export function toEvent(frame: EventFrame, facts: StageFacts): string {
  const { stage, at, evidence, requestAnnotations, code, ending } = facts;
  return (
    frame.head +
    stage +
    frame.body +
    (code === undefined ? '' : toStatusText(evidence, code, ending)) +
    `,"requestReceivedTimestamp":"${frame.receivedAt}","stageTimestamp":"${at}","annotations":{` +
    requestAnnotations +
    toDecisionAnnotations(evidence, ending) +
    (ending === undefined ? '' : toEndingAnnotations(ending)) +
    '}}'
  );
}

function toUserText(user: User, users: UserTexts): string {
  const kept = users.get(user);
  if (kept !== undefined) return kept;
  const text = JSON.stringify({
    username: user.name,
    ...(user.uid === '' ? {} : { uid: user.uid }),
    groups: user.groups,
    ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
  });
  users.set(user, text);
  return text;
}

function toUserAgent(userAgent: string): string {
  const text = redactText(userAgent);
  return text.length > MAX_USER_AGENT_LENGTH ? text.slice(0, MAX_USER_AGENT_LENGTH) + TRUNCATED : text;
}

/** ObjectReference. All parts have passed the checks of core/names, or are the route table's own words. */
function toObjectText(subject: Extract<AuditSubject['subject'], { kind: 'resource' }>): string {
  const { apiGroup = '', version = 'v1', resource, subresource, namespace, name } = subject;
  return (
    `{"resource":"${resource}"` +
    (namespace === '' ? '' : `,"namespace":"${inQuotes(namespace)}"`) +
    (name === '' ? '' : `,"name":"${inQuotes(name)}"`) +
    (apiGroup === '' ? '' : `,"apiGroup":"${apiGroup}"`) +
    `,"apiVersion":"${version}"` +
    (subresource === '' ? '' : `,"subresource":"${inQuotes(subresource)}"`) +
    '}'
  );
}

/** The member `responseStatus`. */
function toStatusText(evidence: Evidence, code: number, ending: Ending | undefined): string {
  const fault = ending?.fault;
  if (fault === undefined) {
    return code === 0
      ? `,"responseStatus":{"metadata":{},"message":"${CONNECTION_CLOSED}","code":0}`
      : `,"responseStatus":{"metadata":{},"code":${code}}`;
  }
  const message =
    fault.reason === 'Unauthorized' && !('authentication' in evidence)
      ? toAttempts(evidence)
      : redactText(fault.message);
  return `,"responseStatus":{"metadata":{},"status":"Failure","message":"${inQuotes(message)}","reason":"${fault.reason}","code":${code}}`;
}

/** Which kinds of credential a refused request presented, in the words of apiserver's authn_audit.go; never their text. */
function toAttempts({ headers, target, peer }: Evidence): string {
  const attempted: string[] = [];
  const schemes = headers
    .all('authorization')
    .map((value) => value.trimStart().split(/\s/, 1)[0]?.toLowerCase());
  if (schemes.includes('basic')) attempted.push('basic');
  const isBearerProtocol = headers
    .all('sec-websocket-protocol')
    .some((value) => value.includes('base64url.bearer.authorization.k8s.io.'));
  if (schemes.includes('bearer') || isBearerProtocol) attempted.push('bearer');
  if (/[?&]access_token=/i.test(target)) attempted.push('access_token');
  if (headers.all('cookie').some((line) => line.includes('__Host-kubelet-gateway=')))
    attempted.push('session');
  if (peer.certificate !== undefined) attempted.push('x509');
  return attempted.length === 0
    ? 'Authentication failed, no credentials provided'
    : `Authentication failed, attempted: ${attempted.join(', ')}`;
}
