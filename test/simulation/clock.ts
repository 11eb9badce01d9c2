// Time in a simulation: one clock that is moved by hand, and what each simulated process sees of it.
import type { Clock, Random, Timer } from '../../src/apimachinery/clock.js';
import { randoms } from '../suites/randoms.js';
import { realWorkDone } from './real-work.js';

export const START_ms = Date.UTC(2026, 0, 1);
/** Turns of the event loop after which whatever only waits for promises has run: some reads of the store take one between. */
const TURNS = 2;

interface Pending {
  readonly at_ms: number;
  readonly fn: () => void;
}

export class SimulatedClock implements Clock {
  #now_ms = 0;
  readonly #timers = new Set<Pending>();

  constructor(private readonly start_ms = START_ms) {}

  now(): number {
    return this.start_ms + this.#now_ms;
  }
  monotonic(): number {
    return this.#now_ms;
  }
  after(delay_ms: number, fn: () => void): Timer {
    const timer = { at_ms: this.#now_ms + Math.max(0, delay_ms), fn };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Fires what is due in its order, and lets all that follows from it happen before time goes on. */
  async advance(ms: number): Promise<void> {
    const end_ms = this.#now_ms + ms;
    await settle();
    for (let due = this.#earliest(end_ms); due; due = this.#earliest(end_ms)) {
      this.#timers.delete(due);
      this.#now_ms = due.at_ms;
      due.fn();
      await settle();
    }
    this.#now_ms = end_ms;
  }

  #earliest(end_ms: number): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.#timers) if (timer.at_ms <= end_ms && (!first || timer.at_ms < first.at_ms)) first = timer;
    return first;
  }
}

async function settle(): Promise<void> {
  let before: number | undefined;
  do {
    before = realWorkDone();
    for (let i = 0; i < TURNS; i++) await new Promise((resolve) => setImmediate(resolve));
  } while (before === undefined || before !== realWorkDone());
}

/** A process that can be killed, stopped for a while (as by SIGSTOP), or have its wall clock set. */
export class SimulatedProcess {
  /** Killed. */
  dead = false;
  /** When it last went on after a pause. */
  resumed_ms = Number.NEGATIVE_INFINITY;
  readonly #timers = new Set<Timer>();
  readonly #atDeath = new Set<() => void>();
  #paused: Promise<void> | undefined;
  #resume = () => {};
  skew_ms = 0;
  readonly clock: Clock;

  constructor(private readonly world: SimulatedClock) {
    this.clock = {
      now: () => world.now() + this.skew_ms,
      monotonic: () => world.monotonic(),
      after: (delay_ms, fn) => this.#after(delay_ms, fn),
    };
  }

  #after(delay_ms: number, fn: () => void): Timer {
    if (this.dead) return { cancel() {} };
    let cancelled = false;
    const timer = this.world.after(delay_ms, () => {
      this.#timers.delete(timer);
      void this.running().then(() => !cancelled && fn());
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  /** kill -9: nothing that it waits for ever comes, whatever is under way elsewhere, and its connections close. */
  kill(): void {
    if (this.dead) return;
    this.dead = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const close of this.#atDeath) close();
    this.#atDeath.clear();
  }

  /** Returns how to take it back. */
  atDeath(close: () => void): () => void {
    this.#atDeath.add(close);
    return () => this.#atDeath.delete(close);
  }

  pause(ms: number): void {
    if (this.#paused) return;
    this.#paused = new Promise((resolve) => (this.#resume = resolve));
    this.world.after(ms, () => {
      this.#paused = undefined;
      this.resumed_ms = this.world.monotonic();
      this.#resume();
    });
  }

  /** Resolves when it can go on; never for a dead one. */
  async running(): Promise<void> {
    while (this.#paused) await this.#paused;
    if (this.dead) await new Promise<never>(() => {});
  }
}

/** Draws that a seed decides; each part of a simulation has its own, so that more of one do not change the others. */
export function seeded(seed: number, part: string): Random & { below(n: number): number; chance(p: number): boolean } {
  let hash = seed;
  for (const char of part) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0;
  const below = randoms(hash);
  const next = () => below(0x4000_0000) / 0x4000_0000;
  return { next, below, chance: (p) => next() < p, bytes: (length) => Uint8Array.from({ length }, () => below(256)) };
}

export type Seeded = ReturnType<typeof seeded>;
