// The file format of GatewayConfiguration (kubelet-gateway.io/v1alpha1), section by section. The reference page and
// the JSON Schema are generated from the descriptions here.

import { z } from 'zod';
import { AUDIT_MODES, LOG_LEVELS } from '../../core/configuration.ts';
import { authentication, authorization } from './access.ts';
import { credentialMappings, credentials, endpoints, forwarding, nodes, sessions } from './kubelets.ts';
import { recording } from './recording.ts';
import { count, duration, fileName, quantity } from './scalars.ts';
import { admin, listeners } from './serving.ts';
import { strict } from './strict.ts';

export const API_VERSION = 'kubelet-gateway.io/v1alpha1';
export const KIND = 'GatewayConfiguration';

const audit = strict({
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
  stdout: z.boolean().prefault(false).describe('Write events to standard output, beside the log.'),
})
  .superRefine((value, ctx) => {
    if (value.file === undefined && !value.stdout) {
      ctx.addIssue({ code: 'custom', message: 'needs a file, or stdout: true, or both' });
    }
  })
  .describe('The audit log (audit.k8s.io/v1 events).');

/** The sections, each of which is checked by itself so that a problem in one does not hide those of another. */
export const SECTIONS = {
  apiVersion: z.literal(API_VERSION).describe('Version of this format.'),
  kind: z.literal(KIND).describe('Kind of this file.'),
  listeners,
  admin,
  authentication,
  authorization,
  nodes,
  credentials,
  credentialMappings,
  endpoints,
  forwarding,
  sessions,
  audit,
  recording,
  shutdown: strict({
    grace: duration('0s', '24h')
      .prefault('30s')
      .describe('How long running streams may go on after SIGTERM; requests are refused at once.'),
  })
    .prefault({})
    .describe('How the gateway stops.'),
  log: strict({
    level: z.enum(LOG_LEVELS).prefault('info').describe('The least important messages that are written.'),
  })
    .prefault({})
    .describe("The program's own log: JSON lines on standard output."),
};

export const gatewayFile = strict(SECTIONS);

export type GatewayFile = z.output<typeof gatewayFile>;

/** The sections that are as they should be, while others may not be. */
export type Sections = Partial<GatewayFile>;
