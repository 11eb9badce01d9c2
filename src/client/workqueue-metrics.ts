// WorkQueueMetrics: how one work queue is doing, under upstream's names. What waits and what is worked on is looked up when somebody asks.
import type { Clock } from '../apimachinery/clock.js';
import { type Exposition, Histogram, labelText } from '../apimachinery/exposition.js';

/** Upstream's: powers of ten from 10 ns to 1,000 s. */
const SECONDS = Array.from({ length: 12 }, (_, i) => Number(`1e${i - 8}`));

export class WorkQueueMetrics {
  adds = 0;
  retries = 0;
  readonly #queued = new Map<string, number>();
  readonly #working = new Map<string, number>();
  readonly #queueSeconds = new Histogram(SECONDS);
  readonly #workSeconds = new Histogram(SECONDS);

  constructor(
    private readonly name: string,
    private readonly clock: Clock,
  ) {}

  added(key: string): void {
    if (this.#queued.has(key)) return;
    this.adds++;
    this.#queued.set(key, this.clock.monotonic());
  }

  taken(key: string): void {
    const now_ms = this.clock.monotonic();
    this.#queueSeconds.observe((now_ms - (this.#queued.get(key) ?? now_ms)) / 1000);
    this.#queued.delete(key);
    this.#working.set(key, now_ms);
  }

  done(key: string): void {
    const now_ms = this.clock.monotonic();
    this.#workSeconds.observe((now_ms - (this.#working.get(key) ?? now_ms)) / 1000);
    this.#working.delete(key);
  }

  /** Upstream's unfinished work: the sum of how long each key has been worked on, and the longest. */
  #unfinished(): { readonly sum: number; readonly longest: number } {
    const now_ms = this.clock.monotonic();
    let [sum, longest] = [0, 0];
    for (const since_ms of this.#working.values()) {
      const seconds = (now_ms - since_ms) / 1000;
      sum += seconds;
      longest = Math.max(longest, seconds);
    }
    return { sum, longest };
  }

  static write(out: Exposition, all: readonly WorkQueueMetrics[]): void {
    const labelsOf = ({ name }: WorkQueueMetrics) => labelText({ name });
    const each = (name: string, type: 'counter' | 'gauge', help: string, value: (queue: WorkQueueMetrics) => number) => {
      out.metric(name, type, help);
      for (const queue of all) out.sample(name, labelsOf(queue), value(queue));
    };
    each('workqueue_depth', 'gauge', 'Keys that wait to be worked on.', (queue) => queue.#queued.size);
    each('workqueue_adds_total', 'counter', 'Keys that were added.', ({ adds }) => adds);
    each('workqueue_retries_total', 'counter', 'Keys that were added again after a failure.', ({ retries }) => retries);
    each('workqueue_unfinished_work_seconds', 'gauge', 'How long the keys at work have been so, together.', (q) => q.#unfinished().sum);
    each('workqueue_longest_running_processor_seconds', 'gauge', 'How long the one that takes longest has been worked on.', (q) => {
      return q.#unfinished().longest;
    });
    out.metric('workqueue_queue_duration_seconds', 'histogram', 'How long keys wait to be worked on.');
    for (const queue of all) queue.#queueSeconds.write(out, 'workqueue_queue_duration_seconds', labelsOf(queue));
    out.metric('workqueue_work_duration_seconds', 'histogram', 'How long it takes to work on a key.');
    for (const queue of all) queue.#workSeconds.write(out, 'workqueue_work_duration_seconds', labelsOf(queue));
  }
}
