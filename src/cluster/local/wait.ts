// Waits for conditions outside this process (a socket that answers, a process that ends), bounded, without a guess at how long they take.
import { type Clock, sleep } from '../../apimachinery/clock.js';
import { UserError } from './user-error.js';

/** Short against the 15 s that a start may take, long against a probe's own cost. */
const PROBE_INTERVAL_MS = 25;

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeout_ms: number;
  /** Completes "... within 10 s" in the error. */
  readonly what: string;
  /** Gives up at once with this reason: what is waited for cannot come any more. */
  readonly failure?: () => Promise<string | undefined>;
  readonly interval_ms?: number;
}

/** The first value of `probe` that is not undefined. Rejects with a UserError when time is up or `failure` gives a reason. */
export async function waitFor<T>(probe: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const { clock, timeout_ms, what } = options;
  const deadline = clock.monotonic() + timeout_ms;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    const failure = await options.failure?.();
    if (failure !== undefined) throw new UserError(`${what}: ${failure}`);
    if (clock.monotonic() >= deadline) throw new UserError(`${what}: not within ${timeout_ms / 1000} s`);
    await sleep(clock, options.interval_ms ?? PROBE_INTERVAL_MS);
  }
}
