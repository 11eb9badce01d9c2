// A node's clock for tests of time: it goes as the machine's does, can be set, and can be hastened while all else is real.
import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, systemClock, type Timer } from '../../../src/apimachinery/clock.js';

/** As far as time leaps at once, and what the engine then gets to follow. */
const LEAP_MS = 60_000;
const BREATH_MS = 100;

interface Pending extends Timer {
  readonly at_ms: number;
  readonly fire: () => void;
}

export class LabClock implements Clock {
  #set_ms = 0;
  #leapt_ms = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return systemClock.now() + this.#leapt_ms + this.#set_ms;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#leapt_ms;
  }

  after(delay_ms: number, fn: () => void): Timer {
    const fire = () => {
      pending.cancel();
      fn();
    };
    const timer = systemClock.after(delay_ms, fire);
    const cancel = () => {
      timer.cancel();
      this.#pending.delete(pending);
    };
    const pending: Pending = { at_ms: this.monotonic() + delay_ms, fire, cancel };
    this.#pending.add(pending);
    return pending;
  }

  /** Somebody sets the wall clock: no time passes. */
  set(by_ms: number): void {
    this.#set_ms += by_ms;
  }

  /** Time passes, in leaps. */
  async pass(ms: number): Promise<void> {
    for (let left_ms = ms; left_ms > 0; left_ms -= LEAP_MS) {
      this.#leapt_ms += Math.min(LEAP_MS, left_ms);
      for (const { at_ms, fire } of [...this.#pending]) if (at_ms <= this.monotonic()) fire();
      await pause(BREATH_MS);
    }
  }
}
