// Turns: who wants to change the same key waits for the one before, rather than losing a race to it again and again.
import type { Clock } from '../../apimachinery/clock.js';

/**
 * Longest wait. The one before may be waiting for an admission webhook, and that one for the very change that would wait here; after
 * this both race, as the store lets them.
 */
const MAX_WAIT_MS = 1000;

export class Turns {
  /** Of each key that somebody is at: resolves when the last who came is through. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(private readonly clock: Clock) {}

  /** Whether somebody is at the key or waits for it. */
  busy(key: string): boolean {
    return this.#last.has(key);
  }

  /** Resolves when it is the caller's turn, to the function that ends it. */
  async take(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    let end = () => {};
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last.set(key, mine);
    if (before) await this.#atMost(before);
    return () => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
      end();
    };
  }

  #atMost(before: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.after(MAX_WAIT_MS, resolve);
      void before.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}
