// One forwarder in a process of its own: told its keys by message, tells its port, and its CPU time when asked.

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ForwarderName, Material } from './forwarders.ts';
import { createHandler } from './handlers.ts';

const name = process.argv[2] as ForwarderName;
const [material] = (await once(process, 'message')) as [Material];
const handler = await createHandler(name, material);
const server = createServer(
  { cert: material.server.certificate, key: material.server.key, keepAliveTimeout: 60_000 },
  handler,
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.((server.address() as AddressInfo).port);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
