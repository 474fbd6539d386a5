// What `explain` finds out, as a value: the text and the JSON of its output say the same. It holds no secret, and of
// claims only what the user's name and groups are made of.

import type { Action } from '../../core/action.ts';
import type { AnyAttributes } from '../../core/attributes.ts';
import type { OptionalEndpoint } from '../../core/configuration.ts';
import type { Decision } from '../../core/decision.ts';
import type { RecordingRule } from '../../core/recording.ts';
import type { User } from '../../core/user.ts';
import type { Mismatch } from '../../credential/mapping.ts';

export interface Explanation {
  readonly user: User;
  /** The request that was made up for the words of the command line. Nobody was sent it. */
  readonly request: { readonly method: string; readonly target: string };
  /** Groups of endpoints that are off. */
  readonly endpointsOff: readonly OptionalEndpoint[];
  readonly node?: string;
  readonly action?: Action;
  /** The right that is asked for before the gateway finds out where the pod is; the node's own right follows. */
  readonly permission?: { readonly questions: readonly Question[] };
  readonly authorization?: { readonly mode: string; readonly questions: readonly Question[] };
  readonly entry?: { readonly address: string; readonly port: number; readonly serverName: string };
  /** Present when the gateway would first ask the node for its pods. */
  readonly podsFirst?: { readonly mappings: readonly TriedMapping[]; readonly credential?: string };
  readonly mappings?: readonly TriedMapping[];
  readonly credential?: { readonly name: string; readonly kind: string };
  /** Which rule of `sessionPolicy` was kept. Null: none matches. */
  readonly policy?: { readonly index: number } | null;
  /** Null: no rule says that it is recorded. */
  readonly recording?: { readonly index: number; readonly rule: RecordingRule } | null;
  /** In milliseconds. Null: none. */
  readonly limits?: {
    readonly answerMs: number | null;
    readonly idleMs: number | null;
    readonly absoluteMs: number | null;
    readonly credentialExpiryGraceMs: number;
  };
  readonly outcome: Outcome;
  /** What the stages had to say to the log meanwhile. */
  readonly notes: readonly string[];
}

export interface Question {
  /** `create pods/exec in namespace "shop"`. */
  readonly right: string;
  readonly attributes: AnyAttributes;
  /** `notAsked`: an earlier one decided, or nothing was to be asked. */
  readonly decision: Decision['kind'] | 'error' | 'notAsked';
  readonly reason: string;
}

export interface TriedMapping {
  readonly index: number;
  readonly credential: string;
  /** The first part of the rule that does not hold. Absent: it matched. */
  readonly mismatch?: Mismatch;
}

export type Outcome =
  | { readonly kind: 'allowed' }
  /** Only the attributes were wanted; `why`: or more than `explain` can know. */
  | { readonly kind: 'notDecided'; readonly why?: string }
  | {
      readonly kind: 'refused';
      readonly stage: Stage;
      readonly code: number;
      readonly reason: string;
      readonly message: string;
      /** What the log would have been told beside it. */
      readonly cause?: string;
    };

export type Stage = 'resolve' | 'permit' | 'find' | 'authorize' | 'locate' | 'credential';
