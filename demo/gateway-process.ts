// The gateway as a process of its own: the same program that stands in front of real kubelets.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export interface GatewayProcess {
  readonly pid: number;
  /** The exit code, once it has ended; a signal counts as 128. */
  readonly ended: Promise<number>;
  signal(name: 'SIGTERM' | 'SIGHUP' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
}

/** Starts `serve` and waits until /readyz says yes. Rejects with the log's tail when the process ends before. */
export async function startGatewayProcess(options: {
  readonly configurationFile: string;
  readonly adminPort: number;
  readonly logFile: string;
}): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', options.configurationFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(options.logFile, { mode: 0o600 });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log.write(chunk);
      tail = (tail + chunk.toString()).slice(-4000);
    });
  }
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code) => {
      log.end();
      resolve(code ?? 128);
    });
    child.once('error', () => resolve(127));
  });
  const state = { over: false };
  void ended.then(() => (state.over = true));
  while (!(await isReady(options.adminPort))) {
    if (state.over) throw new Error(`the gateway ended before it was ready:\n${tail}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    pid: child.pid ?? 0,
    ended,
    signal: (name) => void child.kill(name),
  };
}

/** Over plain HTTP, or over TLS where the admin listener has a certificate; health is no secret, whoever shows it. */
const isReady = async (port: number): Promise<boolean> =>
  (await probeOver(httpRequest, port)) || (await probeOver(httpsRequest, port));

const probeOver = (request: typeof httpRequest | typeof httpsRequest, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const at = { host: '127.0.0.1', port, path: '/readyz', timeout: 2000, rejectUnauthorized: false };
    const probe = request(at, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    probe.on('error', () => resolve(false));
    probe.end();
  });
