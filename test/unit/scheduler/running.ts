// A scheduler at work over an API in memory, by a clock that a test turns.
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { createInformers } from '../../../src/client/informers.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { type RunningScheduler, type SchedulerOptions, startScheduler } from '../../../src/scheduler/scheduler.js';
import { fixedRandom, ManualClock, settle } from '../client/fakes.js';
import { PatchingApi } from '../controllers/patching-api.js';

export class SchedulerAtWork {
  readonly api = new PatchingApi();
  readonly clock = new ManualClock();
  readonly #informers = createInformers({ client: this.api, clock: this.clock, random: fixedRandom, log: silentLogger });
  #scheduler: RunningScheduler | undefined;

  get scheduler(): RunningScheduler {
    return this.#scheduler!;
  }

  async start(options: Partial<SchedulerOptions> = {}): Promise<void> {
    const { api, clock } = this;
    const events = () => ({ event: (_about: KubeObject) => {} });
    this.#scheduler = startScheduler({
      client: api,
      informers: this.#informers,
      clock,
      random: fixedRandom,
      log: silentLogger,
      events,
      ...options,
    });
    await settle();
  }

  async stop(): Promise<void> {
    await this.#scheduler?.stop();
    this.#informers.stop();
  }

  nodeOf(name: string): string | undefined {
    return this.api.objects(pods).find(({ metadata }) => metadata.name === name)?.spec.nodeName;
  }
}
