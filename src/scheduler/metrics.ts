// The scheduler's metrics under upstream's names. In the hot path numbers are only added up; what stands in the queue is counted when somebody asks.
import type { Clock } from '../apimachinery/clock.js';
import { type Exposition, Histogram, labelText } from '../apimachinery/exposition.js';
import { DEFAULT_SCHEDULER_NAME } from '../kinds/wellknown.js';
import type { Profile } from './define.js';
import { ProfileMeter } from './meter.js';
import type { Place } from './pod-decisions.js';
import type { QueuedPod, SchedulingQueue } from './queue.js';

type Result = 'scheduled' | 'unschedulable' | 'error';

const doubling = (first: number, count: number) => Array.from({ length: count }, (_, i) => first * 2 ** i);
/** Upstream's buckets. */
const ATTEMPT_SECONDS = doubling(0.001, 20);
const ALGORITHM_SECONDS = doubling(0.001, 15);
const SLI_SECONDS = doubling(0.01, 20);
const VICTIMS = doubling(1, 7);
const ATTEMPTS = doubling(1, 5);
/** Pods that were tried more often are told of together. */
const ATTEMPTS_TOLD_MAX = 15;
const PENDING: readonly Place[] = ['active', 'backoff', 'gated', 'unschedulable'];

/** Histograms of one metric by labels. */
class Histograms {
  readonly #byLabels = new Map<string, Histogram>();

  constructor(private readonly bounds: readonly number[]) {}

  observe(labels: string, value: number): void {
    let histogram = this.#byLabels.get(labels);
    if (!histogram) this.#byLabels.set(labels, (histogram = new Histogram(this.bounds)));
    histogram.observe(value);
  }

  write(out: Exposition, name: string, help: string): void {
    out.metric(name, 'histogram', help);
    for (const [labels, histogram] of this.#byLabels) histogram.write(out, name, labels);
  }
}

export class SchedulerMetrics {
  readonly #attempts = new Map<string, number>();
  readonly #attemptSeconds = new Histograms(ATTEMPT_SECONDS);
  readonly #sliSeconds = new Histograms(SLI_SECONDS);
  readonly #algorithmSeconds = new Histogram(ALGORITHM_SECONDS);
  readonly #attemptsNeeded = new Histogram(ATTEMPTS);
  readonly #victims = new Histogram(VICTIMS);
  readonly #meters = new Map<string, ProfileMeter>();
  #preemptions = 0;

  constructor(private readonly clock: Clock) {}

  of({ schedulerName }: Profile): ProfileMeter {
    let meter = this.#meters.get(schedulerName);
    if (!meter) this.#meters.set(schedulerName, (meter = new ProfileMeter(schedulerName, this.clock)));
    return meter;
  }

  /** `duration_ms`: from the beginning of the cycle until its end, or until the pod was bound. */
  attempted(result: Result, profile: string, duration_ms: number): void {
    const labels = `profile="${profile}",result="${result}"`;
    this.#attempts.set(labels, (this.#attempts.get(labels) ?? 0) + 1);
    this.#attemptSeconds.observe(labels, duration_ms / 1000);
  }

  decided(duration_ms: number): void {
    this.#algorithmSeconds.observe(duration_ms / 1000);
  }

  bound({ attempts, firstTried_ms }: QueuedPod, now_ms: number): void {
    this.#attemptsNeeded.observe(attempts);
    const told = attempts >= ATTEMPTS_TOLD_MAX ? `${ATTEMPTS_TOLD_MAX}+` : attempts;
    this.#sliSeconds.observe(`attempts="${told}"`, (now_ms - firstTried_ms) / 1000);
  }

  /** `victims`: undefined where nobody was to be found. */
  preempted(victims: number | undefined): void {
    this.#preemptions++;
    if (victims !== undefined) this.#victims.observe(victims);
  }

  write(out: Exposition, queue: SchedulingQueue): void {
    out.metric('scheduler_pending_pods', 'gauge', 'Pods that wait to be scheduled, by the queue that they are in.');
    for (const place of PENDING) out.sample('scheduler_pending_pods', labelText({ queue: place }), queue.count(place));
    writeUnschedulable(out, queue);
    out.metric('scheduler_queue_incoming_pods_total', 'counter', 'Pods that were put into a queue, by what brought them there.');
    for (const [place, events] of queue.incoming) {
      for (const [event, count] of events) out.sample('scheduler_queue_incoming_pods_total', labelText({ event, queue: place }), count);
    }
    out.metric('scheduler_schedule_attempts_total', 'counter', 'Attempts to schedule pods, by their result.');
    for (const [labels, count] of this.#attempts) out.sample('scheduler_schedule_attempts_total', labels, count);
    this.#attemptSeconds.write(out, 'scheduler_scheduling_attempt_duration_seconds', 'How long an attempt takes, binding included.');
    this.#sliSeconds.write(
      out,
      'scheduler_pod_scheduling_sli_duration_seconds',
      'How long it takes from the first attempt to the binding.',
    );
    const single = (name: string, help: string, histogram: Histogram) => {
      out.metric(name, 'histogram', help);
      histogram.write(out, name, '');
    };
    single('scheduler_scheduling_algorithm_duration_seconds', 'How long it takes to choose a node.', this.#algorithmSeconds);
    single('scheduler_pod_scheduling_attempts', 'Attempts that a pod needed.', this.#attemptsNeeded);
    out.single('scheduler_preemption_attempts_total', 'counter', 'Attempts to make room by preemption.', this.#preemptions);
    single('scheduler_preemption_victims', 'Pods that had to go for another.', this.#victims);
    this.#writeMeters(out);
  }

  #writeMeters(out: Exposition): void {
    const meters = [...this.#meters.values()];
    const points = 'scheduler_framework_extension_point_duration_seconds';
    out.metric(points, 'histogram', 'How long all plugins of an extension point take.');
    for (const meter of meters) meter.writePoints(out, points);
    const calls = 'scheduler_plugin_execution_duration_seconds';
    out.metric(calls, 'histogram', 'How long a plugin takes at an extension point, Score and its normalizing for all nodes at once.');
    for (const meter of meters) meter.writeCalls(out, calls);
    const evaluations = 'scheduler_plugin_evaluation_total';
    out.metric(evaluations, 'counter', 'How often a plugin was asked; what is remembered of a node is not asked again.');
    for (const meter of meters) meter.writeEvaluations(out, evaluations);
  }
}

function writeUnschedulable(out: Exposition, queue: SchedulingQueue): void {
  const counts = new Map<string, number>();
  for (const { pod, plugins } of queue.refused()) {
    for (const plugin of plugins) {
      const labels = labelText({ plugin, profile: pod.spec.schedulerName ?? DEFAULT_SCHEDULER_NAME });
      counts.set(labels, (counts.get(labels) ?? 0) + 1);
    }
  }
  out.metric('scheduler_unschedulable_pods', 'gauge', 'Pods that could not be placed, by each of the plugins that stood in the way.');
  for (const [labels, count] of counts) out.sample('scheduler_unschedulable_pods', labels, count);
}
