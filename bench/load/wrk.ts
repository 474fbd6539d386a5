// Runs wrk, the load generator, for a bounded time against one address of 127.0.0.1 and reads what it counted.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Every request on a connection of its own, TLS handshake included. */
  readonly newConnections?: boolean;
  /** Bearer token of all requests. */
  readonly token?: string | undefined;
  /** A file of requests to send in turn, instead of the URL's path and `token`: see wrk.lua. */
  readonly requestFile?: string | undefined;
}

export interface Counted {
  readonly requests: number;
  readonly durationUs: number;
  readonly bytes: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** How often a load that nobody answered is tried again: a starved machine is no answer. */
const TRIES = 3;

/** Rejects when any request was refused or broken: a figure of errors is a figure of something else. */
export async function runLoad(load: Load): Promise<Counted> {
  for (let tried = 1; ; tried += 1) {
    const counted = await runOnce(load);
    if (counted.requests > 0) return counted;
    if (tried === TRIES) throw new Error(`${load.url}: nobody answered`);
  }
}

async function runOnce(load: Load): Promise<Counted> {
  const args = [
    '--threads=1',
    `--connections=${load.connections}`,
    `--duration=${load.seconds}s`,
    '--timeout=10s',
    `--script=${SCRIPT}`,
    ...(load.newConnections === true ? ['--header=Connection: close'] : []),
    ...(load.token === undefined ? [] : [`--header=Authorization: Bearer ${load.token}`]),
    load.url,
    ...(load.requestFile === undefined ? [] : ['--', load.requestFile]),
  ];
  const output = await new Promise<string>((resolve, reject) => {
    execFile('wrk', args, { timeout: (load.seconds + 30) * 1000 }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`wrk failed at ${load.url}`, { cause: error }));
    });
  });
  const line = /^RESULT (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk said nothing that can be read:\n${output}`);
  const counted = JSON.parse(line) as Counted & { refused: number; broken: number };
  if (counted.refused > 0 || counted.broken > 0) {
    throw new Error(
      `${load.url}: of ${counted.requests} requests ${counted.refused} were refused and ${counted.broken} broken`,
    );
  }
  return counted;
}
