// PodLoop: a pod's rounds of work, one after the other: woken by what happens and by a timer, and tried again where one fails.
import type { Timer } from '../../src/apimachinery/clock.js';
import type { PodServices } from './services.js';

/** Waits between tries of what failed without a back-off of its own. The longest is upstream's. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 10_000;

export interface PodRounds {
  /** Looks at all of the pod. Resolves to when to look again even if nothing changes; undefined: not needed. */
  work(): Promise<number | undefined>;
  /** Containers that are said to have ended: told before all of the pod is looked at, which waits until the runtime is through with them. */
  tellDead(containerIds: readonly string[]): Promise<void>;
  /** A round was given up, and comes again. */
  failed(error: Error): void;
}

export class PodLoop {
  private dirty = false;
  private looping = false;
  private stopped = false;
  private readonly dead = new Set<string>();
  private failures = 0;
  private retry: Timer | undefined;
  /** Whoever waits for a look at the pod. */
  private looker: (() => void) | undefined;

  constructor(
    private readonly rounds: PodRounds,
    private readonly services: Pick<PodServices, 'clock' | 'random'>,
  ) {}

  wake(): void {
    this.dirty = true;
    this.start();
  }

  tellDead(containerId: string): void {
    this.dead.add(containerId);
    this.start();
  }

  /** Resolves once what runs of the pod was looked at; at once where a round is under way, which may take its time. */
  look(): Promise<void> {
    const isBusy = this.looping || this.stopped;
    const looked = isBusy ? Promise.resolve() : new Promise<void>((resolve) => (this.looker = resolve));
    this.wake();
    return looked;
  }

  looked(): void {
    this.looker?.();
  }

  stop(): void {
    this.stopped = true;
    this.retry?.cancel();
  }

  /** When to try again what has failed: later each time, until a round goes well. */
  nextRetry_ms(): number {
    return Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.failures++, 10)) * (0.75 + this.services.random.next() / 2);
  }

  private start(): void {
    if (!this.looping && !this.stopped) void this.run();
  }

  private async run(): Promise<void> {
    this.looping = true;
    while ((this.dirty || this.dead.size > 0) && !this.stopped) {
      try {
        const dead = [...this.dead];
        this.dead.clear();
        if (dead.length > 0) await this.rounds.tellDead(dead);
        if (this.dirty) await this.round();
      } catch (error) {
        this.rounds.failed(error as Error);
        this.wakeAfter(this.nextRetry_ms());
      }
    }
    this.looping = false;
    this.looked();
  }

  private async round(): Promise<void> {
    this.dirty = false;
    this.retry?.cancel();
    const { failures } = this;
    const again_ms = await this.rounds.work();
    if (this.failures === failures) this.failures = 0;
    if (again_ms !== undefined) this.wakeAfter(again_ms);
  }

  private wakeAfter(delay_ms: number): void {
    this.retry?.cancel();
    if (!this.stopped) this.retry = this.services.clock.after(delay_ms, () => this.wake());
  }
}
