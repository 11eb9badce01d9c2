// WatchCache: one resource as one etcd watch keeps it: the current objects, the recent events, and everyone who watches.
import type { Clock } from '../../apimachinery/clock.js';
import type { Logger } from '../../apimachinery/logger.js';
import { StatusError, serviceUnavailable } from '../../apimachinery/status.js';
import { type Backend, prefixEnd, type Watch, type WatchBatch } from '../../etcd/backend.js';
import { CacheEvent, EventView, type Matcher } from './cache-event.js';
import { EventRing } from './event-ring.js';
import { SortedKeys } from './sorted-keys.js';
import type { Storage } from './storage.js';
import type { StoredObject } from './stored.js';
import { tell, Watchers, type WatchSink, type WatchStart } from './watchers.js';

/** How long a read waits for the cache to catch up with a revision: upstream's. */
const CATCH_UP_TIMEOUT_MS = 3000;
/** Batches that wait while an earlier one is converted; past it the conversion is too slow to follow, and clients list again. */
const MAX_WAITING_BATCHES = 1000;

interface Waiter {
  readonly revision: number;
  resolve(): void;
}

export class WatchCache {
  readonly #objects = new Map<string, StoredObject>();
  #keys = new SortedKeys();
  #ring = new EventRing(0);
  #revision = 0;
  #watch: Watch | undefined;
  #starting: Promise<void> | undefined;
  /** Why nothing more can be had, once it is closed. */
  #closed: StatusError | undefined;
  /** Set while a batch is being converted: those that come meanwhile, which must not overtake it. */
  #waitingBatches: WatchBatch[] | undefined;
  readonly #watchers: Watchers;
  readonly #waiters = new Set<Waiter>();
  /** Set by every batch. */
  #told = false;
  /** It did not answer at once when it was asked how far it is, and is not asked for every read. */
  #storeIsRemote = false;

  constructor(
    private readonly storage: Storage,
    private readonly backend: Backend,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    storage.cached = (key) => this.#objects.get(key);
    this.#watchers = new Watchers(storage.kind.plural, clock, log, () => this.#watch?.requestProgress());
  }

  /** Everything up to this revision is in the cache. */
  get revision(): number {
    return this.#revision;
  }

  /** How many objects there are; undefined where nobody has asked for any yet. */
  get size(): number | undefined {
    return this.#watch && this.#objects.size;
  }

  /** Whether it follows the store. */
  get started(): boolean {
    return this.#watch !== undefined;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Resolves once the cache holds the state of some revision; starts it if nobody has. */
  ready(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (!this.#starting) {
      const starting = this.#start();
      this.#starting = starting;
      // Whoever asked gets the error; the next one to ask starts anew.
      starting.catch(() => {
        this.#starting = undefined;
      });
    }
    return this.#starting;
  }

  /**
   * Whether the cache holds every write acknowledged so far, as far as can be told without waiting: an embedded store tells its
   * watches how far it is at once.
   */
  get current(): boolean {
    if (!this.#watch || this.#waitingBatches || this.#storeIsRemote) return false;
    this.#told = false;
    this.#watch.requestProgress();
    this.#storeIsRemote = !this.#told;
    return this.#told;
  }

  /** Resolves once the cache holds every write acknowledged before the call. */
  async fresh(): Promise<void> {
    await this.ready();
    if (this.current) return;
    const { revision } = await this.backend.range({ key: this.storage.prefix, keysOnly: true });
    await this.caughtUp(revision);
  }

  /** Resolves once the cache has seen `revision`; 504 if that takes too long. */
  async caughtUp(revision: number): Promise<void> {
    await this.ready();
    if (this.#revision >= revision) return;
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        revision,
        resolve: () => {
          timer.cancel();
          resolve();
        },
      };
      const timer = this.clock.after(CATCH_UP_TIMEOUT_MS, () => {
        this.#waiters.delete(waiter);
        reject(tooLargeResourceVersion(revision, this.#revision));
      });
      this.#waiters.add(waiter);
      // The answer may come before this returns.
      this.#watch?.requestProgress();
    });
  }

  /** Objects whose keys start with `prefix`, in key order. Call it only when ready. */
  list(prefix: string, matches?: Matcher): readonly StoredObject[] {
    const out: StoredObject[] = [];
    for (const key of this.#keys.withPrefix(prefix)) {
      const object = this.#objects.get(key)!;
      if (!matches || matches(object)) out.push(object);
    }
    return out;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Starts a watch, and tells `sink` until it is cancelled. Call it only when ready. 410 through `sink.end`. */
  watch(start: WatchStart, sink: WatchSink): { cancel(): void } {
    const refusal = this.#watchers.refusal();
    if (refusal) {
      sink.end(refusal);
      return { cancel() {} };
    }
    if (start.after !== undefined && start.after < this.#ring.floor) {
      sink.end(new StatusError(410, 'Expired', `too old resource version: ${start.after} (${this.#ring.floor})`));
      return { cancel() {} };
    }
    if (start.after === undefined) {
      sink.start(this.list(start.prefix, start.matches).map((object) => new EventView('ADDED', object)));
      if (start.initialEventsEnd) sink.bookmark(this.#revision, true);
    } else {
      sink.start([]);
      for (const event of this.#ring.after(start.after)) {
        tell(start, sink, event);
        event.told();
      }
    }
    return { cancel: this.#watchers.add({ ...start, sink }) };
  }

  /** Ends every watch and the cache for good; `reason` is what later readers are told. */
  close(reason = serviceUnavailable('the server is shutting down')): void {
    this.#closed = reason;
    this.#stop();
  }

  async #start(): Promise<void> {
    const { prefix } = this.storage;
    const { revision, kvs } = await this.backend.range({ key: prefix, rangeEnd: prefixEnd(prefix) });
    const objects = await this.storage.decodeAll(kvs);
    if (this.#closed) throw this.#closed;
    this.#objects.clear();
    this.#keys = new SortedKeys();
    for (const [index, kv] of kvs.entries()) {
      this.#objects.set(kv.key, objects[index]!);
      this.#keys.add(kv.key);
    }
    this.#ring = new EventRing(revision);
    this.#revision = revision;
    this.#storeIsRemote = false;
    const watch: Watch = this.backend.watch(
      { key: prefix, rangeEnd: prefixEnd(prefix), startRevision: revision + 1 },
      {
        onBatch: (batch) => this.#onBatch(batch, watch),
        onEnd: (error) => this.#lost('watch of the store ended; clients list again', error),
      },
    );
    this.#watch = watch;
  }

  #lost(what: string, error: Error): void {
    this.log.warn({ resource: this.storage.kind.plural, error: error.message }, what);
    this.#stop();
  }

  /** Back to not started: watchers end, and list and watch again. */
  #stop(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#starting = undefined;
    this.#waitingBatches = undefined;
    this.#watchers.end();
  }

  /** In order, also where a conversion takes its time. */
  #onBatch(batch: WatchBatch, watch: Watch): void {
    this.#told = true;
    if (this.#waitingBatches) {
      if (this.#waitingBatches.push(batch) <= MAX_WAITING_BATCHES) return;
      this.#lost('the conversion is too slow to follow; clients list again', new Error(`${MAX_WAITING_BATCHES} batches wait`));
      return;
    }
    try {
      const decoded = this.storage.decodeAll(putsOf(batch));
      if (decoded instanceof Promise) void this.#applyWhenConverted(batch, decoded, watch);
      else this.#apply(batch, decoded);
    } catch (error) {
      this.#lost('an object cannot be decoded; clients list again', error as Error);
    }
  }

  /** `watch` is the one that the batch came from: what it still brings after its end is of no interest. */
  async #applyWhenConverted(batch: WatchBatch, converting: Promise<readonly StoredObject[]>, watch: Watch): Promise<void> {
    this.#waitingBatches = [];
    try {
      const decoded = await converting;
      if (this.#watch !== watch) return;
      const waiting = this.#waitingBatches;
      this.#waitingBatches = undefined;
      this.#apply(batch, decoded);
      for (const each of waiting) this.#onBatch(each, watch);
    } catch (error) {
      if (this.#watch === watch) this.#lost('a conversion failed; clients list again', error as Error);
    }
  }

  /** `decoded` are the objects of the batch's puts. */
  #apply(batch: WatchBatch, decoded: readonly StoredObject[]): void {
    let puts = 0;
    for (const { type, kv } of batch.events) {
      const previous = this.#objects.get(kv.key);
      const current = type === 'put' ? decoded[puts++]! : undefined;
      if (current) this.#objects.set(kv.key, current);
      else this.#objects.delete(kv.key);
      if (current && !previous) this.#keys.add(kv.key);
      if (!current) this.#keys.delete(kv.key);
      const event = new CacheEvent(kv.key, kv.modRevision, this.clock.monotonic(), current, previous);
      this.#ring.push(event);
      this.#watchers.tell(event);
      event.told();
    }
    this.#revision = Math.max(this.#revision, batch.revision);
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
    this.#watchers.reached(this.#revision);
  }
}

const putsOf = ({ events }: WatchBatch) => events.filter(({ type }) => type === 'put').map(({ kv }) => kv);

function tooLargeResourceVersion(wanted: number, current: number): StatusError {
  return new StatusError(504, 'Timeout', `Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}
