// Whether a node can be spoken to as the gateway speaks to it: its port, its TLS, and its certificate.

import type { KubeletCredential, NodeEntry } from '../core/node.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Finding } from './finding.ts';
import type { PortState } from './port.ts';
import type { ShownChain } from './shown-chain.ts';
import type { Reach } from '../outbound/reach.ts';
import { Fault, toFault } from '../core/fault.ts';
import { createDial } from '../outbound/dial.ts';
import { judgeCertificate } from './certificate.ts';
import { isProblem, quoteForeign } from './finding.ts';
import { probePort } from './port.ts';
import { lookAtChain } from './shown-chain.ts';

export interface ReachDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** Which addresses may be dialled. */
  readonly reach: Reach;
}

export interface Reached {
  readonly findings: readonly Finding[];
  /** Whether the gateway would send a request. */
  readonly isTrusted: boolean;
  /** Where the node is; absent: nowhere that may be dialled. */
  readonly address?: string;
}

export async function judgeReach(
  dependencies: ReachDependencies,
  entry: NodeEntry,
  credential: KubeletCredential,
  timeoutMs: number,
): Promise<Reached> {
  const { clock, reach } = dependencies;
  const found = await reach(entry.name, entry.address, entry.port).catch((error: unknown) => toFault(error));
  if (found instanceof Fault) return { findings: [judgeAddress(entry, found)], isTrusted: false };
  // The addresses that were judged are the ones that are spoken to: nothing is looked up again.
  const [{ address }] = found;
  const port = await probePort(dependencies, { address, port: entry.port, timeoutMs });
  if (port.kind !== 'open') return { findings: [judgePort(entry, port)], isTrusted: false, address };
  // What the gateway itself does decides; the look at the certificates is for the words.
  const [refusal, shown] = await Promise.all([
    createDial(dependencies, { connectTimeoutMs: timeoutMs }, entry, credential)().then(
      (socket) => void socket.destroy(),
      (error: unknown) => (error instanceof Error ? error : new Error('unknown error')),
    ),
    lookAtChain(dependencies, { ...entry, address }, timeoutMs),
  ]);
  const isTrusted = refusal === undefined;
  const findings =
    shown.kind === 'shown' ? judgeCertificate(entry, shown.chain, clock.now()) : [judgeTls(entry, shown)];
  if (isTrusted) return { findings: findings.map(toTrusted), isTrusted, address };
  return {
    findings: findings.some(isProblem) ? findings : [...findings, judgeRefusal(refusal)],
    isTrusted,
    address,
  };
}

/** The dial has trusted it all the same: it was shown something else, or the words here are too strict. */
const toTrusted = (finding: Finding): Finding =>
  finding.severity === 'error' ? { ...finding, severity: 'warning' } : finding;

function judgeAddress({ address }: NodeEntry, fault: Fault): Finding {
  if (fault.annotations['dial-refused'] === undefined) {
    return {
      id: 'address-unknown',
      severity: 'error',
      what: `the name ${address} of the node cannot be looked up`,
      why: UNREACHED,
      todo: 'Correct the address of the node, or the name service of the host of the gateway.',
    };
  }
  return {
    id: 'address-refused',
    severity: 'error',
    what: `${address}: ${fault.message}`,
    why: 'Something else than a kubelet is at such addresses: the host of the gateway itself, or the metadata service of a cloud.',
    todo: 'Correct the address of the node; only where a kubelet really is there, allow it in nodes.allowedAddresses.',
  };
}

const UNREACHED = 'Without a connection there is nothing else to look at.';

function judgePort({ address, port }: NodeEntry, state: Exclude<PortState, { kind: 'open' }>): Finding {
  const at = `${address} port ${port}`;
  const why = UNREACHED;
  if (state.kind === 'silent') {
    return {
      id: 'port-silent',
      severity: 'error',
      what: `${at} does not answer at all`,
      why,
      todo: 'A firewall, a security group or a network policy drops the packets, or the host is down or gone: open the way from the gateway to the port, and only from there.',
    };
  }
  if (state.code === 'ECONNREFUSED') {
    return {
      id: 'port-refused',
      severity: 'error',
      what: `${at} refuses connections: nothing listens there`,
      why,
      todo: 'See whether the kubelet runs, which port it has (--port, or port in its configuration; daemonEndpoints of the Node object), and whether the address is that of the node.',
    };
  }
  return {
    id: 'port-unreachable',
    severity: 'error',
    what: `${at} cannot be reached (${state.code})`,
    why,
    todo: 'See whether there is a route from the gateway to the address.',
  };
}

function judgeTls({ address, port }: NodeEntry, shown: Exclude<ShownChain, { kind: 'shown' }>): Finding {
  const what =
    shown.kind === 'silent'
      ? `${address} port ${port} accepts connections and then says nothing`
      : `${address} port ${port} does not speak TLS (${quoteForeign(shown.code === '' ? shown.message : `${shown.code}: ${shown.message}`)})`;
  return {
    id: shown.kind === 'silent' ? 'tls-silent' : 'not-tls',
    severity: 'error',
    what,
    why: "The kubelet's API is HTTPS.",
    todo: 'See what listens there: another port of the node (10255 is plain HTTP, 10248 is health, 10256 is kube-proxy), or something in between that takes the connection.',
  };
}

function judgeRefusal(error: Error): Finding {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return {
    id: 'dial-failed',
    severity: 'error',
    what: `the gateway cannot open its connection: ${quoteForeign(error.message + cause)}`,
    why: 'It sends nothing over a connection that it does not trust.',
    todo: 'The words come from the TLS library; its certificate and its settings (versions, key types) are where to look.',
  };
}
