// A machine that goes down: held up while its pods end in good order, the node not ready meanwhile, and new pods turned away.
import { type Clock, sleep } from '../../../src/apimachinery/clock.js';
import type { Logger } from '../../../src/apimachinery/logger.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import type { PodWorkers } from '../pod-workers.js';
import { type ShutdownSettings, shutdownGroups, shutdownPeriod_ms, terminatedByShutdown } from './groups.js';
import type { Logind } from './logind.js';

/** Between looks whether a group has ended; upstream's is as long, and the machine is going down anyhow. */
const LOOK_MS = 200;
/** After the bus went away. */
const RECONNECT_MS = 10_000;

export interface ShutdownOptions {
  readonly settings: ShutdownSettings;
  readonly logind: Logind;
  /** The node is ready no more, or is again. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

export type ShuttingDown = Pick<PodWorkers, 'active' | 'fail' | 'isDown'>;

export class ShutdownManager {
  isShuttingDown = false;
  private lock: { release(): void } | undefined;

  constructor(private readonly options: ShutdownOptions) {}

  /** Resolves when the agent stops; at once where shutdowns are not to be held up. */
  async run(pods: ShuttingDown): Promise<void> {
    const { settings, logind, clock, log, stopping } = this.options;
    const period_ms = shutdownPeriod_ms(settings);
    if (period_ms === 0) return;
    let said = '';
    while (!stopping.aborted) {
      try {
        await logind.allow(period_ms);
        this.lock ??= logind.inhibit();
        await this.watch(pods);
      } catch (error) {
        const { message } = error as Error;
        if (said !== message) log.warn({ error: message }, 'shutdowns of this machine cannot be held up now');
        said = message;
      }
      await sleep(clock, RECONNECT_MS, stopping).catch(() => undefined);
    }
    this.lock?.release();
  }

  private watch(pods: ShuttingDown): Promise<void> {
    const { logind, log, stopping } = this.options;
    return new Promise((resolve, reject) => {
      const watching = logind.watch(
        (isGoingDown) => {
          if (isGoingDown) this.shutDown(pods).catch((error: Error) => log.error({ error: error.stack }, 'ending the pods failed'));
          else this.calledOff();
        },
        (why) => reject(new Error(why)),
      );
      const stop = () => {
        watching.close();
        resolve();
      };
      stopping.addEventListener('abort', stop, { once: true });
    });
  }

  private async shutDown(pods: ShuttingDown): Promise<void> {
    if (this.isShuttingDown) return;
    const { settings, changed, log } = this.options;
    this.isShuttingDown = true;
    log.info({}, 'the machine is going down: ending its pods');
    changed();
    for (const group of shutdownGroups(pods.active(), settings)) {
      for (const { metadata } of group.pods) pods.fail(metadata.uid, terminatedByShutdown(group.period_s));
      await this.ended(pods, group.pods, group.period_s * 1000);
    }
    this.lock?.release();
    this.lock = undefined;
  }

  private async ended(pods: ShuttingDown, group: readonly Pod[], period_ms: number): Promise<void> {
    const { clock, stopping } = this.options;
    const end_ms = clock.monotonic() + period_ms;
    while (clock.monotonic() < end_ms && group.some(({ metadata }) => !pods.isDown(metadata.uid))) await sleep(clock, LOOK_MS, stopping);
  }

  private calledOff(): void {
    this.isShuttingDown = false;
    this.lock ??= this.options.logind.inhibit();
    this.options.changed();
  }
}
