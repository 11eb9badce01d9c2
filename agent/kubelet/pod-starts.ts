// How long pods take to start, by upstream's two measures: from the kubelet's first sight of one, and from its creation without what is not the node's.
import type { Clock } from '../../src/apimachinery/clock.js';
import { type Exposition, Histogram } from '../../src/apimachinery/exposition.js';
import { isSidecar } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';

/** Upstream's. */
const SECONDS = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600];

interface Start {
  readonly seenAt_ms: number;
  isRunning: boolean;
  /** From its first pull's beginning to its last one's end. */
  pulls?: { readonly from_ms: number; readonly to_ms: number };
}

export class PodStarts {
  readonly #sinceSeen = new Histogram(SECONDS);
  readonly #sinceCreated = new Histogram(SECONDS);
  /** Of pods that are starting, by uid. */
  readonly #starts = new Map<string, Start>();

  constructor(private readonly clock: Clock) {}

  /** It is new to the node. */
  seen(uid: string): void {
    this.#starts.set(uid, { seenAt_ms: this.clock.now(), isRunning: false });
  }

  /** An image was pulled for it, which ended now. */
  pulled(uid: string, took_ms: number): void {
    const start = this.#starts.get(uid);
    if (!start) return;
    const now_ms = this.clock.now();
    start.pulls = { from_ms: Math.min(now_ms - took_ms, start.pulls?.from_ms ?? Number.POSITIVE_INFINITY), to_ms: now_ms };
  }

  /** What is told of it now; `shown`: the API shows it so already. */
  observed({ metadata, spec, status }: Pod, shown: boolean): void {
    const start = this.#starts.get(metadata.uid);
    if (!start || (status.phase !== 'Running' && !start.isRunning)) return;
    const now_ms = this.clock.now();
    if (!start.isRunning) this.#sinceSeen.observe((now_ms - start.seenAt_ms) / 1000);
    start.isRunning = true;
    const areStarted = spec.containers.every(({ name }) => status.containerStatuses?.find((one) => one.name === name)?.started);
    if (!shown || !areStarted) return;
    const { from_ms, to_ms } = start.pulls ?? { from_ms: 0, to_ms: 0 };
    const excluded_ms = to_ms - from_ms + initSpan_ms({ metadata, spec, status } as Pod);
    this.#sinceCreated.observe(Math.max(0, now_ms - Date.parse(metadata.creationTimestamp ?? '') - excluded_ms) / 1000);
    this.#starts.delete(metadata.uid);
  }

  forget(uid: string): void {
    this.#starts.delete(uid);
  }

  write(out: Exposition): void {
    out.metric('kubelet_pod_start_duration_seconds', 'histogram', 'From the first sight of a pod to its running.');
    this.#sinceSeen.write(out, 'kubelet_pod_start_duration_seconds', '');
    out.metric(
      'kubelet_pod_start_sli_duration_seconds',
      'histogram',
      'From the creation of a pod to all its containers being seen as started, without pulls and init containers.',
    );
    this.#sinceCreated.write(out, 'kubelet_pod_start_sli_duration_seconds', '');
  }
}

/** How long init containers have run. */
function initSpan_ms({ spec, status }: Pod): number {
  const sidecars = new Set((spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  return (status.initContainerStatuses ?? [])
    .filter(({ name }) => !sidecars.has(name))
    .reduce((sum, { state }) => {
      const { startedAt, finishedAt } = state?.terminated ?? {};
      return sum + (startedAt && finishedAt ? Date.parse(finishedAt) - Date.parse(startedAt) : 0);
    }, 0);
}
