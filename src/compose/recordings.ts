// Where recordings go and are read from, by the configuration. One place for each directory outlives all reloads: what it
// was handed is still on its way when the next configuration is in force.

import type { RecordingArchive } from '../core/recording-archive.ts';
import type { RecordingSettings } from '../core/recording.ts';
import type { RecordingLedger } from '../core/recording-mark.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Metrics } from '../observe/metrics/metrics.ts';
import { toFirstBytes } from '../record/segments.ts';
import type { RecordingStore } from '../record/store/recording-store.ts';
import { createEncrypt } from '../age/age.ts';
import type { Encrypt } from '../age/age.ts';
import { createS3Store } from '../object-store/s3.ts';
import { createDirectoryArchive, removeDeleted } from '../record/archive/directory-archive.ts';
import { createObjectArchive } from '../record/archive/object-archive.ts';
import { createSpooledArchive } from '../record/archive/spooled-archive.ts';
import { recoverRecordings } from '../record/recover.ts';
import { createRetention } from '../record/retention.ts';
import type { Retention } from '../record/retention.ts';
import { createDirectoryStore } from '../record/store/directory-store.ts';
import { createEncryptedStore } from '../record/store/encrypted-store.ts';
import { createSpooledStore } from '../record/store/spooled-store.ts';
import type { SpooledStore } from '../record/store/spooled-store.ts';
import { createToldStore } from '../record/store/told-store.ts';

export interface RecordingPlace {
  /** Encrypts where the settings say so. */
  readonly store: RecordingStore;
  readonly archive: RecordingArchive;
}

export interface Recordings {
  /** The place of these settings, whose retention is theirs from now on. */
  use(settings: RecordingSettings): RecordingPlace;
  /** From now on what was left in a place is stored, and what is too old deleted. */
  start(): void;
  /** Nothing is recorded any more: what waits is stored, for at most `limitMs`. */
  stop(limitMs: number): Promise<void>;
}

export interface RecordingsDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Where it is told which recordings there are and become of. */
  readonly ledger: RecordingLedger;
  readonly metrics: Pick<Metrics, 'recordingUploaded' | 'recordingsWaiting' | 'recordingDeleted'>;
}

/** How long a store may be away before a finished recording is taken for one that was given up. */
const UPLOAD_LAG_MS = 24 * 3_600_000;

interface Place {
  readonly s3: RecordingSettings['s3'];
  readonly archive: RecordingArchive;
  readonly running: Set<string>;
  readonly spooled?: SpooledStore;
  readonly stores: Map<boolean, RecordingStore>;
  readonly directory: string;
  settings: RecordingSettings['retention'];
  retention?: Retention | undefined;
  isTidy: boolean;
}

export function createRecordings(deps: RecordingsDeps): Recordings {
  const { clock, log, ledger } = deps;
  const places = new Map<string, Place>();
  let isStarted = false;
  return {
    use(settings) {
      const { directory } = settings;
      const retention = settings.retention && { ...settings.retention, unfinishedMs: toUnfinished(settings) };
      const place = places.get(directory) ?? createPlace(deps, settings);
      places.set(directory, place);
      if (JSON.stringify(place.s3) !== JSON.stringify(settings.s3)) {
        log.warn({ directory }, 'another store for recordings takes effect at the next start');
      }
      for (const other of places.values()) retain(other, other === place ? retention : undefined);
      if (isStarted) startPlace(deps, place);
      const store = createToldStore({ clock, ledger, store: toStore(place, settings) }, settings.tellAfterMs);
      return { store, archive: place.archive };
    },
    start() {
      isStarted = true;
      for (const place of places.values()) startPlace(deps, place);
    },
    async stop(limitMs) {
      await Promise.all(
        [...places.values()].map(async ({ retention, spooled }) => {
          await retention?.stop();
          await spooled?.stop(limitMs);
        }),
      );
    },
  };
}

function createPlace({ clock, log, metrics, ledger }: RecordingsDeps, settings: RecordingSettings): Place {
  const { directory, s3, fsync, segment } = settings;
  const running = new Set<string>();
  const isSpool = s3 !== undefined;
  const spool = createDirectoryArchive({ clock, running, ledger, isSpool }, directory);
  const place = { s3, directory, running, stores: new Map(), settings: undefined, isTidy: false };
  if (s3 === undefined) return { ...place, archive: spool };
  const objects = createS3Store(s3);
  const { prefix, spoolMaxBytes: maxBytes } = s3;
  const spooled = createSpooledStore(
    {
      clock,
      log,
      objects,
      running,
      spool: createDirectoryStore({ running }, { directory, fsync }),
      onUpload: (outcome) => metrics.recordingUploaded(outcome),
      onWaiting: (bytes) => metrics.recordingsWaiting(bytes),
    },
    { directory, prefix, maxBytes, firstBytes: toFirstBytes(segment.maxBytes) },
  );
  const archive = createSpooledArchive(spool, createObjectArchive({ clock, objects, ledger }, prefix));
  return { ...place, archive, spooled };
}

/** A session ends after its limit at the latest, and what waits in the spool of a gateway for a store that is down, somewhat later. */
const toUnfinished = ({ longestSessionMs = Infinity }: RecordingSettings): number =>
  longestSessionMs + UPLOAD_LAG_MS;

/** Never stores in the clear what is to be encrypted: without its library, nothing can be begun. */
function toStore(
  { spooled, running, stores }: Place,
  { directory, fsync, encryption }: RecordingSettings,
): RecordingStore {
  const store = spooled ?? stores.get(fsync) ?? createDirectoryStore({ running }, { directory, fsync });
  stores.set(fsync, store);
  if (encryption === undefined) return store;
  let encrypt: Promise<Encrypt> | undefined;
  return createEncryptedStore({ store, encrypt: () => (encrypt ??= createEncrypt(encryption.recipients)) });
}

/** Another retention than the one of the place ends that one. */
function retain(place: Place, settings: RecordingSettings['retention']): void {
  if (JSON.stringify(settings) === JSON.stringify(place.settings)) return;
  void place.retention?.stop();
  place.retention = undefined;
  place.settings = settings;
}

/** Finishes what an earlier process began, and looks for what is too old. */
function startPlace({ clock, log, metrics, ledger }: RecordingsDeps, place: Place): void {
  const { archive, directory, running, spooled, settings } = place;
  if (!place.isTidy) {
    place.isTidy = true;
    removeDeleted(directory)
      .then(() =>
        recoverRecordings({ clock, log, ledger, running }, { directory, isOwn: spooled !== undefined }),
      )
      .then(() => spooled?.resume())
      .catch((error: unknown) =>
        log.error({ error }, 'what was left in the folder of recordings is not stored'),
      );
  }
  if (settings === undefined || place.retention !== undefined) return;
  const onDeleted = (reason: 'age' | 'size'): void => metrics.recordingDeleted(reason);
  place.retention = createRetention({ clock, log, archive, onDeleted }, settings);
  place.retention.start();
}
