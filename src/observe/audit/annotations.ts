// The annotations of an audit event: Kubernetes' two about the decision, and the gateway's own. Values are strings,
// as metav1 annotations are; a command vector is a JSON array within its string, so that no argument is ambiguous.

import type { Action, StreamFlags } from '../../core/action.ts';
import type { Resolved } from '../../core/exchange.ts';
import type { Fault } from '../../core/fault.ts';
import type { Ending, Evidence } from '../../core/observation.ts';
import type { RecordingOutcome } from '../../core/recording.ts';
import type { AnyAttributes } from '../../core/attributes.ts';
import { toObjectText } from '../../core/attributes.ts';
import { rememberLasting } from '../../core/lasting.ts';
import { inQuotes } from '../json-text.ts';

const DOMAIN = 'kubelet-gateway.io/';

/** `,"name":"value"`, to be put between braces. For what is in few events; the rest is written out below. */
const toPart = (name: string, value: string): string => `,"${DOMAIN}${name}":"${inQuotes(value)}"`;

/**
 * What is known before authorization: it is in the event that is stored before a node is dialled. The first of all
 * annotations is among them and has no comma before it.
 */
export function toRequestAnnotations(evidence: Evidence): string {
  return (
    `"kubelet-gateway.io/http-method":"${inQuotes(evidence.method)}"` +
    ('authentication' in evidence
      ? `,"kubelet-gateway.io/authenticated-by":"${evidence.authentication.method}"`
      : '') +
    toAbout(evidence)
  );
}

function toAbout(evidence: Evidence): string {
  if ('action' in evidence) return toActionParts(evidence);
  if ('sought' in evidence) return toPart('action', evidence.sought.kind);
  return 'operation' in evidence ? toPart('action', evidence.operation.kind) : '';
}

const PROTOCOLS = { http: 'http', spdy: 'SPDY/3.1', websocket: 'websocket' } as const;

/** A node's name has passed the checks of core/names. */
function toActionParts({ node, action, transport, reason }: Resolved): string {
  return (
    `,"kubelet-gateway.io/node":"${node}","kubelet-gateway.io/action":"${action.kind}` +
    (reason === undefined ? '' : `","kubelet-gateway.io/reason":"${inQuotes(reason)}`) +
    `","kubelet-gateway.io/protocol":"${PROTOCOLS[transport.kind]}"` +
    ('container' in action ? toPart('container', action.container) : '') +
    toDetails(action)
  );
}

function toDetails(action: Action): string {
  switch (action.kind) {
    case 'exec':
      return toPart('command', JSON.stringify(action.command)) + toStreams(action.streams);
    case 'attach':
      return toStreams(action.streams);
    case 'run':
      return toPart('command', action.command);
    case 'portForward':
      return action.ports.length === 0 ? '' : toPart('ports', action.ports.join(','));
    case 'checkpoint':
      return toPart('pod', `${action.pod.namespace}/${action.pod.name}`);
    case 'healthz':
    case 'metrics':
    case 'stats':
    case 'spec':
    case 'pods':
    case 'runningPods':
    case 'configz':
    case 'flagz':
    case 'statusz':
    case 'nodeLogs':
    case 'containerLogs':
    case 'pprof':
      return '';
  }
}

const toStreams = ({ stdin, tty }: StreamFlags): string =>
  toPart('stdin', String(stdin)) + toPart('tty', String(tty));

/**
 * The decision and what followed from it. A refusal without a grant is `forbid`; an authorizer that could not decide
 * leaves the reason `internal error` and no decision (apiserver pkg/endpoints/filters/authorization.go).
 */
export function toDecisionAnnotations(evidence: Evidence, ending: Ending | undefined): string {
  const fault = ending?.fault;
  const told =
    toDecision(evidence, fault) +
    ('credential' in evidence
      ? `,"kubelet-gateway.io/credential":"${inQuotes(evidence.credential.name)}"`
      : '');
  return fault === undefined ? told : told + toParts(fault.annotations);
}

const toRightText = rememberLasting((by: AnyAttributes) => inQuotes(`${by.verb} ${toObjectText(by)}`));

function toDecision(evidence: Evidence, fault: Fault | undefined): string {
  if ('grant' in evidence) {
    const { by, reason, staleForMs } = evidence.grant;
    return (
      `,"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"${inQuotes(reason)}` +
      `","kubelet-gateway.io/authorized-by":"${toRightText(by)}"` +
      (staleForMs === undefined ? '' : toPart('stale-decision', `${Math.round(staleForMs / 1000)}s`))
    );
  }
  if (fault?.reason === 'Forbidden') {
    return `,"authorization.k8s.io/decision":"forbid","authorization.k8s.io/reason":"${inQuotes(fault.message)}"`;
  }
  const isUndecided = 'requirement' in evidence && fault?.reason === 'InternalError';
  return isUndecided ? ',"authorization.k8s.io/reason":"internal error"' : '';
}

/** How it ended. */
export function toEndingAnnotations({ reason, bytesSent, bytesReceived, recording, notes }: Ending): string {
  return (
    (reason === undefined ? '' : `,"kubelet-gateway.io/end-reason":"${reason}"`) +
    (bytesSent === undefined ? '' : `,"kubelet-gateway.io/bytes-sent":"${bytesSent}"`) +
    (bytesReceived === undefined ? '' : `,"kubelet-gateway.io/bytes-received":"${bytesReceived}"`) +
    (recording === undefined ? '' : toRecording(recording)) +
    (notes === undefined ? '' : toParts(notes))
  );
}

function toRecording({ id, state, manifest, problem, notes }: RecordingOutcome): string {
  return (
    toPart('recording', `${id} ${state}`) +
    (manifest === undefined ? '' : toPart('recording-manifest', `${manifest.sha256} ${manifest.segments}`)) +
    (problem === undefined ? '' : toPart('recording-problem', problem)) +
    (notes === undefined ? '' : toParts(notes))
  );
}

const toParts = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => toPart(name, value))
    .join('');
