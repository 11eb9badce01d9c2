// PullTurns: how many images are pulled at once, and how many may be begun in a second.
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import { ConfigurationError } from '../config/field.js';
import type { KubeletSettings } from '../config/kubelet-configuration.js';

export type PullLimits = Pick<KubeletSettings, 'serializeImagePulls' | 'maxParallelImagePulls' | 'registryPullQPS' | 'registryBurst'>;

export class PullTurns {
  readonly #max: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #tokens: number;
  #refilled_ms: number;

  constructor(
    private readonly limits: PullLimits,
    private readonly clock: Clock,
  ) {
    const { serializeImagePulls, maxParallelImagePulls } = limits;
    if (serializeImagePulls && maxParallelImagePulls > 1)
      throw new ConfigurationError('maxParallelImagePulls cannot be larger than 1 unless serializeImagePulls is set to false');
    this.#max = serializeImagePulls ? 1 : maxParallelImagePulls || Number.POSITIVE_INFINITY;
    this.#tokens = limits.registryBurst;
    this.#refilled_ms = clock.monotonic();
  }

  /** Does `work` when it is its turn; rejects without it where `signal` aborts meanwhile. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(signal);
    try {
      await this.#token(signal);
      return await work();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (this.#running >= this.#max) {
      await new Promise<void>((resolve, reject) => {
        const go = () => {
          signal.removeEventListener('abort', leave);
          resolve();
        };
        const leave = () => {
          this.#waiting.splice(this.#waiting.indexOf(go), 1);
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', leave, { once: true });
        this.#waiting.push(go);
      });
    }
    this.#running++;
  }

  async #token(signal: AbortSignal): Promise<void> {
    const { registryPullQPS: rate, registryBurst: burst } = this.limits;
    if (rate === 0) return;
    for (;;) {
      const now_ms = this.clock.monotonic();
      this.#tokens = Math.min(burst, this.#tokens + ((now_ms - this.#refilled_ms) * rate) / 1000);
      this.#refilled_ms = now_ms;
      if (this.#tokens >= 1) break;
      await sleep(this.clock, ((1 - this.#tokens) * 1000) / rate, signal);
    }
    this.#tokens--;
  }
}
