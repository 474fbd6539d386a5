// The parts of GatewayConfiguration that are about being reached: listeners and the admin listener.

import { z } from 'zod';
import { TLS_VERSIONS } from '../../core/configuration.ts';
import { cidr, fileName, host, label, listenPort } from './scalars.ts';
import { someOf, strict } from './strict.ts';

const certificateFile = fileName.describe(
  'PEM file of the serving certificate, leaf first, intermediates after it.',
);
const privateKeyFile = fileName.describe('PEM file of its private key, not encrypted.');

const listener = strict({
  name: label.describe('Name of the listener in logs and metrics.'),
  address: host.prefault('0.0.0.0').describe('Address to listen on.'),
  port: listenPort.describe('TCP port; 0 takes any free one.'),
  tls: strict({
    certificateFile,
    privateKeyFile,
    minVersion: z
      .enum(TLS_VERSIONS)
      .prefault('VersionTLS12')
      .describe('The oldest TLS version that is spoken.'),
  }).describe('What the listener shows at a TLS handshake. There is no plain-text listener.'),
  clientCertificates: strict({
    request: z
      .boolean()
      .prefault(true)
      .describe('Ask for a client certificate. It is never required, since a token may take its place.'),
    exceptServerNames: z
      .array(host.transform((name) => name.toLowerCase()))
      .prefault([])
      .describe(
        'Server names (SNI) at which none is asked for, so that browsers show no certificate chooser.',
      ),
  })
    .prefault({})
    .describe('Whether clients are asked for a certificate.'),
  trustedProxies: z
    .array(cidr)
    .prefault([])
    .describe(
      'Peers (addresses or CIDRs) whose X-Forwarded-For counts as a source address in the audit log.',
    ),
});

export const listeners = someOf(listener, 'listener').describe('Where the gateway listens for users.');

export const admin = strict({
  address: host.prefault('127.0.0.1').describe('Address to listen on.'),
  port: listenPort.prefault(9443).describe('TCP port; 0 takes any free one.'),
  tls: strict({ certificateFile, privateKeyFile })
    .exactOptional()
    .describe(
      'Certificate of the admin listener. Without it the listener speaks plain HTTP and serves health, and metrics where openMetrics says so, and nothing else.',
    ),
  openMetrics: z
    .boolean()
    .prefault(false)
    .describe(
      'Serve /metrics to anybody who can reach the listener. Otherwise it needs a certificate or token, and the right to get the nonResourceURL /metrics.',
    ),
})
  .prefault({})
  .describe('Health, metrics and the admin API, apart from the listeners of users.');
