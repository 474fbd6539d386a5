// The one dial to kubelets: whose certificate is trusted and whose is not (S17), and what is said when none answers.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { before, describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import type { NodeEntry } from '../../src/core/node.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createDial } from '../../src/outbound/dial.ts';
import type { TlsProblem } from '../../src/outbound/dial-faults.ts';
import type { LeafOptions } from '../../src/pki/issue.ts';
import { createTestPki, toEntry } from '../forward/support/front.ts';
import type { TestPki } from '../forward/support/front.ts';
import { startKubelet } from '../forward/support/kubelet.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { reachAnything } from '../support/reach.ts';
import { createAuthority } from '../support/pki.ts';

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

function dialling(entry: NodeEntry, connectTimeoutMs = 5_000) {
  const problems: TlsProblem[] = [];
  const log = createKeptLog();
  const upstreamTlsError = (problem: TlsProblem): number => problems.push(problem);
  const deps = { clock: systemClock, log, reach: reachAnything(), upstreamTlsError };
  return { dial: createDial(deps, { connectTimeoutMs }, entry, pki.bearer), problems, log };
}

const DAY_MS = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * DAY_MS);

describe('a certificate that a kubelet shows in place of another', () => {
  it('is looked at, however often the first was right, and the first is right again after it', async (t) => {
    const issue = async (dnsNames: readonly string[]) => {
      const { certificate, key } = await pki.kubeletCa.issue({ dnsNames, usages: ['server'] });
      return { cert: certificate, key };
    };
    const [right, other] = [await issue(['node-1']), await issue(['node-2'])];
    const server = createTlsServer(right, (socket) => socket.on('error', () => undefined).resume());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => server.close());
    const { dial, problems } = dialling(toEntry(pki, (server.address() as AddressInfo).port));
    for (const shown of [right, right, other, right]) {
      server.setSecureContext(shown);
      if (shown === other) await assert.rejects(dial(), /certificate is not trusted/);
      else (await dial()).destroy();
    }
    assert.deepEqual(problems, ['wrongName']);
  });
});

describe('a certificate of a kubelet', () => {
  const rows: readonly [string, LeafOptions, string, TlsProblem | undefined][] = [
    ['with the name of the node', { dnsNames: ['node-1'] }, 'node-1', undefined],
    ['with the address of the node', { ipAddresses: ['127.0.0.1'] }, '127.0.0.1', undefined],
    ['without an extended key usage', { dnsNames: ['node-1'], usages: [] }, 'node-1', undefined],
    ['of another node', { dnsNames: ['node-2'] }, 'node-1', 'wrongName'],
    ['of another address', { ipAddresses: ['127.0.0.2'] }, '127.0.0.1', 'wrongName'],
    ['with the address as a DNS name', { dnsNames: ['127.0.0.1'] }, '127.0.0.1', 'wrongName'],
    ['with a common name alone', { commonName: 'node-1' }, 'node-1', 'wrongName'],
    [
      'with a common name beside an address',
      { commonName: 'node-1', ipAddresses: ['127.0.0.1'] },
      'node-1',
      'wrongName',
    ],
    ['for clients', { dnsNames: ['node-1'], usages: ['client'] }, 'node-1', 'wrongPurpose'],
    [
      'that has expired',
      { dnsNames: ['node-1'], notBefore: inDays(-2), notAfter: inDays(-1) },
      'node-1',
      'expired',
    ],
    [
      'that is not valid yet',
      { dnsNames: ['node-1'], notBefore: inDays(1), notAfter: inDays(2) },
      'node-1',
      'notYetValid',
    ],
  ];
  for (const [what, leaf, serverName, problem] of rows) {
    it(`${what} is ${problem === undefined ? 'trusted' : `refused: ${problem}`}`, async (t) => {
      const tls = await pki.kubeletCa.issue({ usages: ['server'], ...leaf });
      const kubelet = await startKubelet(t, { tls, clientCa: pki.clientCa.certificate });
      const { dial, problems, log } = dialling(toEntry(pki, kubelet.port, { serverName }));
      if (problem === undefined) {
        const socket = await dial();
        assert.equal(socket.authorized, true);
        socket.destroy();
        return;
      }
      await assert.rejects(dial(), (fault) => {
        assert.ok(fault instanceof Fault);
        assert.equal(fault.message, "the node's certificate is not trusted");
        assert.equal(fault.code, 502);
        return true;
      });
      assert.deepEqual(problems, [problem]);
      assert.equal(log.lines.length, 1);
      for (const connection of kubelet.connections) assert.equal(connection.received.length, 0);
    });
  }

  it('of another authority is refused, whatever the environment says', async (t) => {
    const stranger = await createAuthority('stranger');
    const tls = await stranger.issue({ dnsNames: ['node-1'], usages: ['server'] });
    const kubelet = await startKubelet(t, { tls, clientCa: pki.clientCa.certificate });
    const { dial, problems } = dialling(toEntry(pki, kubelet.port));
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    t.after(() => {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    });
    await assert.rejects(dial(), { message: "the node's certificate is not trusted" });
    assert.deepEqual(problems, ['untrusted']);
  });

  it('is verified by an intermediate that the kubelet sends', async (t) => {
    const intermediate = await pki.kubeletCa.intermediate('nodes');
    const tls = await intermediate.issue({ dnsNames: ['node-1'], usages: ['server'] });
    const kubelet = await startKubelet(t, { tls, clientCa: pki.clientCa.certificate });
    (await dialling(toEntry(pki, kubelet.port)).dial()).destroy();
  });

  it('is not asked for when the entry names no authority', async () => {
    const { dial } = dialling(toEntry(pki, 1, { certificateAuthority: '' }));
    await assert.rejects(dial(), { message: 'the certificates for this node cannot be used' });
  });
});

describe('a node that does not answer', () => {
  it('is unreachable where nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const { dial, problems } = dialling(toEntry(pki, port));
    await assert.rejects(dial(), (fault) => fault instanceof Fault && fault.code === 502);
    assert.deepEqual(problems, []);
  });

  it('is too slow when the handshake stalls', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    server.on('connection', (socket) => {
      t.after(() => socket.destroy());
    });
    const { dial } = dialling(toEntry(pki, (server.address() as AddressInfo).port), 50);
    await assert.rejects(dial(), (fault) => fault instanceof Fault && fault.code === 504);
  });

  it('is not trusted when it does not speak TLS', async (t) => {
    const server = createServer((socket) =>
      socket.on('error', () => undefined).end('HTTP/1.1 200 OK\r\n\r\n'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { dial, problems } = dialling(toEntry(pki, (server.address() as AddressInfo).port));
    await assert.rejects(dial(), { message: 'no TLS connection with the node' });
    assert.deepEqual(problems, ['handshake']);
  });

  it('is given up on a signal', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { dial } = dialling(toEntry(pki, (server.address() as AddressInfo).port));
    const given = new AbortController();
    const dialled = dial(given.signal);
    const [socket] = (await once(server, 'connection')) as [NodeJS.ReadableStream & { destroy(): void }];
    given.abort();
    await assert.rejects(dialled, { message: 'the request was given up' });
    socket.destroy();
    await assert.rejects(dial(given.signal), { message: 'the request was given up' });
  });
});
