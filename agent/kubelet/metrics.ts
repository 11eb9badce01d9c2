// What the kubelet counts of its own work, under upstream's names: requests, calls of the runtime, probes, and when pods were looked at.
import type { Clock } from '../../src/apimachinery/clock.js';
import { type Exposition, Histogram, type Labels, labelText } from '../../src/apimachinery/exposition.js';
import type { ProbeOutcome } from '../probes/probe.js';
import { PodStarts } from './pod-starts.js';

const SECONDS = [0.005, 0.0125, 0.03, 0.08, 0.2, 0.5, 1.2, 3, 8, 20];

interface Operation {
  count: number;
  errors: number;
  readonly duration: Histogram;
}

/** What a pod's worker does in one step, as upstream calls it. */
export type PodWork = 'create' | 'sync' | 'kill';

/** What is only counted. */
const COUNTS = {
  kubelet_evictions: { help: 'Pods ended for want of a resource, by the signal.', label: 'eviction_signal' },
  kubelet_preemptions: { help: 'Pods ended for a critical one, by the resource.', label: 'preemption_signal' },
} as const;
export type CountName = keyof typeof COUNTS;

/** What is measured, each in families by labels. */
const DURATIONS = {
  kubelet_pod_worker_duration_seconds: 'How long one look at a pod and what follows from it take.',
  kubelet_cgroup_manager_duration_seconds: 'How long it takes to make, change and remove control groups.',
  storage_operation_duration_seconds: 'How long it takes to set volumes up.',
} as const;
export type DurationName = keyof typeof DURATIONS;

/** Of one probe of one container. */
export interface ProbeName {
  readonly kind: 'liveness' | 'readiness' | 'startup';
  readonly container: string;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
}

export class KubeletMetrics {
  readonly #operations = new Map<string, Operation>();
  readonly #requests = new Map<string, number>();
  /** By pod uid, so that they go with it. */
  readonly #probes = new Map<string, Map<string, number>>();
  #relistedAt_ms: number | undefined;
  readonly #relistInterval = new Histogram(SECONDS);
  readonly #relistDuration = new Histogram(SECONDS);
  readonly #durations = new Map<DurationName, Map<string, Histogram>>();
  readonly #apiRequests = new Map<string, number>();
  readonly #counts = new Map<CountName, Map<string, number>>();
  readonly starts: PodStarts;

  constructor(private readonly clock: Clock) {
    this.starts = new PodStarts(clock);
  }

  operation(name: string, duration_ms: number, failed: boolean): void {
    let known = this.#operations.get(name);
    if (!known) this.#operations.set(name, (known = { count: 0, errors: 0, duration: new Histogram(SECONDS) }));
    known.count++;
    if (failed) known.errors++;
    known.duration.observe(duration_ms / 1000);
  }

  request(method: string, path: string, serverType: 'readwrite' | 'readonly'): void {
    const labels = labelText({ method, path, server_type: serverType });
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
  }

  probed({ kind, container, namespace, pod, podUid }: ProbeName, outcome: ProbeOutcome['result']): void {
    const result = outcome === 'unknown' ? 'unknown' : outcome === 'failure' ? 'failed' : 'successful';
    const labels = labelText({ container, namespace, pod, pod_uid: podUid, probe_type: kind[0]!.toUpperCase() + kind.slice(1), result });
    let counts = this.#probes.get(podUid);
    if (!counts) this.#probes.set(podUid, (counts = new Map()));
    counts.set(labels, (counts.get(labels) ?? 0) + 1);
  }

  forgetPod(uid: string): void {
    this.#probes.delete(uid);
  }

  /** All pods are looked at. */
  relisted(): void {
    if (this.#relistedAt_ms !== undefined) this.#relistInterval.observe(this.sinceRelist_ms() / 1000);
    this.#relistedAt_ms = this.clock.monotonic();
  }

  /** All were. */
  relistTook(took_ms: number): void {
    this.#relistDuration.observe(took_ms / 1000);
  }

  podWorked(work: PodWork, took_ms: number): void {
    this.took('kubelet_pod_worker_duration_seconds', { operation_type: work }, took_ms);
  }

  took(name: DurationName, by: Labels, took_ms: number): void {
    const labels = labelText(by);
    let family = this.#durations.get(name);
    if (!family) this.#durations.set(name, (family = new Map()));
    let known = family.get(labels);
    if (!known) family.set(labels, (known = new Histogram(SECONDS)));
    known.observe(took_ms / 1000);
  }

  /** A volume that is being set up, by a plugin in the name of its directories. */
  mounting<T>(plugin: string, work: Promise<T>): Promise<T> {
    const began_ms = this.clock.monotonic();
    const volume_plugin = plugin.replace('~', '/');
    const over = (status: string) => {
      const labels = { migrated: 'false', operation_name: 'volume_mount', status, volume_plugin };
      this.took('storage_operation_duration_seconds', labels, this.clock.monotonic() - began_ms);
    };
    work.then(
      () => over('success'),
      () => over('fail-unknown'),
    );
    return work;
  }

  /** One that the agent made of the API server. */
  apiRequest(method: string, host: string, code: string): void {
    const labels = labelText({ code, host, method });
    this.#apiRequests.set(labels, (this.#apiRequests.get(labels) ?? 0) + 1);
  }

  /** `value`: of the label that such things are told apart by. */
  count(name: CountName, value: string): void {
    const labels = labelText({ [COUNTS[name].label]: value });
    const counts = this.#counts.get(name) ?? new Map<string, number>();
    this.#counts.set(name, counts.set(labels, (counts.get(labels) ?? 0) + 1));
  }

  /** Infinite before the first time. */
  sinceRelist_ms(): number {
    return this.#relistedAt_ms === undefined ? Number.POSITIVE_INFINITY : this.clock.monotonic() - this.#relistedAt_ms;
  }

  writeProbes(out: Exposition): void {
    out.metric('prober_probe_total', 'counter', 'Probes of containers by their results.');
    for (const counts of this.#probes.values()) for (const [labels, count] of counts) out.sample('prober_probe_total', labels, count);
  }

  write(out: Exposition): void {
    const operations = [...this.#operations].map(([name, operation]) => ({ labels: labelText({ operation_type: name }), ...operation }));
    out.metric('kubelet_runtime_operations_total', 'counter', 'Calls of the container runtime.');
    for (const { labels, count } of operations) out.sample('kubelet_runtime_operations_total', labels, count);
    out.metric('kubelet_runtime_operations_errors_total', 'counter', 'Of them those that failed.');
    for (const { labels, errors } of operations) if (errors > 0) out.sample('kubelet_runtime_operations_errors_total', labels, errors);
    out.metric('kubelet_runtime_operations_duration_seconds', 'histogram', 'How long they take.');
    for (const { labels, duration } of operations) duration.write(out, 'kubelet_runtime_operations_duration_seconds', labels);
    const started = (name: string, type: string) => {
      const { count = 0, errors = 0 } = this.#operations.get(type) ?? {};
      out.single(`kubelet_started_${name}_total`, 'counter', `Starts of ${name}.`, count);
      out.single(`kubelet_started_${name}_errors_total`, 'counter', 'Of them those that failed.', errors);
    };
    started('pods', 'run_podsandbox');
    started('containers', 'start_container');
    out.metric('kubelet_http_requests_total', 'counter', 'Requests to this server.');
    for (const [labels, count] of this.#requests) out.sample('kubelet_http_requests_total', labels, count);
    this.starts.write(out);
    for (const [name, family] of this.#durations) {
      out.metric(name, 'histogram', DURATIONS[name]);
      for (const [labels, duration] of family) duration.write(out, name, labels);
    }
    out.metric('rest_client_requests_total', 'counter', 'Requests to the API server by their outcomes.');
    for (const [labels, count] of this.#apiRequests) out.sample('rest_client_requests_total', labels, count);
    for (const [name, counts] of this.#counts) {
      out.metric(name, 'counter', COUNTS[name].help);
      for (const [labels, count] of counts) out.sample(name, labels, count);
    }
    out.metric('kubelet_pleg_relist_interval_seconds', 'histogram', 'Between looks at all pods.');
    this.#relistInterval.write(out, 'kubelet_pleg_relist_interval_seconds', '');
    out.metric('kubelet_pleg_relist_duration_seconds', 'histogram', 'How long it takes until all have been looked at.');
    this.#relistDuration.write(out, 'kubelet_pleg_relist_duration_seconds', '');
    out.single('kubelet_pleg_discard_events', 'counter', 'Events of the runtime that were dropped: none ever is.', 0);
    if (this.#relistedAt_ms !== undefined) {
      const at_ms = this.clock.now() - this.sinceRelist_ms();
      out.single('kubelet_pleg_last_seen_seconds', 'gauge', 'When all pods were looked at last, since 1970.', at_ms / 1000);
    }
  }
}
