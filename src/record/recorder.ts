// The recorder: decides whether an exchange is recorded, and begins its recording before a node is dialled. Promises:
// where a rule says `required` there is no session without a recording that has been begun on the disk.

import type { RecordedAction, RecordingRule, RecordingSettings, RecordingState } from '../core/recording.ts';
import { RECORDED_ACTIONS } from '../core/recording.ts';
import type { Credentialed } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Tap, TapFactory } from '../core/tap.ts';
import { realDisk } from './disk.ts';
import type { Disk } from './disk.ts';
import { Manifest } from './manifest.ts';
import { Recording } from './recording.ts';
import type { RecordingStore } from './recording.ts';
import { createRules } from './rules.ts';
import { toSubject } from './subject.ts';

export interface RecorderDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Told once for each recording, with the bytes that were written of it. */
  readonly onEnded: (state: RecordingState, bytes: number) => void;
  /** Default: the real one. */
  readonly disk?: Disk;
}

export interface RecorderOptions extends RecordingSettings {
  /** How long the disk may take to begin a recording, to take what waits, and to end it. Default 10 s. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 10_000;

/** The factory gives undefined for an exchange that is not recorded, and rejects with ServiceUnavailable. */
export function createRecorder(deps: RecorderDeps, options: RecorderOptions): TapFactory {
  const choose = createRules(options.rules);
  const actions: ReadonlySet<string> = new Set<RecordedAction>(RECORDED_ACTIONS);
  return (exchange) => {
    if (!actions.has(exchange.action.kind)) return undefined;
    const rule = choose(exchange);
    return rule === undefined ? undefined : begin(deps, options, exchange, rule);
  };
}

async function begin(
  deps: RecorderDeps,
  options: RecorderOptions,
  exchange: Credentialed,
  rule: RecordingRule,
): Promise<Tap> {
  const { clock, log, disk = realDisk, onEnded } = deps;
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const session = { exchange, rule, segment: options.segment, fsync: options.fsync, patienceMs };
  try {
    const store = await inTime(clock, patienceMs, createStore(disk, options, exchange, rule, clock));
    return new Recording({ clock, log, disk, onEnded, store }, session);
  } catch (error) {
    log.error({ error, auditId: exchange.auditId, mode: rule.mode }, 'a recording could not be begun');
    if (rule.mode === 'required') {
      onEnded('failed', 0);
      const message = 'this session must be recorded, and its recording cannot be begun';
      throw new Fault('ServiceUnavailable', message, { cause: error });
    }
    return new Recording({ clock, log, disk, onEnded, store: undefined }, session);
  }
}

async function createStore(
  disk: Disk,
  { directory, fsync }: RecorderOptions,
  exchange: Credentialed,
  rule: RecordingRule,
  clock: Clock,
): Promise<RecordingStore> {
  const folder = await disk.createFolder(directory, exchange.auditId);
  const manifest = new Manifest(disk, folder, { fsync });
  await manifest.begin({
    kind: 'Begin',
    version: 1,
    id: exchange.auditId,
    startedAt: new Date(clock.now()).toISOString(),
    mode: rule.mode,
    kubeletGateway: toSubject(exchange, undefined, rule.stdin),
  });
  return { folder, manifest };
}

/** Rejects when it takes too long. What comes of it after all is left alone: an empty recording, with its beginning. */
function inTime<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limitMs, () => reject(new Error(`not within ${limitMs} ms`)));
    work.finally(cancel).then(resolve, reject);
  });
}
