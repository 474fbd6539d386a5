// The part of GatewayConfiguration that is about how fresh or how strong a login must be for an action.

import { z } from 'zod';
import { ACTION_KINDS } from '../../core/action.ts';
import { duration, nodeName, nonEmpty } from './scalars.ts';
import { anyOf, someOf, strict } from './strict.ts';

/** As it may stand in a quoted string of a challenge (RFC 9470 §3): no quotes, spaces or control characters. */
const value = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, { error: 'must be visible ASCII without quotes' });
const values = z.array(value).min(1).exactOptional();

export const stepUp = strict({
  rules: someOf(
    strict({
      users: anyOf(nonEmpty).describe('User names. Absent: any.'),
      groups: anyOf(nonEmpty).describe('Groups, of which the user must be in one. Absent: any.'),
      nodes: anyOf(nodeName).describe('Node names. Absent: any.'),
      namespaces: anyOf(nonEmpty).describe('Namespaces of the pod. Absent: any, and what is about no pod.'),
      actions: anyOf(z.enum(ACTION_KINDS)).describe('Actions. Absent: any.'),
      maxAge: duration('1s', '3650d')
        .exactOptional()
        .describe('How old the login (auth_time) may be. One login serves everything until then.'),
      acrValues: values.describe('Authentication contexts (acr), of which the login must have one.'),
      amrValues: values.describe(
        'Authentication methods (amr, RFC 8176), all of which the login must have used.',
      ),
    }).superRefine((rule, context) => {
      if (rule.maxAge === undefined && rule.acrValues === undefined && rule.amrValues === undefined) {
        context.addIssue({ code: 'custom', message: 'needs maxAge, acrValues or amrValues' });
      }
    }),
    'rule',
  ).describe('The first rule whose lists all match decides; without one any login will do.'),
})
  .optional()
  .describe(
    'Actions that need a fresher or stronger login (RFC 9470). Who comes without one is told how to sign in again; credentials that come of no login, such as certificates, are refused.',
  );
