// Writes the marks of recordings into the audit log, as events of the gateway's own. No policy leaves them out: the chain
// is to know of every recording.

import { randomUUID } from 'node:crypto';
import { toMarkEvent } from '../../chain/mark-event.ts';
import type { Clock } from '../../core/ports.ts';
import type { RecordingLedger, RecordingMark } from '../../core/recording-mark.ts';

export interface LedgerDeps {
  readonly clock: Clock;
  /** Undefined: nothing to wait for. */
  readonly store: (event: string) => Promise<void> | undefined;
  readonly storeLater: (event: string) => void;
  /** Undefined: events are not chained. */
  readonly chain: () => string | undefined;
}

export function createLedger({ clock, store, storeLater, chain }: LedgerDeps): RecordingLedger {
  const toEvent = (mark: RecordingMark): string =>
    toMarkEvent(randomUUID(), new Date(clock.now()).toISOString(), mark);
  return {
    get chain() {
      return chain();
    },
    tell: async (mark) => store(toEvent(mark)),
    tellLater: (mark) => storeLater(toEvent(mark)),
  };
}
