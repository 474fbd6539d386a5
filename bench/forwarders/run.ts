// Measures what forwarding one plain request costs the proxy's process, in microseconds of CPU: TLS in, mutual TLS out,
// keep-alive on both sides. The forwarders run as processes of their own and take turns within each round, so that
// whatever else the machine does falls on all of them alike. Only ratios within one run mean anything.
//
//   node bench/forwarders/run.ts        about 90 seconds; writes bench/results/forwarders.{json,md}

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { Pool } from 'undici';
import { createAuthority } from '../../src/pki/issue.ts';
import { FORWARDERS } from './forwarders.ts';
import type { Material } from './forwarders.ts';

const SIZES = [
  { name: '2 B', path: '/healthz', bytes: 2, requests: 2_000 },
  { name: '30 kB', path: '/pods', bytes: 30_000, requests: 1_000 },
  { name: '1 MB', path: '/metrics', bytes: 1_000_000, requests: 80 },
] as const;
const ROUNDS = 9;
const CONNECTIONS = 8;

interface Row {
  readonly forwarder: string;
  readonly size: string;
  readonly microseconds: readonly number[];
  readonly median: number;
  /** Of the same round's figure for the forwarder of this project; the median of the rounds. */
  readonly ratio: number;
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

async function startBackend(material: Material): Promise<number> {
  const bodies = new Map(SIZES.map(({ path, bytes }) => [path as string, Buffer.alloc(bytes, 'x')]));
  const { certificate, key } = material.server;
  const server = createServer(
    { cert: certificate, key, ca: material.ca, requestCert: true, keepAliveTimeout: 60_000 },
    (request, response) => {
      const body = bodies.get(request.url ?? '') ?? Buffer.alloc(0);
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length }).end(body);
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function load(pool: Pool, path: string, requests: number, bytes: number): Promise<void> {
  let left = requests;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const { body, statusCode } = await pool.request({ method: 'GET', path });
      const { byteLength } = await body.arrayBuffer();
      if (statusCode !== 200 || byteLength !== bytes) throw new Error(`${statusCode}, ${byteLength} bytes`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

async function ask<T>(child: ChildProcess, message: object | string): Promise<T> {
  const answered = once(child, 'message') as Promise<[T]>;
  child.send(message);
  return (await answered)[0];
}

async function toMaterial(): Promise<Material> {
  const authority = await createAuthority('bench');
  const [server, client] = await Promise.all([
    authority.issue({ dnsNames: ['localhost'], usages: ['server'] }),
    authority.issue({ commonName: 'gateway', usages: ['client'] }),
  ]);
  return { ca: authority.certificate, server, client, backendPort: 0 };
}

async function measure(): Promise<readonly Row[]> {
  const plain = await toMaterial();
  const material = { ...plain, backendPort: await startBackend(plain) };
  const running = await Promise.all(
    FORWARDERS.map(async (name) => {
      // http-proxy 1.18.1 uses util._extend; its deprecation warning is not what is measured.
      const child = fork(new URL('proxy.ts', import.meta.url), [name], { execArgv: ['--no-deprecation'] });
      const port = await ask<number>(child, material);
      const connect = { ca: material.ca, servername: 'localhost' };
      const pool = new Pool(`https://127.0.0.1:${port}`, {
        connections: CONNECTIONS,
        allowH2: false,
        connect,
      });
      return { name, child, pool };
    }),
  );
  const figures = new Map<string, number[]>();
  for (let round = -1; round < ROUNDS; round++) {
    for (const { name: size, path, bytes, requests } of SIZES) {
      for (const { name, child, pool } of running) {
        const before = await ask<number>(child, 'cpu');
        await load(pool, path, requests, bytes);
        const used = (await ask<number>(child, 'cpu')) - before;
        // The first round warms up.
        if (round < 0) continue;
        const key = JSON.stringify([name, size]);
        figures.set(key, [...(figures.get(key) ?? []), used / requests]);
      }
    }
  }
  for (const { child } of running) child.kill();
  const of = (name: string, size: string): number[] => figures.get(JSON.stringify([name, size])) ?? [];
  return SIZES.flatMap(({ name: size }) =>
    FORWARDERS.map((forwarder) => {
      const microseconds = of(forwarder, size);
      const own = of('kubelet-gateway', size);
      const ratio = median(microseconds.map((used, round) => used / (own[round] ?? NaN)));
      return { forwarder, size, microseconds, median: median(microseconds), ratio };
    }),
  );
}

function toMarkdown(rows: readonly Row[]): string {
  const cell = (forwarder: string, size: string): string => {
    const row = rows.find((one) => one.forwarder === forwarder && one.size === size);
    return row === undefined ? '' : `${row.median.toFixed(0)} µs (${row.ratio.toFixed(2)})`;
  };
  const lines = FORWARDERS.map(
    (forwarder) => `| ${forwarder} | ${SIZES.map(({ name }) => cell(forwarder, name)).join(' | ')} |`,
  );
  return [
    '# CPU of the proxy process for one forwarded request',
    '',
    `Node ${process.version}, ${cpus().length} cores, TLS 1.3 in and mutual TLS out, ${CONNECTIONS} connections, ` +
      `median of ${ROUNDS} interleaved rounds. In brackets: the median ratio to this project's forwarder, within a round.`,
    '',
    `| forwarder | ${SIZES.map(({ name }) => name).join(' | ')} |`,
    `|---|${SIZES.map(() => '---|').join('')}`,
    ...lines,
    '',
    'Written by `node bench/forwarders/run.ts`. Absolute figures belong to the machine; the ratios are the result.',
    '',
  ].join('\n');
}

const rows = await measure();
const results = new URL('../results/', import.meta.url);
await writeFile(
  new URL('forwarders.json', results),
  `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`,
);
await writeFile(new URL('forwarders.md', results), toMarkdown(rows));
console.log(toMarkdown(rows));
process.exit(0);
