// The chain of the audit log as typed values, with its key read and checked.

import type { AuditChainSettings, AuditSigner } from '../../core/audit-chain.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { parseSigningKey } from '../../chain/jws.ts';
import { Secret } from '../../core/secret.ts';
import { resolveFile } from '../files.ts';

/** Undefined: nothing is chained. */
export async function readAuditChain(
  { file, chain }: GatewayFile['audit'],
  reading: Reading,
): Promise<AuditChainSettings | undefined> {
  if (file === undefined || !chain.enabled) return undefined;
  const { source, folder, findings } = reading;
  const { checkpoint, secondSink, required, maxUnsigned } = chain;
  const signer = await readSigner(chain, reading);
  if (chain.signingKeyFile === undefined && chain.signer === undefined) {
    const message =
      'the audit file is chained and nothing signs it, so that whoever can write it can make the chain anew; give a signingKeyFile or a signer';
    findings.warning(source, ['audit', 'chain'], message);
  } else if (secondSink.file === undefined && !secondSink.stdout && chain.signer === undefined) {
    const message =
      'checkpoints are in the audit file alone: that it was set back to an earlier state cannot be seen without a secondSink';
    findings.warning(source, ['audit', 'chain'], message);
  }
  return {
    ...(signer && { signer }),
    checkpoint: { maxAgeMs: checkpoint.maxAge, maxEvents: checkpoint.maxEvents },
    ...(required ? { maxUnsigned } : {}),
    secondSink: {
      ...(secondSink.file === undefined ? {} : { path: resolveFile(folder, secondSink.file) }),
      stdout: secondSink.stdout,
    },
  };
}

async function readSigner(
  { signer, signingKeyFile }: GatewayFile['audit']['chain'],
  { source, folder, files, findings }: Reading,
): Promise<AuditSigner | undefined> {
  if (signer !== undefined) {
    return { kind: 'socket', socket: resolveFile(folder, signer.socket), timeoutMs: signer.timeout };
  }
  if (signingKeyFile === undefined) return undefined;
  const path = ['audit', 'chain', 'signingKeyFile'];
  const pem = await files.read(resolveFile(folder, signingKeyFile), source, path);
  if (pem === undefined) return undefined;
  try {
    parseSigningKey(pem);
  } catch (error) {
    findings.problem(source, path, error instanceof Error ? error.message : 'the key cannot be read');
    return undefined;
  }
  return { kind: 'key', key: new Secret(pem) };
}
