// How fresh or how strong a login must be for an action, beside the right to it. `config/` reads the rules, `authorize/`
// holds exchanges against them, a login page or command is told what to ask the provider for.

import type { ActionKind } from './action.ts';

/** The first rule that matches decides; without one any login will do. */
export interface StepUpRule {
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  readonly nodes?: readonly string[];
  /** Of the pod; a rule that names any does not match what is not about a pod. */
  readonly namespaces?: readonly string[];
  readonly actions?: readonly ActionKind[];
  /** Since the person last proved who they are (`auth_time`). One login serves everything until then. */
  readonly maxAgeMs?: number;
  /** Authentication context classes (`acr`), of which the login must have one. */
  readonly acrValues?: readonly string[];
  /** Authentication methods (`amr`, RFC 8176), all of which the login must have used. */
  readonly amrValues?: readonly string[];
}

/** Annotation of a Fault that another login would mend. */
export const STEP_UP = 'step-up';
