// What the kubelet counts of its own work, under upstream's names: requests, calls of the runtime, probes, and when pods were looked at.
import type { Clock } from '../../src/apimachinery/clock.js';
import { type Exposition, Histogram, labelText } from '../../src/apimachinery/exposition.js';
import type { ProbeOutcome } from '../probes/probe.js';

const SECONDS = [0.005, 0.0125, 0.03, 0.08, 0.2, 0.5, 1.2, 3, 8, 20];

interface Operation {
  count: number;
  errors: number;
  readonly duration: Histogram;
}

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

  constructor(private readonly clock: Clock) {}

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

  /** All pods were looked at. */
  relisted(): void {
    this.#relistedAt_ms = this.clock.monotonic();
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
    if (this.#relistedAt_ms !== undefined) {
      const at_ms = this.clock.now() - this.sinceRelist_ms();
      out.single('kubelet_pleg_last_seen_seconds', 'gauge', 'When all pods were looked at last, since 1970.', at_ms / 1000);
    }
  }
}
