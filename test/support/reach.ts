// How tests reach nodes that they start on loopback: by the real thing, with a rule that lets everything pass.

import type { ReachDependencies } from '../../src/outbound/reach.ts';
import { createReach } from '../../src/outbound/reach.ts';
import { createKeptLog } from './kept-log.ts';

export const reachAnything = (more: Partial<ReachDependencies> = {}) =>
  createReach({ judge: () => undefined, words: (problem) => problem, log: createKeptLog(), ...more });
