import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { createAuthority } from '../support/pki.ts';

describe('issued certificates', () => {
  it('make a mutual TLS connection, through an intermediate', async (t) => {
    const root = await createAuthority('root');
    const intermediate = await root.intermediate('intermediate');
    const server = await root.issue({ commonName: 'server', dnsNames: ['localhost'], usages: ['server'] });
    const client = await intermediate.issue({ commonName: 'client', usages: ['client'] });
    const listener = createServer({
      cert: server.certificate,
      key: server.key,
      ca: root.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    t.after(() => listener.close());
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    assert(typeof address === 'object' && address !== null);
    const accepted = once(listener, 'secureConnection');
    const socket = connect({
      port: address.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: root.certificate,
      cert: client.certificate,
      key: client.key,
    });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    assert.equal(socket.authorized, true);
    const [peer] = (await accepted) as [TLSSocket];
    t.after(() => peer.destroy());
    assert.equal(peer.authorized, true);
    assert.equal(peer.getPeerCertificate().subject.CN, 'client');
  });

  it('carry intermediates behind the leaf', async () => {
    const root = await createAuthority('root');
    const lower = await (await root.intermediate('upper')).intermediate('lower');
    const { certificate } = await lower.issue({ commonName: 'x' });
    assert.equal(certificate.match(/BEGIN CERTIFICATE/g)?.length, 3);
  });
});
