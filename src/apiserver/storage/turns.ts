// Turns: who wants to change the same key comes after the one before, and starts from what that one makes of it, rather than losing a race
// to it again and again.
import type { Clock } from '../../apimachinery/clock.js';

/**
 * Longest wait. The one before may be waiting for an admission webhook, and that one for the very change that would wait here; after
 * this both race, as the store lets them.
 */
const MAX_WAIT_MS = 1000;

export interface Turn<State> {
  /** Resolves when it is this one's turn, to what the one before passed on, if anything. */
  readonly before: Promise<State | undefined>;
  /** Lets the next one begin from `state`. */
  pass(state: State): void;
  /** The key is free again, unless another one has come. To be called in any case. */
  leave(): void;
}

export class Turns<State> {
  /** Of the last who came for each key: what it passes on. */
  readonly #last = new Map<string, Promise<State | undefined>>();

  constructor(private readonly clock: Clock) {}

  /** Whether somebody is at the key or waits for it. */
  busy(key: string): boolean {
    return this.#last.has(key);
  }

  enter(key: string): Turn<State> {
    const before = this.#last.get(key);
    let pass: (state: State | undefined) => void = () => {};
    const mine = new Promise<State | undefined>((resolve) => {
      pass = resolve;
    });
    this.#last.set(key, mine);
    return {
      before: before ? this.#soon(before) : Promise.resolve(undefined),
      pass,
      leave: () => {
        pass(undefined);
        if (this.#last.get(key) === mine) this.#last.delete(key);
      },
    };
  }

  #soon(before: Promise<State | undefined>): Promise<State | undefined> {
    return new Promise((resolve) => {
      const timer = this.clock.after(MAX_WAIT_MS, () => resolve(undefined));
      void before.then((state) => {
        timer.cancel();
        resolve(state);
      });
    });
  }
}
