// An exec or an attach from its first byte to its last: the process on one side, the client's streams on the other.

import { finished } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import type { Container } from '../containers.ts';
import type { RemoteStreams, StreamFlags } from './remote.ts';

/** Copies until the source ends; a destination that goes away does not hold the source up. */
const copy = async (source: Readable | undefined, destination: Writable | undefined): Promise<void> => {
  if (source === undefined) return;
  if (destination === undefined || destination.destroyed) source.resume();
  else {
    destination.on('error', () => undefined);
    destination.on('close', () => source.resume());
    source.pipe(destination);
  }
  await finished(source, { writable: false }).catch(() => undefined);
};

export const runExec = async (
  container: Container,
  command: readonly string[],
  flags: StreamFlags,
  remote: RemoteStreams,
): Promise<void> => {
  const started = container.exec(command, flags);
  if (started.kind === 'failed') {
    const what = `failed to start exec "${container.id}": OCI runtime exec failed: exec failed: ${started.reason}`;
    const message = `error executing command in container: failed to exec in container: ${what}`;
    await remote.finish({ kind: 'failure', message });
    return;
  }
  void remote.closed.then(() => started.kill());
  remote.onResize((columns, rows) => started.resize(columns, rows));
  const { stdin } = started;
  if (remote.stdin !== undefined && stdin !== undefined) {
    remote.stdin.pipe(stdin);
    remote.stdin.on('close', () => stdin.end());
  }
  const output = Promise.all([copy(started.stdout, remote.stdout), copy(started.stderr, remote.stderr)]);
  const code = await started.exited;
  await output;
  await remote.finish(code === 0 ? { kind: 'success' } : { kind: 'exit', code, command });
};

const QUIET_MS = 100;

/**
 * When the client's input ends, and the container's own does not end with it, containerd lets the output drain and ends
 * the attach: here after 100 ms without output. The exit code of the main process is never reported.
 */
export const runAttach = async (container: Container, remote: RemoteStreams): Promise<void> => {
  const attachment = container.attach();
  if (attachment === undefined) {
    await remote.finish({ kind: 'failure', message: `container ${container.spec.name} is not running` });
    return;
  }
  void remote.closed.then(() => attachment.detach());
  remote.onResize((columns, rows) => attachment.resize(columns, rows));
  if (remote.stdin !== undefined) {
    if (attachment.stdin === undefined) remote.stdin.resume();
    else remote.stdin.pipe(attachment.stdin, { end: false });
    remote.stdin.on('end', () => {
      const timer = setTimeout(() => attachment.detach(), QUIET_MS);
      for (const output of [attachment.stdout, attachment.stderr]) output?.on('data', () => timer.refresh());
    });
  }
  await Promise.all([copy(attachment.stdout, remote.stdout), copy(attachment.stderr, remote.stderr)]);
  await remote.finish({ kind: 'success' });
};
