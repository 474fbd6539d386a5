// S18 and S19: handshakes that are odd, broken off or never finished, and heads that never end. The process stays up, and
// whoever comes properly is served meanwhile.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

let scenario: Scenario;
let alice: string;
before(async () => {
  scenario = await startScenario({
    // With a name for which no certificate is asked, the gateway reads the server name itself.
    configure: (yaml) =>
      yaml.replace(
        'clientCertificates: { request: true }',
        'clientCertificates: { request: true, exceptServerNames: [people.example.org] }',
      ),
  });
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario));

const assertServed = async (): Promise<void> => {
  assert.equal((await ask(scenario, head('GET', '/nodes/node-1/healthz', bearer(alice)))).code, 200);
};
const dial = async (): Promise<Socket> => {
  const socket = connectTcp(scenario.environment.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
};

/** A ClientHello with a server name of these bytes, TLS 1.2, one cipher suite; enough for a parser to read. */
function clientHello(name: Buffer): Buffer {
  const u16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
  const entry = Buffer.concat([Buffer.from([0]), u16(name.length), name]);
  const list = Buffer.concat([u16(entry.length), entry]);
  const extension = Buffer.concat([u16(0), u16(list.length), list]);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    u16(2),
    u16(0xc02f),
    Buffer.from([1, 0]),
    u16(extension.length),
    extension,
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
  return Buffer.concat([Buffer.from([22, 3, 1]), u16(message.length), message]);
}

describe('a handshake', () => {
  for (const [name, bytes] of [
    ['an empty server name', clientHello(Buffer.alloc(0))],
    ['a server name of 255 bytes', clientHello(Buffer.alloc(255, 'a'))],
    ['a server name of 5000 bytes', clientHello(Buffer.alloc(5000, 'a'))],
    ['a NUL in the server name', clientHello(Buffer.from('people.example.org\0.evil'))],
    ['a server name that is no ASCII', clientHello(Buffer.from('пример.example'))],
    ['a server name that is no UTF-8', clientHello(Buffer.from([0xff, 0xfe, 0x80]))],
    ['a server name like a prototype', clientHello(Buffer.from('__proto__'))],
    ['a record of type 255', Buffer.from([255, 3, 1, 0, 5, 1, 2, 3, 4, 5])],
    ['a record longer than any', Buffer.from([22, 3, 1, 255, 255, 1, 0, 0, 0])],
    ['SSL 2', Buffer.from([0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10])],
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['nothing but an end', Buffer.alloc(0)],
  ] as const) {
    it(`with ${name} harms nobody`, async () => {
      const socket = await dial();
      socket.resume();
      socket.end(bytes);
      // Some are answered with an alert, some wait for more until their time is up; nobody waits for them.
      await assertServed();
      socket.destroy();
    });
  }

  it('with a server name that has an odd case is one like any other', async () => {
    const client = await RawClient.open(scenario, {
      servername: 'PEOPLE.Example.ORG',
      checkServerIdentity: () => undefined,
    });
    client.send(head('GET', '/nodes/node-1/healthz', bearer(alice)));
    assert.equal((await client.readAnswer()).code, 200);
    client.destroy();
  });

  it('cut off at every stage three hundred times harms nobody', async () => {
    const hello = clientHello(Buffer.from('localhost'));
    for (let round = 0; round < 30; round += 1) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          const socket = await dial();
          socket.write(hello.subarray(0, 1 + ((round * 10 + i) % hello.length)));
          socket.destroy();
        }),
      );
    }
    await assertServed();
  });

  it('left half done by five hundred clients, and heads that never end, keep nobody else waiting', async () => {
    const hello = clientHello(Buffer.from('localhost'));
    const idle = await Promise.all(Array.from({ length: 300 }, dial));
    const half = await Promise.all(Array.from({ length: 200 }, dial));
    for (const socket of half) socket.write(hello.subarray(0, 20));
    const slow = await Promise.all(Array.from({ length: 50 }, () => RawClient.open(scenario)));
    for (const client of slow) client.send('GET /nodes/node-1/pods HTTP/1.1\r\nHost: gateway\r\nX-Slow: ');
    for (let i = 0; i < 10; i += 1) await assertServed();
    for (const socket of [...idle, ...half]) socket.destroy();
    for (const client of slow) client.destroy();
  });

  it('may not be done again on the same connection', async () => {
    const { certificateAuthority: ca, port } = scenario.environment;
    const socket = connect({ host: '127.0.0.1', port, ca, maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    const refused = once(socket, 'error') as Promise<[Error]>;
    socket.renegotiate({ rejectUnauthorized: true }, () => undefined);
    assert.match((await refused)[0].message, /no renegotiation/);
    socket.destroy();
    await assertServed();
  });

  it('by an old version of TLS is refused', async () => {
    const { certificateAuthority: ca, port } = scenario.environment;
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const [error] = (await once(socket, 'error')) as [Error];
    assert.match(error.message, /version|alert|no protocols/i);
    await assertServed();
  });
});
