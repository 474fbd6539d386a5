// The parts of GatewayConfiguration that are about the other side: mappings of credentials, forwarding, sessions.

import { z } from 'zod';
import { ACTION_KINDS } from '../../core/action.ts';
import { OPTIONAL_ENDPOINTS } from '../../core/configuration.ts';
import { count, duration, label, nodeName, nonEmpty } from './scalars.ts';
import { anyOf, distinct, someOf, strict } from './strict.ts';

export const credentialMappings = someOf(
  strict({
    credential: label.describe('Name of the credential that is used.'),
    users: anyOf(nonEmpty).describe('User names. Absent: any.'),
    groups: anyOf(nonEmpty).describe('Groups, of which the user must be in one. Absent: any.'),
    nodes: anyOf(nodeName).describe('Node names. Absent: any.'),
    actions: anyOf(z.enum(ACTION_KINDS)).describe('Actions. Absent: any.'),
    when: nonEmpty
      .exactOptional()
      .describe(
        'An expression (docs/cel.md) over user, node, action, claims and grant that must be true too. One that cannot be evaluated refuses the request; no later rule is tried.',
      ),
  }),
  'rule',
).describe(
  'Which exchange is given which credential. The first rule whose lists all match and whose expression is true decides; without one the answer is 403.',
);

export const endpoints = strict({
  enabled: z
    .array(z.enum(OPTIONAL_ENDPOINTS))
    .check(distinct('endpoint'))
    .prefault([])
    .describe('Endpoints that are switched on. Each still needs its right.'),
})
  .prefault({})
  .describe('Kubelet endpoints that are off unless they are listed.');

export const forwarding = strict({
  connectTimeout: duration('100ms', '5m')
    .prefault('5s')
    .describe('Until a connection to a kubelet stands, TLS included.'),
  answerTimeout: duration('100ms', '1h')
    .prefault('60s')
    .describe(
      "Until the head of a kubelet's answer, and without a byte of it after that; logs and sessions excepted.",
    ),
  keepAliveTimeout: duration('1s', '1h').prefault('60s').describe('How long an unused connection is kept.'),
  maxConnectionsPerNode: count(1, 10_000)
    .prefault(100)
    .describe('Connections for one node and credential; logs, run, checkpoint and profiles have others.'),
  runTimeout: duration('1s', '24h').prefault('5m').describe('Limit of a run.'),
  checkpointTimeout: duration('1s', '24h').prefault('5m').describe('Limit of a checkpoint.'),
  profileTimeout: duration('1s', '24h').prefault('5m').describe('Limit of a profile.'),
})
  .prefault({})
  .describe('Time limits and connections towards the kubelets.');

const idle = duration('1s', '366d');
const absolute = duration('1s', '366d');
const limitsOf = (what: string) =>
  strict({
    idle: idle
      .exactOptional()
      .describe('Without a byte in either direction. Default: that of sessions.default.'),
    absolute: absolute.exactOptional().describe('In all. Default: that of sessions.default.'),
  })
    .prefault({})
    .describe(`Limits of ${what}.`);

export const sessions = strict({
  default: strict({
    idle: idle.prefault('4h').describe('Without a byte in either direction.'),
    absolute: absolute.prefault('12h').describe('In all.'),
  })
    .prefault({})
    .describe('Limits where nothing else is said.'),
  exec: limitsOf('exec'),
  attach: limitsOf('attach'),
  portForward: limitsOf('port forwarding'),
  containerLogs: limitsOf('following container logs'),
  credentialExpiryGrace: duration('0s', '24h')
    .prefault('5m')
    .describe('How long a stream outlives the credential of the user who opened it.'),
  recheckInterval: duration('1s', '24h')
    .prefault('60s')
    .describe(
      'How often the right to a running stream is asked for again; it ends when it is gone. At once when a change of roles, bindings or the configuration may concern it.',
    ),
  recheckGrace: duration('0s', '366d')
    .prefault('15m')
    .describe('How long a stream goes on while nobody can say whether the right still stands.'),
})
  .prefault({})
  .describe('How long streams may last. A kubelet sets no limits of its own.');
