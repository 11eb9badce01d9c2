// WorkQueue: keys to be worked on. A key is in it once, is never worked on twice at a time, and waits longer after each failure.
import type { Clock, Timer } from '../apimachinery/clock.js';
import type { WorkQueueMetrics } from './workqueue-metrics.js';

/** Upstream's ItemExponentialFailureRateLimiter: the first retry comes at once for a human, the longest wait is under 17 minutes. */
const RETRY_MIN_ms = 5;
const RETRY_MAX_ms = 1_000_000;

interface Delayed {
  readonly at_ms: number;
  readonly timer: Timer;
}

export class WorkQueue {
  /** In the order to be worked on. */
  readonly #ready = new Set<string>();
  readonly #processing = new Set<string>();
  /** Added while being worked on: ready again when that is done. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #stopped = false;

  constructor(
    private readonly clock: Clock,
    private readonly metrics?: WorkQueueMetrics,
  ) {}

  /** Keys that wait to be worked on now; those whose time has not come are not counted. */
  get length(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.metrics?.added(key);
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    const taker = this.#ready.has(key) ? undefined : this.#takers.shift();
    if (!taker) {
      this.#ready.add(key);
      return;
    }
    this.#take(key);
    taker(key);
  }

  /** Adds the key after `delay_ms`; of several such times for one key the earliest counts. */
  addAfter(key: string, delay_ms: number): void {
    if (this.#stopped) return;
    if (delay_ms <= 0) {
      this.add(key);
      return;
    }
    const at_ms = this.clock.monotonic() + delay_ms;
    const earlier = this.#delayed.get(key);
    if (earlier && earlier.at_ms <= at_ms) return;
    earlier?.timer.cancel();
    const timer = this.clock.after(delay_ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at_ms, timer });
  }

  /** Adds the key after its back-off, and makes the next one longer until `forget`. */
  addRateLimited(key: string): void {
    if (this.metrics) this.metrics.retries++;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(RETRY_MAX_ms, RETRY_MIN_ms * 2 ** failures));
  }

  /** The key has succeeded: its next failure waits the shortest time again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often the key has failed since it last succeeded. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, as soon as there is one; undefined after `shutDown`. The taker must call `done` for it. */
  next(): Promise<string | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    for (const key of this.#ready) {
      this.#ready.delete(key);
      this.#take(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.metrics?.done(key);
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Drops all keys and lets every taker go. */
  shutDown(): void {
    this.#stopped = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }
  #take(key: string): void {
    this.#processing.add(key);
    this.metrics?.taken(key);
  }
}
