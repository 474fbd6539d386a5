// What logs tell of one recording, in whichever order they are read. How it went on while its gateway ran is what counts:
// a recovery finds what somebody may have changed before, and a deletion is of what lay there.

import type { RecordingMark, RecordingPoint } from '../../core/recording-mark.ts';
import type { Findings, Place } from './findings.ts';
import type { FoundManifest } from './recorded-manifest.ts';

/** What was there when a deletion was told of, and where it had passed. */
interface Deleted extends RecordingPoint {
  readonly passed: readonly RecordingPoint[];
}

export class Told {
  /** Of the last mark. */
  place: Place;
  /** Digest of the manifest's first line. */
  begun: string | undefined;
  /** The furthest that was stored of it while it ran. */
  reached: RecordingPoint | undefined;
  /** What it came to, as the gateway says that wrote it. */
  ended: RecordingPoint | undefined;
  /** What the start after its gateway's death found. */
  recovered: RecordingPoint | undefined;
  isDiscarded = false;
  deleted: readonly Deleted[] = [];

  constructor(place: Place) {
    this.place = place;
  }

  /** A second end of another digest is a finding at once. */
  add(place: Place, { what, id, manifest, segments, passed = [] }: RecordingMark, findings: Findings): void {
    const point = { manifest, segments };
    this.place = place;
    if (what === 'begun') this.begun = manifest;
    else if (what === 'discarded') this.isDiscarded = true;
    else if (what === 'deleted') this.deleted = [...this.deleted, { ...point, passed }];
    else if (what === 'reached') {
      if (segments >= (this.reached?.segments ?? 0)) this.reached = point;
    } else {
      const end = this.end;
      if (end !== undefined && !isSame(end, point))
        findings.tampered(place, `its recording ${id} had ended with ${end.manifest} already`);
      this[what] ??= point;
    }
    if (this.end !== undefined && this.deleted.length > 0) this.#forgetPassed();
  }

  /** With an end it matters only that there were any. Most that is deleted has one. */
  #forgetPassed(): void {
    this.deleted = this.deleted.map((there) => ({ ...there, passed: there.passed.slice(0, 1) }));
  }

  get end(): RecordingPoint | undefined {
    return this.ended ?? this.recovered;
  }

  /** Nobody but a recovery tells of it: it may have been put there before. */
  get isOnlyRecovered(): boolean {
    return (this.begun ?? this.reached ?? this.ended) === undefined && this.recovered !== undefined;
  }

  /** Whether it may be gone. A deletion of something else than was told of excuses nothing. */
  get isGone(): boolean {
    const { isDiscarded, deleted } = this;
    if (isDiscarded) return true;
    return deleted.some((there) => this.#hadBeen(there));
  }

  /** It was what the log says: ended so, or, without an end, it had come by what was told of it, digest for digest. */
  #hadBeen(there: Deleted): boolean {
    const { begun, reached, end } = this;
    // Its lines did not follow from each other: the last one vouches for nothing.
    if (there.passed.length === 0) return false;
    if (end !== undefined) return isSame(end, there);
    const hasPassed = (point: RecordingPoint): boolean =>
      [...there.passed, there].some((other) => isSame(other, point));
    if (reached !== undefined && !hasPassed(reached)) return false;
    return begun === undefined || hasPassed({ manifest: begun, segments: 0 });
  }

  /** In what it is not what was told of, in words; undefined: it is. */
  compare({ first, last, hasPoint }: FoundManifest): string | undefined {
    const { begun, reached, end } = this;
    if (end !== undefined && !isSame(end, last)) return toWords(last);
    if (reached !== undefined && !hasPoint) return `${reached.segments} segments of it had been stored`;
    return begun === undefined || first === begun ? undefined : 'it begins with another line';
  }
}

export const toWords = ({ manifest, segments }: RecordingPoint): string =>
  `its manifest ends with ${manifest}, ${segments} segments`;

const isSame = (one: RecordingPoint, other: RecordingPoint): boolean =>
  one.manifest === other.manifest && one.segments === other.segments;
