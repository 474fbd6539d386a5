// Ports that are given out for servers to come.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { freePort } from '../../demo/free-port.ts';

it('no port is given twice, however many are asked for at once, and each can be listened on', async () => {
  const ports = await Promise.all(Array.from({ length: 2_000 }, freePort));
  assert.equal(new Set(ports).size, ports.length);
  const servers = ports.slice(0, 50).map((port) => createServer().listen(port, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  assert.deepEqual(
    servers.map((server) => (server.address() as AddressInfo).port),
    ports.slice(0, 50),
  );
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
});
