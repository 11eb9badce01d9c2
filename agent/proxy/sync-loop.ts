// Coalesces changes into runs of one job: the first change at once, then at most one run per interval, retried with back-off.
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import type { Logger } from '../../src/apimachinery/logger.js';

export interface SyncLoopOptions {
  /** What a failure is logged as: `could not <task>`. */
  readonly task: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly minInterval_ms: number;
  /** Makes what is what should be; a rejection is logged and the run repeated after a back-off. */
  run(): Promise<void>;
}

export interface SyncLoop {
  /** Something changed: run soon. Cheap, and may be called at any rate. */
  trigger(): void;
  /** Resolves when a run under way has ended; none starts afterwards. */
  stop(): Promise<void>;
}

const RETRY_MIN_MS = 200;
/** As upstream's kube-proxy retries: at the latest every half minute. */
const RETRY_MAX_MS = 30_000;

export function createSyncLoop(options: SyncLoopOptions): SyncLoop {
  const { clock, log } = options;
  let lastStart = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let pending = false;
  let stopped = false;
  let timer: Timer | undefined;
  let running: Promise<void> | undefined;

  const schedule = (delay_ms: number) => {
    timer?.cancel();
    timer = clock.after(Math.max(0, delay_ms), () => {
      timer = undefined;
      running = runOnce();
    });
  };

  async function runOnce(): Promise<void> {
    pending = false;
    lastStart = clock.monotonic();
    try {
      await options.run();
      failures = 0;
    } catch (error) {
      failures++;
      pending = true;
      log.error({ err: error, failures }, `could not ${options.task}`);
    }
    running = undefined;
    if (pending && !stopped) next();
  }

  function next(): void {
    const sinceLast = clock.monotonic() - lastStart;
    const backOff = failures ? Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1)) : 0;
    schedule(Math.max(options.minInterval_ms, backOff) - sinceLast);
  }

  return {
    trigger() {
      if (stopped) return;
      pending = true;
      if (!running && !timer) next();
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      await running;
    },
  };
}
