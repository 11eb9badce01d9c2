// FailureBackoff: how long to leave something be that failed again soon after it was put right. Pure but for its memory.

const INITIAL_ms = 1000;
const MAX_ms = 15 * 60_000;
/** What has not failed for so long starts anew, and is forgotten. */
const FORGOTTEN_ms = 2 * MAX_ms;
/** Beyond it all that is old enough is forgotten at once; upstream does so every minute. */
const REMEMBERED_MAX = 1000;

interface Entry {
  readonly at_ms: number;
  readonly wait_ms: number;
}

export class FailureBackoff {
  readonly #entries = new Map<string, Entry>();

  /** 0 where `key` may be seen to now, which is noted; or how long it has to wait. Times are of a clock that never goes back. */
  next(key: string, now_ms: number): number {
    const known = this.#entries.get(key);
    const entry = known && now_ms - known.at_ms < FORGOTTEN_ms ? known : undefined;
    const left_ms = entry ? entry.at_ms + entry.wait_ms - now_ms : 0;
    if (left_ms > 0) return left_ms;
    this.#entries.delete(key);
    this.#entries.set(key, { at_ms: now_ms, wait_ms: entry ? Math.min(MAX_ms, 2 * entry.wait_ms) : INITIAL_ms });
    if (this.#entries.size > REMEMBERED_MAX) this.#forget(now_ms);
    return 0;
  }

  /** The oldest stand first. */
  #forget(now_ms: number): void {
    for (const [key, { at_ms }] of this.#entries) {
      if (now_ms - at_ms < FORGOTTEN_ms) return;
      this.#entries.delete(key);
    }
  }
}
