// The listener sections with their certificates and keys read and checked.

import type {
  AdminConfiguration,
  ListenerConfiguration,
  ServingCertificate,
} from '../../core/configuration.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { Secret } from '../../core/secret.ts';
import { checkPair } from '../checks/certificates.ts';
import { resolveFile } from '../files.ts';

export async function readListeners(
  section: GatewayFile['listeners'],
  reading: Reading,
): Promise<readonly ListenerConfiguration[]> {
  const listeners = await Promise.all(
    section.map(async (listener, index) => {
      const serving = await readServingCertificate(listener.tls, reading, ['listeners', index, 'tls']);
      return serving && { ...listener, tls: { ...serving, minVersion: listener.tls.minVersion } };
    }),
  );
  return listeners.filter((listener) => listener !== undefined);
}

export async function readAdmin(
  { address, port, openMetrics, tls }: GatewayFile['admin'],
  reading: Reading,
): Promise<AdminConfiguration | undefined> {
  if (tls === undefined) return { address, port, openMetrics };
  const serving = await readServingCertificate(tls, reading, ['admin', 'tls']);
  return serving && { address, port, openMetrics, tls: serving };
}

async function readServingCertificate(
  tls: { readonly certificateFile: string; readonly privateKeyFile: string },
  { source, folder, files, findings, now }: Reading,
  path: Path,
): Promise<ServingCertificate | undefined> {
  const [certificate, privateKey] = await Promise.all([
    files.read(resolveFile(folder, tls.certificateFile), source, [...path, 'certificateFile']),
    files.read(resolveFile(folder, tls.privateKeyFile), source, [...path, 'privateKeyFile']),
  ]);
  if (certificate === undefined || privateKey === undefined) return undefined;
  const { problems, warnings } = checkPair(certificate, privateKey, now);
  for (const message of problems) findings.problem(source, path, message);
  for (const message of warnings) findings.warning(source, path, message);
  return problems.length > 0 ? undefined : { certificate, privateKey: new Secret(privateKey) };
}
