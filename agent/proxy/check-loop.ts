// Looks again and again whether what was written is still there, at a price that stays small however much there is to look at.
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';

export interface CheckLoopOptions {
  /** What a failure is logged as: `could not <task>`. */
  readonly task: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly interval_ms: number;
  /** Ends by itself; a rejection is logged and the next look is taken all the same. */
  check(): Promise<void>;
}

export interface CheckLoop {
  /** The first look is taken after the interval. Does nothing while the loop runs. */
  start(): void;
  /** Resolves when a look under way has ended; none starts afterwards, unless it is started again. */
  stop(): Promise<void>;
}

/** A look takes one part in this many of the time: with some hundred Services it is put off beyond the interval. */
const COST_SHARE = 100;
/** But not for more intervals than these: what is broken must not stay so. */
const PUT_OFF_MAX = 10;

export function createCheckLoop({ task, clock, log, interval_ms, check }: CheckLoopOptions): CheckLoop {
  let timer: Timer | undefined;
  let checking: Promise<void> | undefined;
  let running = false;

  const later = (pause_ms: number) => {
    timer = clock.after(pause_ms, () => {
      timer = undefined;
      checking = look();
    });
  };

  async function look(): Promise<void> {
    const begun_ms = clock.monotonic();
    try {
      await check();
    } catch (error) {
      log.error({ err: error }, `could not ${task}`);
    }
    checking = undefined;
    const cost_ms = clock.monotonic() - begun_ms;
    if (running) later(Math.max(interval_ms, Math.min(cost_ms * COST_SHARE, interval_ms * PUT_OFF_MAX)));
  }

  return {
    start() {
      if (running) return;
      running = true;
      if (!checking) later(interval_ms);
    },
    async stop() {
      running = false;
      timer?.cancel();
      timer = undefined;
      await checking;
    },
  };
}
