// EventRing: the recent changes of a resource, from which a watch can go on after a given revision. Bounded.
import type { CacheEvent } from './cache-event.js';

/** Kept in any case, so that a quiet resource's watchers can always go on. */
const MIN_EVENTS = 100;
/** Never more: a burst past it sends the watchers that fell behind to list again (410). */
const MAX_EVENTS = 20_000;
/** In between, as upstream: long enough for a client to list a big resource and start its watch. */
const FRESH_MS = 75_000;

export class EventRing {
  #events: CacheEvent[] = [];
  #head = 0;
  #floor: number;

  /** Every event after `floor` will be pushed. */
  constructor(floor: number) {
    this.#floor = floor;
  }

  /** Events after this revision are all here; earlier ones are not. */
  get floor(): number {
    return this.#floor;
  }

  get size(): number {
    return this.#events.length - this.#head;
  }

  push(event: CacheEvent): void {
    this.#events.push(event);
    while (this.size > MAX_EVENTS || (this.size > MIN_EVENTS && event.seenAt_ms - this.#events[this.#head]!.seenAt_ms > FRESH_MS)) {
      this.#floor = this.#events[this.#head]!.revision;
      this.#head++;
    }
    if (this.#head > MIN_EVENTS && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The events after `revision`, which must not be below the floor, oldest first. */
  after(revision: number): readonly CacheEvent[] {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }
}
