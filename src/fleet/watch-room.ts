// The room for what watchers have not taken yet, one for all watches. Nobody keeps it from the others by not reading:
// where it is full, whoever holds most makes way, and a watch of which nothing is taken for a while ends.

import type { Clock } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';

/** Characters of one watch: as many as a list may have. */
const MAX_OF_WATCH = 64 * 1024 * 1024;
/** Of all watches. */
const MAX_OF_ALL = 128 * 1024 * 1024;
/** A client that takes nothing for so long while something waits for it is not there. */
const STALL_MS = 60_000;
const LOOK_MS = 10_000;

/** One watch's part of the room. */
export interface RoomPlace {
  /** False: it is too much for this watch, or there is no room but by its own fault. */
  take(characters: number): boolean;
  give(characters: number): void;
  /** Gives everything back; what is given back after it is nothing. */
  leave(): void;
}

interface Place {
  readonly user: string;
  /** Ends the watch, and gives back at once all but what is on its way to the client. */
  readonly evict: (fault: Fault) => void;
  held: number;
  /** When something was last taken by the client, or began to wait. */
  movedAt: number;
  isEvicted: boolean;
}

export class WatchRoom {
  readonly #clock: Clock;
  readonly #places = new Set<Place>();
  #held = 0;
  #cancelLook: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  enter(user: string, evict: (fault: Fault) => void): RoomPlace {
    const place: Place = { user, evict, held: 0, movedAt: this.#clock.now(), isEvicted: false };
    this.#places.add(place);
    return {
      take: (characters) => this.#take(place, characters),
      give: (characters) => this.#give(place, Math.min(characters, place.held)),
      leave: () => {
        this.#give(place, place.held);
        this.#places.delete(place);
      },
    };
  }

  #take(place: Place, characters: number): boolean {
    if (place.held + characters > MAX_OF_WATCH) return false;
    while (this.#held + characters > MAX_OF_ALL) {
      const heaviest = this.#toHeaviest(place, characters);
      if (heaviest === undefined || heaviest === place) return false;
      heaviest.isEvicted = true;
      heaviest.evict(crowdedOut());
    }
    if (place.held === 0) place.movedAt = this.#clock.now();
    place.held += characters;
    this.#held += characters;
    this.#cancelLook ??= this.#clock.after(LOOK_MS, () => this.#look());
    return true;
  }

  #give(place: Place, characters: number): void {
    if (characters === 0) return;
    place.held -= characters;
    place.movedAt = this.#clock.now();
    this.#held -= characters;
    if (this.#held > 0) return;
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  /** The largest watch of the user who would hold most; with many small ones nobody gets more than with a large one. */
  #toHeaviest(asking: Place, characters: number): Place | undefined {
    const toHeld = (place: Place): number => place.held + (place === asking ? characters : 0);
    const ofUsers = new Map<string, number>();
    const places = [...this.#places].filter(({ isEvicted }) => !isEvicted);
    for (const place of places) ofUsers.set(place.user, (ofUsers.get(place.user) ?? 0) + toHeld(place));
    let heaviest: Place | undefined;
    for (const place of places) {
      const more =
        heaviest === undefined
          ? 1
          : (ofUsers.get(place.user) ?? 0) - (ofUsers.get(heaviest.user) ?? 0) ||
            toHeld(place) - toHeld(heaviest);
      if (more > 0) heaviest = place;
    }
    return heaviest;
  }

  #look(): void {
    const stalledSince = this.#clock.now() - STALL_MS;
    this.#cancelLook = this.#clock.after(LOOK_MS, () => this.#look());
    for (const place of this.#places) {
      if (place.held === 0 || place.isEvicted || place.movedAt > stalledSince) continue;
      place.isEvicted = true;
      place.evict(stalled());
    }
  }
}

const stalled = (): Fault =>
  new Fault('Expired', `the watch was not read for ${STALL_MS / 1000} s: list again`);

const crowdedOut = (): Fault =>
  new Fault('Expired', 'too much waits for watches, and most of it for those of this user: list again');
