// The audit of one exchange: which of its stages are recorded, as the policy says, and what each event holds. The
// level is decided once, before authorization, as an API server does.

import type { AuditStage } from '../../core/audit-policy.ts';
import type { Received } from '../../core/exchange.ts';
import type { Ending, Evidence, Observation } from '../../core/observation.ts';
import type { Clock } from '../../core/ports.ts';
import { Fault } from '../../core/fault.ts';
import { isLong } from '../long-running.ts';
import type { TimeText } from '../time-text.ts';
import { toRequestAnnotations } from './annotations.ts';
import type { Describe } from './description.ts';
import { toEvent, toFrame } from './event.ts';
import type { EventFrame } from './event.ts';
import type { AuditEvaluator, AuditVerdict } from './policy.ts';
import { toSubject } from './subject.ts';

export interface TrailParts {
  readonly clock: Clock;
  readonly timeText: TimeText;
  readonly describe: Describe;
  readonly evaluate: AuditEvaluator;
  /** Stores the event of RequestReceived; the promise is what the exchange waits for. */
  readonly store: (event: string) => Promise<void> | undefined;
  /** Stores an event that nobody waits for. `failed` is called when that is known to have gone wrong. */
  readonly storeLater: (event: string, failed?: () => void) => void;
}

export class AuditTrail implements Observation {
  readonly #parts: TrailParts;
  #evidence: Evidence;
  #verdict: AuditVerdict | undefined;
  #frame: EventFrame | undefined;
  #annotations = '';
  /** What the annotations were made of. */
  #annotated: Evidence;

  constructor(parts: TrailParts, received: Received) {
    this.#parts = parts;
    this.#evidence = this.#annotated = received;
  }

  received(evidence: Evidence): Promise<void> | undefined {
    try {
      return this.#receive(evidence);
    } catch (cause) {
      // An exchange that cannot be described is not carried out.
      return Promise.reject(new Fault('InternalError', 'failed to store audit event', { cause }));
    }
  }

  #receive(evidence: Evidence): Promise<void> | undefined {
    this.#evidence = evidence;
    const about = toSubject(evidence);
    const user = 'authentication' in evidence ? evidence.authentication.user : undefined;
    this.#verdict = this.#parts.evaluate({ user, ...about });
    if (this.#verdict.level === 'None') return undefined;
    const { body, annotations } = this.#parts.describe(evidence, about);
    this.#annotations = annotations;
    this.#annotated = evidence;
    const receivedAt = this.#toMicroTime(evidence.receivedAt);
    this.#frame = toFrame(evidence, body, this.#verdict.level, receivedAt);
    const event = this.#event('RequestReceived');
    return event === undefined ? undefined : this.#parts.store(event);
  }

  found(evidence: Evidence): void {
    this.#evidence = evidence;
  }

  started(code: number): void {
    if (!isLong(this.#evidence)) return;
    const event = this.#event('ResponseStarted', code);
    if (event === undefined) return;
    const { lifetime } = this.#evidence;
    this.#parts.storeLater(event, () => lifetime.end('auditFailed'));
  }

  complete(ending: Ending): void {
    this.#end('ResponseComplete', ending);
  }

  panic(_error: unknown, ending: Ending): void {
    this.#end('Panic', ending);
  }

  #end(stage: AuditStage, ending: Ending): void {
    const event = this.#event(stage, ending.code, ending);
    if (event !== undefined) this.#parts.storeLater(event);
  }

  #event(stage: AuditStage, code?: number, ending?: Ending): string | undefined {
    if (this.#frame === undefined || this.#verdict?.omitStages.has(stage) !== false) return undefined;
    return toEvent(this.#frame, {
      stage,
      at: stage === 'RequestReceived' ? this.#frame.receivedAt : this.#toMicroTime(this.#parts.clock.now()),
      evidence: this.#evidence,
      requestAnnotations: this.#requestAnnotations(),
      code,
      ending,
    });
  }

  /** metav1.MicroTime. The clock knows milliseconds. */
  #toMicroTime(atMs: number): string {
    return `${this.#parts.timeText(atMs)}000Z`;
  }

  /** Made again only where a later stage has changed the action: `locate` fills in the container. */
  #requestAnnotations(): string {
    const before = this.#annotated;
    const now = this.#evidence;
    const isSame =
      ('action' in before ? before.action : undefined) === ('action' in now ? now.action : undefined);
    if (!isSame) this.#annotations = toRequestAnnotations(now);
    this.#annotated = now;
    return this.#annotations;
  }
}
