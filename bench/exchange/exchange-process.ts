// One tree's line in a process of its own, for bench/exchange.ts. Told by its parent how many exchanges to carry, it says
// what they cost. exchange-process.ts TREE FOLDER TOKEN.

import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type * as Headers from '../../src/core/headers.ts';
import type * as LifetimeOf from '../../src/core/lifetime.ts';
import type { Received } from '../../src/core/exchange.ts';
import { createCarriedLine } from './carried-line.ts';

/** How many exchanges are under way at a time: as many as wrk has connections. */
const AT_A_TIME = 16;

const [tree = '', folder = '', token = ''] = process.argv.slice(2);
const load = (path: string): Promise<unknown> => import(pathToFileURL(join(tree, 'src', path)).href);
const { HeaderLines } = (await load('core/headers.ts')) as typeof Headers;
const { Lifetime } = (await load('core/lifetime.ts')) as typeof LifetimeOf;
const line = await createCarriedLine(tree, folder);

const request = new IncomingMessage(new Socket());
const reply = { kind: 'http', request, response: new ServerResponse(request) } as const;
const rawHeaders = ['Host', 'localhost:8443', 'Authorization', `Bearer ${token}`, 'User-Agent', 'wrk'];

/** As `listen` makes it of the head of a request. */
const toReceived = (): Received => ({
  auditId: randomUUID(),
  receivedAt: Date.now(),
  method: 'GET',
  target: '/nodes/node-1/healthz',
  headers: new HeaderLines(rawHeaders),
  peer: { sourceIPs: ['127.0.0.1'], certificate: undefined },
  body: request,
  reply,
  lifetime: new Lifetime(),
});

/** Microseconds of CPU, of all threads of the process, for each exchange. */
async function carry(exchanges: number): Promise<number> {
  const before = process.cpuUsage();
  const client = async (): Promise<void> => {
    for (let i = 0; i < exchanges / AT_A_TIME; i += 1) {
      await line.carry(toReceived());
      // The next request of a client comes in a later turn of the event loop.
      await turn();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, client));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / exchanges;
}

process.on('message', (exchanges: number) => {
  void carry(exchanges).then((cpuUs) => process.send?.(cpuUs));
});
process.once('disconnect', () => {
  void line.close().then(() => process.exit(0));
});
process.send?.('ready');
