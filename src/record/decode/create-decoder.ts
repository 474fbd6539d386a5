// Chooses the decoder of a session by its action, its transport and the protocol that the node chose.
//
// Decoders observe: they are given bytes that go on unchanged, cut anywhere, and say what the container was sent and
// what it answered. A `strict` decoder throws a Fault for input that two servers could read differently; any other
// reads it as a kubelet 1.36 does, and throws only where that cannot be known.

import type { Action } from '../../core/action.ts';
import type { Transport } from '../../core/exchange.ts';
import { Fault } from '../../core/fault.ts';
import { parseChannelProtocol } from '../../wire/channels.ts';
import { ExecChannels } from './exec-channels.ts';
import { ExecStreams } from './exec-streams.ts';
import { PortForwardChannels } from './port-forward-channels.ts';
import { PortForwardStreams } from './port-forward-streams.ts';
import { RawOutput } from './raw-output.ts';
import type { SessionDecoder } from './session-decoder.ts';
import type { Emit } from './session-event.ts';
import { SpdyObserver } from './spdy-observer.ts';
import { TunnelObserver } from './tunnel-observer.ts';

export interface DecoderOptions {
  readonly action: Action;
  readonly transport: Transport['kind'];
  /** What the node chose; empty when none was asked for. */
  readonly protocol: string;
  readonly strict: boolean;
  /** Data of standard input is not read, where that saves work. Not for a strict decoder. */
  readonly passesOver?: 'stdin';
}

const TUNNEL = 'SPDY/3.1+portforward.k8s.io';
const SPDY_VERSIONS: ReadonlyMap<string, 1 | 2 | 3 | 4> = new Map([
  ['channel.k8s.io', 1],
  ['v2.channel.k8s.io', 2],
  ['v3.channel.k8s.io', 3],
  ['v4.channel.k8s.io', 4],
]);

/** Throws a Fault for a protocol that cannot be read. */
export function createDecoder(options: DecoderOptions, emit: Emit): SessionDecoder {
  const { action, transport, protocol, strict, passesOver } = options;
  switch (action.kind) {
    case 'exec':
    case 'attach': {
      const { streams, kind } = action;
      if (transport === 'spdy') {
        const version = SPDY_VERSIONS.get(protocol);
        if (version === undefined) throw unreadable(protocol);
        const session = { streams, version, strict, reportsExit: kind === 'exec' };
        return new SpdyObserver(new ExecStreams(session, emit), { strict });
      }
      const channels = parseChannelProtocol(protocol);
      if (channels === undefined) throw unreadable(protocol);
      const session = { streams, protocol: channels, strict, reportsExit: kind === 'exec' };
      return new ExecChannels({ ...session, readsStdin: strict || passesOver !== 'stdin' }, emit);
    }
    case 'portForward': {
      if (transport === 'spdy') return new SpdyObserver(new PortForwardStreams({ strict }, emit), { strict });
      if (protocol === TUNNEL) {
        const inner = new SpdyObserver(new PortForwardStreams({ strict }, emit), { strict });
        return new TunnelObserver(inner, { strict });
      }
      const channels = parseChannelProtocol(protocol);
      if (channels === undefined) throw unreadable(protocol);
      return new PortForwardChannels({ ports: action.ports, protocol: channels, strict }, emit);
    }
    case 'run':
      return new RawOutput(emit);
    default:
      throw new TypeError(`nothing to record of ${action.kind}`);
  }
}

const unreadable = (protocol: string): Fault =>
  new Fault('BadGateway', `the stream protocol that the node chose cannot be recorded: ${protocol}`);
