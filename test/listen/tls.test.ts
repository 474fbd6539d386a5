// The TLS side of the listener: which certificate is asked for, at which name, and what the gateway then knows of it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { Secret } from '../../src/core/secret.ts';
import { createAuthority } from '../support/pki.ts';
import type { TestListener, TestPki } from './gateway.ts';
import { createPki, parseAnswer, readAll, readUntil, startListener } from './gateway.ts';

const GET = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const NEXT = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';
const PEOPLE = { clientCertificates: { request: true, exceptServerNames: ['people.test'] } };

const derOf = (pem: string): Buffer => Buffer.from(new X509Certificate(pem).raw);
const sha = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What `openssl s_client` prints for a handshake. */
async function inspect(port: number, ...args: readonly string[]): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end();
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  return text;
}

const asked = (text: string): readonly string[] => {
  const [, names = ''] =
    /Acceptable client certificate CA names\n((?:\S.*\n)*?)(?:Requested|Client|Peer|---)/.exec(text) ?? [];
  return names.split('\n').filter((name) => name !== '');
};

describe('the TLS listener', () => {
  let pki: TestPki;
  before(async () => {
    pki = await createPki();
  });

  const presented = (gateway: TestListener): readonly string[] | undefined => {
    const certificate = gateway.received.at(-1)?.peer.certificate;
    return certificate && [sha(certificate.leaf), ...certificate.intermediates.map(sha)];
  };

  for (const version of ['-tls1_2', '-tls1_3']) {
    it(`names exactly the configured client CAs (${version})`, async (t) => {
      const second = await createAuthority('second-client-ca');
      const gateway = await startListener(t, pki, {
        clientCertificateAuthority: pki.clientCA.certificate + second.certificate,
      });
      assert.deepEqual(asked(await inspect(gateway.port, version)), [
        'CN = client-ca',
        'CN = second-client-ca',
      ]);
    });

    it(`asks for nothing where nothing is configured (${version})`, async (t) => {
      const rows = [
        { clientCertificateAuthority: undefined },
        { clientCertificates: { request: false, exceptServerNames: [] } },
      ];
      for (const options of rows) {
        const gateway = await startListener(t, pki, options);
        const text = await inspect(gateway.port, version);
        assert.match(text, /No client certificate CA names sent/);
        assert.doesNotMatch(text, /Requested Signature Algorithms/);
      }
    });

    it(`asks for nothing at an exempt server name (${version})`, async (t) => {
      const gateway = await startListener(t, pki, PEOPLE);
      const exempt = await inspect(gateway.port, version, '-servername', 'People.Test');
      assert.deepEqual(asked(exempt), []);
      assert.match(exempt, /No client certificate CA names sent/);
      assert.deepEqual(asked(await inspect(gateway.port, version, '-servername', 'gateway.test')), [
        'CN = client-ca',
      ]);
      assert.deepEqual(asked(await inspect(gateway.port, version, '-noservername')), ['CN = client-ca']);
    });
  }

  it('carries requests at an exempt name, and elsewhere after a look at the name', async (t) => {
    const gateway = await startListener(t, pki, PEOPLE);
    const client = await pki.clientCA.issue({ commonName: 'alice' });
    const credentials = { cert: client.certificate, key: client.key };
    assert.equal(
      parseAnswer(await gateway.say(GET, { servername: 'people.test', ...credentials })).code,
      200,
    );
    assert.equal(presented(gateway), undefined);
    assert.equal(
      parseAnswer(await gateway.say(GET, { servername: 'gateway.test', ...credentials })).code,
      200,
    );
    assert.deepEqual(presented(gateway), [
      sha(derOf(client.certificate)),
      sha(derOf(pki.clientCA.certificate)),
    ]);
  });

  it('reads a ClientHello that comes byte by byte', async (t) => {
    const gateway = await startListener(t, pki, PEOPLE);
    const tcp = connectTcp({ host: '127.0.0.1', port: gateway.port, noDelay: true });
    await once(tcp, 'connect');
    const { Duplex } = await import('node:stream');
    const slow = new Duplex({
      read: () => tcp.resume(),
      write: (chunk: Buffer, _encoding, done) => {
        for (const byte of chunk) tcp.write(Uint8Array.of(byte));
        done();
      },
      final: (done) => {
        tcp.end();
        done();
      },
    });
    tcp.on('data', (chunk) => {
      if (!slow.push(chunk)) tcp.pause();
    });
    tcp.on('close', () => slow.destroy());
    const socket = connect({ socket: slow, servername: 'people.test', ca: pki.serverCA.certificate });
    await once(socket, 'secureConnect');
    const answered = readAll(socket);
    socket.write(GET);
    assert.equal(parseAnswer(await answered).code, 200);
    assert.equal(presented(gateway), undefined);
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`knows the leaf and the intermediates of a client (${maxVersion})`, async (t) => {
      const gateway = await startListener(t, pki);
      const intermediate = await pki.clientCA.intermediate('intermediate');
      const client = await intermediate.issue({ commonName: 'alice' });
      const [leaf = '', ...rest] = client.certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
      assert.equal(rest.length, 1);
      await gateway.say(GET, { cert: client.certificate, key: client.key, maxVersion });
      const [first, second] = presented(gateway) ?? [];
      assert.deepEqual([first, second], [sha(derOf(leaf)), sha(derOf(intermediate.certificate))]);
    });

    it(`knows a certificate that nobody vouches for (${maxVersion})`, async (t) => {
      const gateway = await startListener(t, pki);
      const stranger = await (await createAuthority('stranger')).issue({ commonName: 'mallory' });
      await gateway.say(GET, { cert: stranger.certificate, key: stranger.key, maxVersion });
      assert.equal(presented(gateway)?.[0], sha(derOf(stranger.certificate)));
    });

    it(`knows the certificate when a client wants to resume a session (${maxVersion})`, async (t) => {
      const gateway = await startListener(t, pki);
      const intermediate = await pki.clientCA.intermediate('intermediate');
      const client = await intermediate.issue({ commonName: 'alice' });
      const credentials = { cert: client.certificate, key: client.key, maxVersion };
      const first = await gateway.open(credentials);
      let session = first.getSession();
      first.on('session', (latest) => (session = latest));
      const answered = readAll(first);
      first.write(GET);
      await answered;
      const before = presented(gateway);
      assert.ok(session !== undefined && before !== undefined && before.length >= 2);
      await gateway.say(GET, { ...credentials, session });
      assert.deepEqual(presented(gateway), before);
      // Nor is it remembered for somebody who has only the session.
      await gateway.say(GET, { maxVersion, session });
      assert.equal(presented(gateway), undefined);
    });
  }

  it('hands out one certificate object a connection', async (t) => {
    const gateway = await startListener(t, pki);
    const client = await pki.clientCA.issue({ commonName: 'alice' });
    const socket = await gateway.open({ cert: client.certificate, key: client.key });
    for (let i = 0; i < 2; i += 1) {
      socket.write(NEXT);
      await readUntil(socket, 'ok GET /x');
    }
    const [a, b] = gateway.received;
    assert.ok(a?.peer.certificate !== undefined);
    assert.equal(a.peer.certificate, b?.peer.certificate);
    assert.notEqual(a.auditId, b?.auditId);
    assert.deepEqual(a.peer.sourceIPs, ['127.0.0.1']);
  });

  it('speaks HTTP/1.1 and never HTTP/2', async (t) => {
    const gateway = await startListener(t, pki);
    const both = await gateway.open({ ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(both.alpnProtocol, 'http/1.1');
    await assert.rejects(gateway.open({ ALPNProtocols: ['h2'] }), /no application protocol/);
  });

  it('refuses TLS versions below the configured one', async (t) => {
    const gateway = await startListener(t, pki, {
      tls: { ...pki.options.tls, minVersion: 'VersionTLS13' },
    });
    await assert.rejects(gateway.open({ maxVersion: 'TLSv1.2' }));
    assert.equal((await gateway.open()).getProtocol(), 'TLSv1.3');
    const older = await startListener(t, pki);
    await assert.rejects(older.open({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }));
  });

  it('survives renegotiation, odd names and broken handshakes', async (t) => {
    const gateway = await startListener(t, pki, PEOPLE);
    const socket = await gateway.open({ maxVersion: 'TLSv1.2' });
    const answered = readAll(socket);
    socket.once('error', () => socket.destroy());
    socket.renegotiate({}, () => undefined);
    assert.equal(await answered, '');
    for (const servername of ['x'.repeat(255), 'a_b', 'xn--'])
      await gateway.say(GET, { servername, rejectUnauthorized: false });
    const starts = [
      '',
      '\x16',
      '\x16\x03\x01\x00\x00',
      '\x16\x03\x01\x00\x04\x01\x00\x00\x00',
      '\x80\x2e\x01',
      'GET / HTTP/1.1\r\n\r\n',
    ];
    for (const start of [...starts, ...starts]) {
      const tcp = connectTcp({ host: '127.0.0.1', port: gateway.port });
      tcp.on('error', () => undefined);
      tcp.resume();
      await once(tcp, 'connect');
      tcp.end(Buffer.from(start, 'latin1'));
      await new Promise((resolve) => tcp.once('close', resolve));
    }
    assert.equal(parseAnswer(await gateway.say(GET)).code, 200);
  });
});

describe('an update of the listener', () => {
  it('changes certificate, client CA, names and proxies for new connections, and drops none', async (t) => {
    const pki = await createPki();
    const gateway = await startListener(t, pki);
    const old = await gateway.open();
    const next = await createPki();
    const swap = gateway.listener.prepare({ ...next.options, trustedProxies: ['127.0.0.0/8'] });
    swap();

    old.write(`GET /old HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n`);
    await readUntil(old, 'ok GET /old');
    assert.deepEqual(gateway.received[0]?.peer.sourceIPs, ['192.0.2.1', '127.0.0.1']);

    await assert.rejects(gateway.open());
    const client = await next.clientCA.issue({ commonName: 'alice' });
    const credentials = { cert: client.certificate, key: client.key, ca: next.serverCA.certificate };
    assert.equal(parseAnswer(await gateway.say(GET, credentials)).code, 200);
    assert.equal(
      sha(gateway.received[1]?.peer.certificate?.leaf ?? new Uint8Array()),
      sha(derOf(client.certificate)),
    );
  });

  it('changes nothing when a part of it cannot be used', async (t) => {
    const pki = await createPki();
    const gateway = await startListener(t, pki);
    const other = await pki.serverCA.issue({ dnsNames: ['localhost'] });
    const broken = [
      { ...pki.options, tls: { ...pki.options.tls, privateKey: new Secret('nonsense') } },
      { ...pki.options, tls: { ...pki.options.tls, privateKey: new Secret(other.key) } },
      { ...pki.options, clientCertificateAuthority: 'nonsense' },
      { ...pki.options, trustedProxies: ['nonsense'] },
    ];
    for (const [row, options] of broken.entries()) {
      assert.throws(() => {
        gateway.listener.prepare(options);
      }, `row ${row}`);
    }
    assert.equal(parseAnswer(await gateway.say(GET)).code, 200);
  });
});
