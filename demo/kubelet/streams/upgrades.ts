// GET and POST of /exec, /attach and /portForward: what is refused before the upgrade, in a kubelet's order, and which
// code takes the connection after it. The method is not looked at: that is the kubelet's, too.

import type { Duplex } from 'node:stream';
import type { Answer } from '../answer.ts';
import { goError, text } from '../answer.ts';
import type { Container, PodSandbox } from '../containers.ts';
import type { Exchange } from '../exchange.ts';
import { acceptSpdyStreams } from './exec-spdy.ts';
import { acceptWebSocketStreams } from './exec-websocket.ts';
import { agreeOnExec, agreeOnPortForward, toSpdyVersion } from './negotiate.ts';
import type { Abilities, Agreed } from './negotiate.ts';
import { parsePort, servePortForwardChannels, servePortForwardSpdy } from './port-forward.ts';
import type { RemoteStreams, StreamFlags } from './remote.ts';
import { runAttach, runExec } from './sessions.ts';
import { openTunnel } from './websocket-tunnel.ts';

/** Undefined: the connection was taken over. */
export type UpgradeResult = Answer | undefined;

const POD_UNKNOWN = text(404, 'pod does not exist');
const NO_STREAM = text(400, 'you must specify at least 1 of stdin, stdout, stderr');
const NO_UPGRADE = goError(500, 'Upgrade request required');

/** Only the exact value 1 counts, and a terminal has no stderr of its own. */
const parseFlags = ({ target }: Exchange): StreamFlags => {
  const flag = (name: string): boolean => target.query.get(name)?.[0] === '1';
  const tty = flag('tty');
  return { stdin: flag('input'), stdout: flag('output'), stderr: flag('error') && !tty, tty };
};

export const serveExec = (
  exchange: Exchange,
  pod: PodSandbox | undefined,
  containerName: string,
  abilities: Abilities,
): UpgradeResult => {
  const flags = parseFlags(exchange);
  if (!flags.stdin && !flags.stdout && !flags.stderr) return NO_STREAM;
  if (pod === undefined) return POD_UNKNOWN;
  const container = pod.containers.find(({ spec }) => spec.name === containerName);
  if (container === undefined) return text(500, `container not found (${JSON.stringify(containerName)})`);
  const command = exchange.target.query.get('command') ?? [];
  return serve(exchange, flags, abilities, (remote) => runExec(container, command, flags, remote));
};

/** Here the uid counts, unlike in exec; and whether there is a terminal is the container's to say. */
export const serveAttach = (
  exchange: Exchange,
  pod: PodSandbox | undefined,
  name: { readonly uid: string | undefined; readonly container: string },
  abilities: Abilities,
): UpgradeResult => {
  const asked = parseFlags(exchange);
  if (!asked.stdin && !asked.stdout && !asked.stderr) return NO_STREAM;
  if (pod === undefined) return POD_UNKNOWN;
  const fullName = `${pod.spec.name}_${pod.spec.namespace}`;
  if (name.uid !== undefined && name.uid !== pod.uid) return text(500, `pod ${fullName} not found`);
  const container: Container | undefined = pod.containers.find(({ spec }) => spec.name === name.container);
  if (container === undefined) return text(500, `container ${name.container} not found in pod ${fullName}`);
  const flags = { ...asked, tty: container.spec.tty === true };
  if (flags.tty && flags.stderr) return text(500, 'tty and stderr cannot both be true');
  return serve(exchange, flags, abilities, (remote) => runAttach(container, remote));
};

const serve = (
  exchange: Exchange,
  flags: StreamFlags,
  abilities: Abilities,
  run: (remote: RemoteStreams) => Promise<void>,
): UpgradeResult => {
  if (exchange.upgrade === undefined) return NO_UPGRADE;
  const agreed = agreeOnExec(exchange.request, abilities);
  if (agreed.kind === 'refusal') return agreed.answer;
  const transport = exchange.upgrade.accept(agreed.head);
  void begin(transport, agreed, flags, run).catch(() => transport.destroy());
  return undefined;
};

const begin = async (
  transport: Duplex,
  agreed: Agreed,
  flags: StreamFlags,
  run: (remote: RemoteStreams) => Promise<void>,
): Promise<void> => {
  switch (agreed.kind) {
    case 'spdy': {
      const remote = await acceptSpdyStreams(transport, toSpdyVersion(agreed.protocol), flags);
      if (remote !== undefined) await run(remote);
      return;
    }
    case 'websocket':
      await run(acceptWebSocketStreams(transport, agreed.protocol, flags));
      return;
    case 'tunnel':
    case 'refusal':
    case 'rawRefusal':
      transport.end();
  }
};

export const servePortForward = (
  exchange: Exchange,
  pod: PodSandbox | undefined,
  uid: string | undefined,
  abilities: Abilities,
): UpgradeResult => {
  if (pod === undefined) return POD_UNKNOWN;
  if (uid !== undefined && uid !== pod.uid) return text(404, 'pod not found');
  if (exchange.upgrade === undefined) return NO_UPGRADE;
  const texts = (exchange.target.query.get('port') ?? []).flatMap((value) => value.split(','));
  const agreed = agreeOnPortForward(exchange.request, abilities, texts);
  if (agreed.kind === 'refusal') return agreed.answer;
  const ports = texts.map(parsePort).filter((port) => port !== undefined);
  if (agreed.kind === 'websocket' && ports.length !== texts.length) {
    return text(400, 'unable to parse query parameter "port"');
  }
  const transport = exchange.upgrade.accept(agreed.head);
  switch (agreed.kind) {
    case 'spdy':
      servePortForwardSpdy(transport, pod);
      break;
    case 'tunnel':
      servePortForwardSpdy(openTunnel(transport), pod);
      break;
    case 'websocket':
      servePortForwardChannels(transport, agreed.protocol, pod, ports);
      break;
    case 'rawRefusal':
      transport.end();
  }
  return undefined;
};
