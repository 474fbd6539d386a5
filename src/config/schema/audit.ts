// The part of GatewayConfiguration that is about the audit log and its chain.

import { z } from 'zod';
import { AUDIT_MODES } from '../../core/configuration.ts';
import { count, duration, fileName, quantity } from './scalars.ts';
import { strict } from './strict.ts';

const chain = strict({
  enabled: z
    .boolean()
    .prefault(true)
    .describe('Chain the lines of the file: each names the SHA-256 of the one before.'),
  signingKeyFile: fileName
    .exactOptional()
    .describe('Ed25519 key (PEM, PKCS#8) that signs checkpoints; `kubelet-gateway audit keygen` makes one.'),
  signer: strict({
    socket: fileName.describe(
      'Unix socket of a `kubelet-gateway audit signer`, which holds the key instead.',
    ),
    timeout: duration('100ms', '1m').prefault('2s').describe('How long a signature may take.'),
  })
    .exactOptional()
    .describe('Have checkpoints signed by a process apart, best under another user or on another host.'),
  checkpoint: strict({
    maxAge: duration('100ms', '1h')
      .prefault('10s')
      .describe(
        'Time after an event by which a checkpoint covers it: what somebody who can write the log could still change.',
      ),
    maxEvents: count(1, 10_000)
      .prefault(1000)
      .describe('Events after which there is a checkpoint in any case.'),
  })
    .prefault({})
    .describe('How often the chain is signed. Without events nothing is.'),
  required: z
    .boolean()
    .prefault(false)
    .describe('Refuse requests, and be not ready, while more than maxUnsigned events are not signed.'),
  maxUnsigned: count(1, 10_000_000)
    .prefault(10_000)
    .describe('How many events may be in the file without a checkpoint, where required is true.'),
  secondSink: strict({
    file: fileName
      .exactOptional()
      .describe(
        'A file that every checkpoint is appended to as well, best on another volume or append-only.',
      ),
    stdout: z
      .boolean()
      .prefault(false)
      .describe('Write every checkpoint to standard output too, as a line of JSON.'),
  })
    .prefault({})
    .describe('Where checkpoints go besides the log: it finds out a log that was set back.'),
})
  .superRefine((value, ctx) => {
    const isSigned = value.signingKeyFile !== undefined || value.signer !== undefined;
    if (value.signingKeyFile !== undefined && value.signer !== undefined) {
      ctx.addIssue({ code: 'custom', path: ['signer'], message: 'either a signer, or a signingKeyFile' });
    }
    if (value.enabled && isSigned) return;
    const wants = [
      ['required', value.required],
      ['secondSink', value.secondSink.file !== undefined || value.secondSink.stdout],
    ] as const;
    for (const [key, isWanted] of wants) {
      if (!isWanted) continue;
      ctx.addIssue({ code: 'custom', path: [key], message: 'needs a signingKeyFile or a signer' });
    }
  })
  .prefault({})
  .describe('Tamper evidence of the audit file (docs/audit.md).');

export const audit = strict({
  policyFile: fileName
    .exactOptional()
    .describe("Kubernetes' audit Policy (audit.k8s.io/v1). Default: everything at level Metadata."),
  mode: z
    .enum(AUDIT_MODES)
    .prefault('blocking-strict')
    .describe(
      'blocking-strict: no node is dialled before the event of the request has been written, and a failure refuses the request. blocking: the request waits for the write, failures are logged. batch: it does not wait.',
    ),
  fsync: z
    .boolean()
    .prefault(false)
    .describe('Flush every write to the disk, so that it survives a power loss.'),
  file: strict({
    path: fileName.describe('The file that events are appended to, one JSON object a line.'),
    maxSize: quantity('1Mi', '100Gi').prefault('100Mi').describe('Size at which the file is rotated.'),
    maxAge: duration('1m', '36500d').prefault('366d').describe('Age at which a rotated file is removed.'),
    maxFiles: count(1, 100_000).prefault(100).describe('How many rotated files are kept.'),
  })
    .exactOptional()
    .describe('Write events to a file.'),
  chain,
  stdout: z.boolean().prefault(false).describe('Write events to standard output, beside the log.'),
})
  .superRefine((value, ctx) => {
    if (value.file === undefined && !value.stdout) {
      ctx.addIssue({ code: 'custom', message: 'needs a file, or stdout: true, or both' });
    }
    const { signingKeyFile, signer } = value.chain;
    if (value.file === undefined && (signingKeyFile !== undefined || signer !== undefined)) {
      ctx.addIssue({ code: 'custom', path: ['chain'], message: 'signs the audit file, and there is none' });
    }
  })
  .describe('The audit log (audit.k8s.io/v1 events).');
