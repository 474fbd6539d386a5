// POST /run/…: a command whose whole output is the answer, stdout first and stderr after it, labelled JSON as the kubelet
// does. `cmd` is split at single spaces; there is no quoting and no time limit but the client's patience.

import type { Readable } from 'node:stream';
import type { Answer } from './answer.ts';
import { json, text } from './answer.ts';
import type { PodSandbox } from './containers.ts';
import type { Exchange } from './exchange.ts';

const collect = async (stream: Readable | undefined): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve) => {
    if (stream === undefined) resolve();
    else stream.once('close', resolve);
  });
  return Buffer.concat(chunks);
};

export const runCommand = async (
  { request, target }: Exchange,
  pod: PodSandbox | undefined,
  containerName: string,
): Promise<Answer> => {
  if (pod === undefined) return text(404, 'pod does not exist');
  const container = pod.containers.find(({ spec }) => spec.name === containerName);
  if (container === undefined) return text(500, `container not found (${JSON.stringify(containerName)})`);
  const command = (target.query.get('cmd')?.[0] ?? '').split(' ');
  const started = container.exec(command, { tty: false, stdin: false });
  if (started.kind === 'failed') return text(500, `failed to exec in container: ${started.reason}`);
  request.socket.once('close', () => started.kill());
  const [stdout, stderr, code] = await Promise.all([
    collect(started.stdout),
    collect(started.stderr),
    started.exited,
  ]);
  const output = Buffer.concat([stdout, stderr]);
  if (code !== 0)
    return text(500, `command '${command.join(' ')}' exited with ${code}: ${output.toString()}`);
  return output.length === 0 ? { status: 200, body: '' } : { ...json(''), body: output };
};
