// Back-off between tries: doubles up to a bound and is spread by jitter, so that many clients do not come back at once.
import type { Random } from '../apimachinery/clock.js';

export interface BackoffOptions {
  readonly random: Random;
  readonly initial_ms: number;
  readonly max_ms: number;
}

export class Backoff {
  #tries = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** How long to wait before the next try: between half of the step and the whole of it. */
  next_ms(): number {
    const { random, initial_ms, max_ms } = this.options;
    const step = Math.min(max_ms, initial_ms * 2 ** this.#tries);
    if (step < max_ms) this.#tries++;
    return step * (0.5 + random.next() / 2);
  }

  reset(): void {
    this.#tries = 0;
  }
}
