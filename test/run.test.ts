// A running gateway takes a new configuration whole or not at all.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { stringify } from 'yaml';
import { freePort } from '../demo/free-port.ts';
import type { GatewayConfiguration, ServingCertificate } from '../src/core/configuration.ts';
import type { Gateway } from '../src/run.ts';
import { loadConfiguration } from '../src/config/load.ts';
import { systemClock } from '../src/core/ports.ts';
import { Secret } from '../src/core/secret.ts';
import { createGateway } from '../src/run.ts';
import type { SetUp } from './config/set-up.ts';
import { createSetUp, minimal } from './config/set-up.ts';
import { createAuthority } from './support/pki.ts';

let folder: string;
let setUp: SetUp;
let configuration: GatewayConfiguration;
let gateway: Gateway;
let ports: { readonly main: number; readonly second: number; readonly admin: number };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-run-'));
  setUp = await createSetUp();
  for (const [name, text] of setUp.files) await writeFile(join(folder, name.split('/').at(-1) ?? ''), text);
  ports = { main: await freePort(), second: await freePort(), admin: await freePort() };
  const tls = { certificateFile: 'gateway.crt', privateKeyFile: 'gateway.key' };
  const file = join(folder, 'gateway.yaml');
  const listener = { address: '127.0.0.1', tls };
  const yaml = {
    ...minimal(),
    listeners: [
      { ...listener, name: 'main', port: ports.main },
      { ...listener, name: 'second', port: ports.second },
    ],
    admin: { port: ports.admin, tls },
    audit: { file: { path: 'audit.log' } },
    log: { level: 'error' },
  };
  await writeFile(file, stringify(yaml));
  const loaded = await loadConfiguration(file);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  configuration = loaded.configuration;
  gateway = await createGateway(configuration, { clock: systemClock, version: 'test' });
  await gateway.start();
});
after(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

/** The certificate that is shown at a port. */
async function shownAt(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).fingerprint256;
}

const shown = (): Promise<string[]> => Promise.all([ports.main, ports.second, ports.admin].map(shownAt));

/** The configuration with other certificates: of the first listener, of the second, and of the admin listener. */
function withCertificates(certificates: readonly ServingCertificate[]): GatewayConfiguration {
  const [main, second, admin] = certificates;
  const [first, other] = configuration.listeners;
  assert.ok(main && second && admin && first && other);
  return {
    ...configuration,
    listeners: [
      { ...first, tls: { ...first.tls, ...main } },
      { ...other, tls: { ...other.tls, ...second } },
    ],
    admin: { ...configuration.admin, tls: admin },
  };
}

describe('a reload', () => {
  it('changes no certificate when one of them cannot be used, wherever it is, and all when they can', async () => {
    const authority = await createAuthority('next');
    const issued = await authority.issue({ dnsNames: ['localhost'], usages: ['server'] });
    const good = { certificate: issued.certificate, privateKey: new Secret(issued.key) };
    const bad = { certificate: issued.certificate, privateKey: new Secret(setUp.key) };
    const before = await shown();
    for (const certificates of [
      [bad, good, good],
      [good, bad, good],
      [good, good, bad],
    ]) {
      gateway.reload(withCertificates(certificates));
      assert.deepEqual(await shown(), before);
    }
    gateway.reload(withCertificates([good, good, good]));
    const fingerprint = new X509Certificate(issued.certificate).fingerprint256;
    assert.deepEqual(await shown(), [fingerprint, fingerprint, fingerprint]);
  });
});
