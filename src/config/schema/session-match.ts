// The lists by which rules about sessions choose them.

import { z } from 'zod';
import { isNamespace } from '../../core/names.ts';
import { RECORDED_ACTIONS } from '../../core/session-match.ts';
import { nodeName, nonEmpty } from './scalars.ts';
import { anyOf } from './strict.ts';

export const sessionMatch = {
  users: anyOf(nonEmpty).describe('User names. Absent: any.'),
  groups: anyOf(nonEmpty).describe('Groups, of which the user must be in one. Absent: any.'),
  nodes: anyOf(nodeName).describe('Node names. Absent: any.'),
  namespaces: anyOf(
    // One that no namespace can have would match nothing, and the rule would let through what it was written for.
    z.string().refine(isNamespace, { error: 'must be a DNS-1123 label: a namespace has no other name' }),
  ).describe('Namespaces of the pod. Absent: any.'),
  actions: anyOf(z.enum(RECORDED_ACTIONS)).describe('Actions. Absent: any of them.'),
};
