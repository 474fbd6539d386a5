// The recorder: decides whether an exchange is recorded, and begins its recording before a node is dialled. Promises:
// where a rule says `required` there is no session without a recording that has been begun on the disk.

import type { RecordingRule, RecordingSettings, RecordingState } from '../core/recording.ts';
import type { RecordedAction } from '../core/session-match.ts';
import { RECORDED_ACTIONS } from '../core/session-match.ts';
import type { Credentialed } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Tap, TapFactory } from '../core/tap.ts';
import { BlockPool } from './block-pool.ts';
import { createByteLines } from './cast-lines.ts';
import { createJsonTextWriter } from './json-text.ts';
import { afterTurns } from './patience.ts';
import { Recording } from './recording.ts';
import type { RecordingDeps } from './recording-session.ts';
import { createRules } from './rules.ts';
import type { OpenRecording, RecordingStore } from './store/recording-store.ts';
import { toSubject } from './subject.ts';

export interface RecorderDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Told once for each recording, with the bytes that were written of it. */
  readonly onEnded: (state: RecordingState, bytes: number) => void;
  readonly store: RecordingStore;
}

export interface RecorderOptions extends Pick<RecordingSettings, 'segment' | 'rules'> {
  /** How long the store may take to begin a recording, to take what waits, and to end it. Default 10 s. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 10_000;

/** The factory gives undefined for an exchange that is not recorded, and rejects with ServiceUnavailable. */
export function createRecorder(deps: RecorderDeps, options: RecorderOptions): TapFactory {
  const choose = createRules(options.rules);
  const parts = {
    ...deps,
    pool: new BlockPool(),
    writeBytes: createByteLines(createJsonTextWriter()),
  };
  const actions: ReadonlySet<string> = new Set<RecordedAction>(RECORDED_ACTIONS);
  return (exchange) => {
    if (!actions.has(exchange.action.kind)) return undefined;
    const rule = choose(exchange);
    return rule === undefined ? undefined : begin(parts, options, exchange, rule);
  };
}

async function begin(
  deps: RecorderDeps & Pick<RecordingDeps, 'pool' | 'writeBytes'>,
  options: RecorderOptions,
  exchange: Credentialed,
  rule: RecordingRule,
): Promise<Tap> {
  const { clock, log, onEnded, pool, writeBytes } = deps;
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const session = { exchange, rule, segment: options.segment, patienceMs };
  try {
    const store = await inTime(clock, patienceMs, beginStored(deps, exchange, rule));
    return new Recording({ clock, log, onEnded, pool, writeBytes, store }, session);
  } catch (error) {
    log.error({ error, auditId: exchange.auditId, mode: rule.mode }, 'a recording could not be begun');
    if (rule.mode === 'required') {
      onEnded('failed', 0);
      const message = 'this session must be recorded, and its recording cannot be begun';
      throw new Fault('ServiceUnavailable', message, { cause: error });
    }
    return new Recording({ clock, log, onEnded, pool, writeBytes, store: undefined }, session);
  }
}

const beginStored = (
  { store, clock }: RecorderDeps,
  exchange: Credentialed,
  rule: RecordingRule,
): Promise<OpenRecording> =>
  store.begin(exchange.auditId, {
    kind: 'Begin',
    version: 1,
    id: exchange.auditId,
    startedAt: new Date(clock.now()).toISOString(),
    mode: rule.mode,
    kubeletGateway: toSubject(exchange, undefined, rule.stdin),
  });

/** Rejects when it takes too long. What comes of it after all is an empty recording: it is discarded. */
function inTime(clock: Clock, limitMs: number, work: Promise<OpenRecording>): Promise<OpenRecording> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const cancel = afterTurns(clock, limitMs, () => {
      isLate = true;
      reject(new Error(`not within ${limitMs} ms`));
    });
    work
      .finally(cancel)
      .then((recording) => {
        if (isLate) void recording.discard().catch(() => undefined);
        else resolve(recording);
      })
      .catch(reject);
  });
}
