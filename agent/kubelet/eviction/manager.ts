// Keeps the node from running out: looks at what is left, says so in its conditions, takes back what nobody needs, and else ends pods.
import { type Clock, sleep } from '../../../src/apimachinery/clock.js';
import type { Logger } from '../../../src/apimachinery/logger.js';
import type { EventRecorder } from '../../../src/client/events.js';
import { isCriticalPod } from '../../../src/kinds/core/podutil.js';
import type { Node, Pod } from '../../../src/kinds/types/core_v1.js';
import type { Failure } from '../failure.js';
import type { KubeletMetrics } from '../metrics.js';
import type { PodUsages } from '../pod-usage.js';
import type { PodWorkers } from '../pod-workers.js';
import { hasStorageLimit, storageExcess } from './local-storage.js';
import { evictionMessage, rank } from './ranking.js';
import type { ReadSignals } from './signals.js';
import { isMet, type Observations, type Pressure, type PressureState, SIGNALS, type Threshold } from './thresholds.js';

/** Upstream's: an eviction ends without ado. */
const HARD_GRACE_S = 1;
/** How long the next eviction waits for what the last one frees. */
const CLEANUP_TIMEOUT_MS = 30_000;

export interface EvictionOptions {
  readonly state: PressureState;
  readonly signals: ReadSignals;
  /** Between looks. */
  readonly interval_ms: number;
  /** Of soft evictions, at most. */
  readonly softGrace_s: number;
  readonly events: EventRecorder;
  readonly metrics: Pick<KubeletMetrics, 'count'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
  readonly node: () => Node | undefined;
  /** The conditions are others now. */
  readonly changed: () => void;
}

/** The pods, once there are any, and what can be taken back before one of them has to go. */
export interface Evictable {
  readonly pods: Pick<PodWorkers, 'active' | 'fail' | 'isDown'>;
  readonly usages: PodUsages;
  reclaimDisk(): Promise<void>;
}

export class EvictionManager {
  private pressure: Pressure = { conditions: [], thresholds: [] };
  private observations: Observations = new Map();
  private evicted: { readonly uid: string; readonly at_ms: number } | undefined;

  constructor(private readonly options: EvictionOptions) {}

  get conditions(): Pressure['conditions'] {
    return this.pressure.conditions;
  }

  /** Looks once. */
  async observe(): Promise<void> {
    const { state, signals, clock, changed } = this.options;
    const before = this.conditions;
    this.observations = await signals();
    this.pressure = state.observe(this.observations, clock.monotonic());
    if (before.join() !== this.conditions.join()) changed();
  }

  /** Looks and acts until the agent stops. */
  async run(evictable: Evictable): Promise<void> {
    const { clock, interval_ms, stopping, log } = this.options;
    while (!stopping.aborted) {
      try {
        await this.observe();
        await this.act(evictable);
      } catch (error) {
        log.warn({ error: (error as Error).message }, 'cannot see what the node has left, trying again');
      }
      await sleep(clock, interval_ms, stopping).catch(() => undefined);
    }
  }

  private async act(evictable: Evictable): Promise<void> {
    if (this.isWaiting(evictable) || (await this.endWhoTakesTooMuch(evictable))) return;
    const [threshold] = this.pressure.thresholds;
    if (!threshold) return;
    const { condition, resource } = SIGNALS[threshold.signal];
    const { log, events } = this.options;
    log.warn({ signal: threshold.signal, ...this.observations.get(threshold.signal) }, 'the node is short of a resource');
    const node = this.options.node();
    if (node) events.event(node, 'Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (condition === 'DiskPressure') {
      await evictable.reclaimDisk();
      this.observations = await this.options.signals();
      if (!isMet(threshold, this.observations, true)) return this.observe();
    }
    await this.evictOne(evictable, threshold);
  }

  /** One at a time: what it frees may be enough. */
  private isWaiting({ pods }: Evictable): boolean {
    const { evicted } = this;
    return evicted !== undefined && !pods.isDown(evicted.uid) && this.options.clock.monotonic() - evicted.at_ms < CLEANUP_TIMEOUT_MS;
  }

  private async evictOne({ pods, usages }: Evictable, threshold: Threshold): Promise<void> {
    const { resource } = SIGNALS[threshold.signal];
    const evictable = pods.active().filter((pod) => !isCriticalPod(pod));
    const used = await Promise.all(evictable.map((pod) => usages.of(pod, resource)));
    const [first] = rank(used, resource);
    if (!first) return;
    const message = evictionMessage(first, threshold, this.observations.get(threshold.signal)!);
    this.options.metrics.count('kubelet_evictions', threshold.signal);
    const grace_s = threshold.grace_ms === 0 ? HARD_GRACE_S : this.options.softGrace_s;
    this.evict(pods, first.pod, { reason: 'Evicted', message, disruption: message, grace_s });
  }

  private async endWhoTakesTooMuch({ pods, usages }: Evictable): Promise<boolean> {
    let found = false;
    for (const pod of pods.active().filter(hasStorageLimit)) {
      const [{ total, containers }, emptyDirs] = await Promise.all([usages.of(pod, 'ephemeral-storage'), usages.emptyDirs(pod)]);
      const excess = storageExcess(pod, { total, containers, emptyDirs });
      if (!excess || isCriticalPod(pod)) continue;
      this.options.metrics.count('kubelet_evictions', excess.limit);
      this.evict(pods, pod, { reason: 'Evicted', message: excess.message, grace_s: HARD_GRACE_S });
      found = true;
    }
    return found;
  }

  private evict(pods: Evictable['pods'], pod: Pod, failure: Failure): void {
    const { events, log, clock } = this.options;
    log.warn({ pod: pod.metadata.name, namespace: pod.metadata.namespace, message: failure.message }, 'evicting a pod');
    events.event(pod, 'Warning', failure.reason, failure.message);
    this.evicted = { uid: pod.metadata.uid, at_ms: clock.monotonic() };
    pods.fail(pod.metadata.uid, failure);
  }
}
