// The file format of GatewayConfiguration (kubelet-gateway.io/v1alpha1), section by section. The reference page and
// the JSON Schema are generated from the descriptions here.

import { z } from 'zod';
import { LOG_LEVELS } from '../../core/configuration.ts';
import { authentication, authorization } from './access.ts';
import { credentials } from './credentials.ts';
import { audit } from './audit.ts';
import { credentialMappings, endpoints, forwarding, sessions } from './kubelets.ts';
import { nodes } from './nodes.ts';
import { login } from './login.ts';
import { recording } from './recording.ts';
import { duration } from './scalars.ts';
import { admin, listeners } from './serving.ts';
import { sessionPolicy } from './session-policy.ts';
import { stepUp } from './step-up.ts';
import { strict } from './strict.ts';

export const API_VERSION = 'kubelet-gateway.io/v1alpha1';
const KIND = 'GatewayConfiguration';

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
  sessionPolicy,
  stepUp,
  login,
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
