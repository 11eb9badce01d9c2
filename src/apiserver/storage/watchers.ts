// Watchers: those who watch one resource: what each is told, and the bookmarks that say how far.
import type { Clock, Timer } from '../../apimachinery/clock.js';
import type { Logger } from '../../apimachinery/logger.js';
import { internalError, StatusError } from '../../apimachinery/status.js';
import type { CacheEvent, EventView, Matcher } from './cache-event.js';

/** How often watchers that want bookmarks get one. */
const BOOKMARK_INTERVAL_MS = 60_000;
/** Watchers of one resource; each costs memory and a share of every event. */
const MAX_WATCHERS = 20_000;

/** What a watch gets told, in order. No method may throw or wait. */
export interface WatchSink {
  /** First of all, once: the state that the watch starts from (empty if it continues from a revision). */
  start(initial: readonly EventView[]): void;
  event(view: EventView): void;
  /** Everything up to `revision` has been told; `initialEventsEnd` when that is the state it started from. */
  bookmark(revision: number, initialEventsEnd: boolean): void;
  /** The watch is over; the error if it ended for one. Nothing follows. */
  end(error?: StatusError): void;
}

export interface WatchStart {
  /** A prefix of keys. */
  readonly prefix: string;
  readonly matches: Matcher | undefined;
  /** Go on after this revision; absent: start with the current state. */
  readonly after?: number;
  readonly bookmarks: boolean;
  /** Tell with a bookmark when the state it starts from has been sent. */
  readonly initialEventsEnd: boolean;
}

interface Watcher extends WatchStart {
  readonly sink: WatchSink;
}

export class Watchers {
  readonly #all = new Set<Watcher>();
  #bookmarkTimer: Timer | undefined;
  #bookmarksDue = false;

  /** `requestProgress` asks the store how far it is, which comes back as `reached`. */
  constructor(
    private readonly plural: string,
    private readonly clock: Clock,
    private readonly log: Logger,
    private readonly requestProgress: () => void,
  ) {}

  get size(): number {
    return this.#all.size;
  }

  /** Why there can be no further one: 429. */
  refusal(): StatusError | undefined {
    if (this.#all.size < MAX_WATCHERS) return undefined;
    return new StatusError(429, 'TooManyRequests', `too many watches of ${this.plural}`, { retryAfterSeconds: 5 });
  }

  /** Returns what takes it out again. */
  add(watcher: Watcher): () => void {
    this.#all.add(watcher);
    this.#scheduleBookmarks();
    return () => void this.#all.delete(watcher);
  }

  tell(event: CacheEvent): void {
    for (const watcher of this.#all) this.#tellOne(watcher, event);
  }

  /** Everything up to `revision` has been told. */
  reached(revision: number): void {
    if (!this.#bookmarksDue) return;
    this.#bookmarksDue = false;
    for (const watcher of this.#all) if (watcher.bookmarks) watcher.sink.bookmark(revision, false);
  }

  /** Ends every watch. */
  end(): void {
    this.#bookmarkTimer?.cancel();
    this.#bookmarkTimer = undefined;
    for (const watcher of [...this.#all]) watcher.sink.end();
    this.#all.clear();
  }

  /** An object that one watcher's form cannot show ends that watch, not the server. */
  #tellOne(watcher: Watcher, event: CacheEvent): void {
    try {
      tell(watcher, watcher.sink, event);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.log.error({ key: event.key, error: message }, 'an event cannot be shown to a watcher');
      this.#all.delete(watcher);
      watcher.sink.end(internalError(message));
    }
  }

  /** Asks the store how far it is first: a bookmark is worth most where the resource itself is quiet. */
  #scheduleBookmarks(): void {
    if (this.#bookmarkTimer) return;
    this.#bookmarkTimer = this.clock.after(BOOKMARK_INTERVAL_MS, () => {
      this.#bookmarkTimer = undefined;
      if (this.#all.size === 0) return;
      this.#bookmarksDue = true;
      this.requestProgress();
      this.#scheduleBookmarks();
    });
  }
}

/** Tells `sink` of an event as far as its watch is of it; throws where the object cannot be shown in its form. */
export function tell(start: WatchStart, sink: WatchSink, event: CacheEvent): void {
  // A client may be ahead of the cache: what it has seen already is not told again.
  if (start.after !== undefined && event.revision <= start.after) return;
  if (!event.key.startsWith(start.prefix)) return;
  const view = event.viewFor(start.matches);
  if (view) sink.event(view);
}
