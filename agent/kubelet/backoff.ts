// Back-off by key, as the kubelet's for container restarts and image pulls: doubles, is bounded, and is forgotten after a while.
import type { Clock } from '../../src/apimachinery/clock.js';

/** Upstream's numbers for both of the kubelet's back-offs. */
export const BACKOFF_INITIAL_MS = 10_000;
export const BACKOFF_MAX_MS = 300_000;

interface Entry {
  readonly delay_ms: number;
  readonly updatedAt_ms: number;
}

/** Times are wall time, since they are compared with those the runtime gives. */
export class Backoff {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly clock: Clock,
    private readonly initial_ms = BACKOFF_INITIAL_MS,
    private readonly max_ms = BACKOFF_MAX_MS,
  ) {}

  /** How much longer the key has to wait, counted from `since_ms`, when it last failed; 0: no longer. */
  remaining_ms(key: string, since_ms: number): number {
    const entry = this.entries.get(key);
    if (!entry || this.isStale(entry, since_ms)) return 0;
    return Math.max(0, Math.min(since_ms + entry.delay_ms - this.clock.now(), entry.delay_ms));
  }

  /** The key's present delay, for messages. */
  delay_ms(key: string): number {
    return this.entries.get(key)?.delay_ms ?? 0;
  }

  /** Notes another try for a failure at `since_ms`: the next one waits twice as long. */
  next(key: string, since_ms: number): void {
    const entry = this.entries.get(key);
    const fresh = !entry || this.isStale(entry, since_ms);
    const delay_ms = fresh ? this.initial_ms : Math.min(entry.delay_ms * 2, this.max_ms);
    this.entries.set(key, { delay_ms, updatedAt_ms: this.clock.now() });
  }

  /** Forgets the key, or all keys that start with `prefix`. */
  reset(prefix: string): void {
    for (const key of this.entries.keys()) if (key.startsWith(prefix)) this.entries.delete(key);
  }

  /** Twice the longest delay without a failure: whatever was wrong is over. */
  private isStale(entry: Entry, since_ms: number): boolean {
    return since_ms - entry.updatedAt_ms > 2 * this.max_ms;
  }
}
