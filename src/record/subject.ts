// What a recording says about itself, in its header and in its manifest: who did what, where, over what.

import type { Credentialed } from '../core/exchange.ts';
import type { StdinMode } from '../core/recording.ts';

export interface RecordingSubject {
  readonly auditId: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly authenticatedBy: string;
  readonly clientAddresses: readonly string[];
  readonly node: string;
  readonly action: string;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid?: string;
  readonly container?: string;
  readonly command?: readonly string[];
  readonly tty?: boolean;
  /** The standard streams that were asked for. */
  readonly streams?: readonly string[];
  /** Whether what the client sends is in the recording. `echo`: the lines that the terminal showed. */
  readonly stdinRecorded?: boolean | 'echo';
  readonly transport: string;
  /** The stream protocol that the node chose. */
  readonly protocol?: string;
}

/** `protocol` is undefined before the node has chosen one. Throws a TypeError for an action that cannot be recorded. */
export function toSubject(
  exchange: Credentialed,
  protocol: string | undefined,
  stdin: StdinMode,
): RecordingSubject {
  const { action, authentication, peer, transport } = exchange;
  const { user, method } = authentication;
  const stdinRecorded = stdin === 'echo' ? stdin : stdin === 'on';
  const base = {
    auditId: exchange.auditId,
    user: user.name,
    groups: user.groups,
    authenticatedBy: method,
    clientAddresses: peer.sourceIPs,
    node: exchange.node,
    action: action.kind,
    transport: transport.kind,
    ...(protocol === undefined ? {} : { protocol }),
  };
  switch (action.kind) {
    case 'exec':
    case 'attach': {
      const { tty, ...streams } = action.streams;
      return {
        ...base,
        ...toPlace(action),
        ...(action.kind === 'exec' ? { command: action.command } : {}),
        tty,
        streams: Object.entries(streams).flatMap(([name, isAsked]) => (isAsked ? [name] : [])),
        stdinRecorded,
      };
    }
    case 'run':
      return { ...base, ...toPlace(action), command: action.command.split(' '), stdinRecorded };
    case 'portForward':
      return { ...base, ...toPlace({ pod: action.pod }) };
    default:
      throw new TypeError(`nothing to record of ${action.kind}`);
  }
}

const toPlace = ({
  pod,
  container,
}: {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid?: string };
  readonly container?: string;
}) => ({
  namespace: pod.namespace,
  pod: pod.name,
  ...(pod.uid === undefined ? {} : { podUid: pod.uid }),
  ...(container === undefined ? {} : { container }),
});
