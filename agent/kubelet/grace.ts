// The time that a pod's containers are given to end, which may turn out shorter than it was.
import type { Clock } from '../../src/apimachinery/clock.js';

export class Grace {
  private end_ms: number;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly clock: Clock,
    grace_s: number,
  ) {
    this.end_ms = clock.monotonic() + grace_s * 1000;
  }

  private get left_ms(): number {
    return Math.max(0, this.end_ms - this.clock.monotonic());
  }

  get left_s(): number {
    return Math.ceil(this.left_ms / 1000);
  }

  /** Counted from now; never makes it longer. */
  shorten(grace_s: number): void {
    const end_ms = this.clock.monotonic() + grace_s * 1000;
    if (end_ms >= this.end_ms) return;
    this.end_ms = end_ms;
    for (const listener of this.listeners) listener();
  }

  /** Returns how to stop listening. */
  onShortened(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves when the work is over, well or not, and no later than the time is. */
  within(work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      let timer = this.clock.after(this.left_ms, () => end());
      const off = this.onShortened(() => {
        timer.cancel();
        timer = this.clock.after(this.left_ms, end);
      });
      function end() {
        timer.cancel();
        off();
        resolve();
      }
      work.then(end, end);
    });
  }
}

/** All that run out now for one pod's containers. */
export class Graces {
  private readonly running = new Set<Grace>();

  constructor(private readonly clock: Clock) {}

  async during<T>(grace_s: number, work: (grace: Grace) => Promise<T>): Promise<T> {
    const grace = new Grace(this.clock, grace_s);
    this.running.add(grace);
    try {
      return await work(grace);
    } finally {
      this.running.delete(grace);
    }
  }

  shorten(grace_s: number): void {
    for (const grace of this.running) grace.shorten(grace_s);
  }
}
