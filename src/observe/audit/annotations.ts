// The annotations of an audit event: Kubernetes' two about the decision, and the gateway's own. Values are strings,
// as metav1 annotations are; a command vector is a JSON array within its string, so that no argument is ambiguous.

import type { Action } from '../../core/action.ts';
import type { Resolved } from '../../core/exchange.ts';
import type { Ending, Evidence } from '../../core/observation.ts';
import { toObjectText } from '../../core/attributes.ts';

const OWN = 'kubelet-gateway.io/';

/** `,"name":"value"` parts, to be put between braces. */
class Parts {
  text = '';

  add(name: string, value: string): void {
    this.text += `,"${name}":${JSON.stringify(value)}`;
  }

  own(name: string, value: string): void {
    this.add(OWN + name, value);
  }
}

/** What is known before authorization: it is in the event that is stored before a node is dialled. */
export function toRequestAnnotations(evidence: Evidence): string {
  const parts = new Parts();
  parts.own('http-method', evidence.method);
  if ('authentication' in evidence) parts.own('authenticated-by', evidence.authentication.method);
  if ('action' in evidence) addAction(parts, evidence);
  if ('sought' in evidence) parts.own('action', evidence.sought.kind);
  if ('operation' in evidence) parts.own('action', evidence.operation.kind);
  return parts.text;
}

const PROTOCOLS = { http: 'http', spdy: 'SPDY/3.1', websocket: 'websocket' } as const;

function addAction(parts: Parts, { node, action, transport, reason }: Resolved): void {
  parts.own('node', node);
  parts.own('action', action.kind);
  if (reason !== undefined) parts.own('reason', reason);
  parts.own('protocol', PROTOCOLS[transport.kind]);
  if ('container' in action) parts.own('container', action.container);
  addDetails(parts, action);
}

function addDetails(parts: Parts, action: Action): void {
  switch (action.kind) {
    case 'exec':
      parts.own('command', JSON.stringify(action.command));
      addStreams(parts, action.streams);
      return;
    case 'attach':
      addStreams(parts, action.streams);
      return;
    case 'run':
      parts.own('command', action.command);
      return;
    case 'portForward':
      if (action.ports.length > 0) parts.own('ports', action.ports.join(','));
      return;
    case 'checkpoint':
      parts.own('pod', `${action.pod.namespace}/${action.pod.name}`);
      return;
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
      return;
  }
}

function addStreams(parts: Parts, { stdin, tty }: { readonly stdin: boolean; readonly tty: boolean }): void {
  parts.own('stdin', String(stdin));
  parts.own('tty', String(tty));
}

/**
 * The decision and what followed from it. A refusal without a grant is `forbid`; an authorizer that could not decide
 * leaves the reason `internal error` and no decision (apiserver pkg/endpoints/filters/authorization.go).
 */
export function toDecisionAnnotations(evidence: Evidence, ending: Ending | undefined): string {
  const parts = new Parts();
  const fault = ending?.fault;
  if ('grant' in evidence) {
    const { by, reason, staleForMs } = evidence.grant;
    parts.add('authorization.k8s.io/decision', 'allow');
    parts.add('authorization.k8s.io/reason', reason);
    parts.own('authorized-by', `${by.verb} ${toObjectText(by)}`);
    if (staleForMs !== undefined) parts.own('stale-decision', `${Math.round(staleForMs / 1000)}s`);
  } else if (fault?.reason === 'Forbidden') {
    parts.add('authorization.k8s.io/decision', 'forbid');
    parts.add('authorization.k8s.io/reason', fault.message);
  } else if ('requirement' in evidence && fault?.reason === 'InternalError') {
    parts.add('authorization.k8s.io/reason', 'internal error');
  }
  if ('credential' in evidence) parts.own('credential', evidence.credential.name);
  for (const [name, value] of Object.entries(fault?.annotations ?? {})) parts.own(name, value);
  return parts.text;
}

/** How it ended. */
export function toEndingAnnotations({
  reason,
  bytesSent,
  bytesReceived,
  recording,
  notes = {},
}: Ending): string {
  const parts = new Parts();
  if (reason !== undefined) parts.own('end-reason', reason);
  if (bytesSent !== undefined) parts.own('bytes-sent', String(bytesSent));
  if (bytesReceived !== undefined) parts.own('bytes-received', String(bytesReceived));
  if (recording !== undefined) {
    parts.own('recording', `${recording.id} ${recording.state}`);
    if (recording.manifest !== undefined) {
      const { sha256, segments } = recording.manifest;
      parts.own('recording-manifest', `${sha256} ${segments}`);
    }
    if (recording.problem !== undefined) parts.own('recording-problem', recording.problem);
    for (const [name, note] of Object.entries(recording.notes ?? {})) parts.own(name, note);
  }
  for (const [name, note] of Object.entries(notes)) parts.own(name, note);
  return parts.text;
}
