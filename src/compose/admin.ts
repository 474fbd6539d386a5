// The admin listener. With a certificate it is a listener like the others, in front of a line with paths of its own, so
// that whoever asks is known in the same way. Without one it is plain HTTP and serves what anybody may see.

import type { RequestListener } from 'node:http';
import type { GatewayConfiguration } from '../core/configuration.ts';
import type { Log } from '../core/ports.ts';
import type { ListenerPorts } from '../listen/server.ts';
import { createAdminServer } from '../admin/admin.ts';
import { createListener } from '../listen/server.ts';

export interface AdminListener {
  /** Rejects when the address cannot be listened on. */
  start(): Promise<void>;
  /** Throws when the certificate cannot be used; the returned function, which puts it in force, does not. */
  prepare(next: GatewayConfiguration): () => void;
  /** From now on health alone. */
  drain(): void;
  close(): Promise<void>;
}

/** Throws when certificate, key or client CA cannot be used. */
export function composeAdmin(
  ports: ListenerPorts & { readonly app: RequestListener; readonly log: Log },
  configuration: GatewayConfiguration,
): AdminListener {
  const { app, log } = ports;
  const options = toOptions(configuration);
  if (options === undefined) {
    const plain = createAdminServer({ app, log }, configuration.admin);
    return {
      start: async () => {
        await plain.start();
      },
      prepare: () => () => undefined,
      drain: () => undefined,
      close: () => plain.close(),
    };
  }
  const listener = createListener(
    { ...ports, beside: app, besideMetrics: configuration.admin.openMetrics },
    options,
  );
  return {
    start: async () => {
      const { address, port } = await listener.start();
      log.info({ address, port, tls: true }, 'admin listening');
    },
    prepare: (next) => {
      const prepared = toOptions(next);
      return prepared === undefined ? (): void => undefined : listener.prepare(prepared);
    },
    drain: () => listener.drain(),
    close: () => listener.close(),
  };
}

function toOptions({ admin, authentication }: GatewayConfiguration) {
  const { address, port, tls } = admin;
  if (tls === undefined) return undefined;
  return {
    address,
    port,
    tls: { ...tls, minVersion: 'VersionTLS12' as const },
    clientCertificates: { request: true, exceptServerNames: [] },
    trustedProxies: [],
    clientCertificateAuthority: authentication.clientCertificateAuthority,
  };
}
