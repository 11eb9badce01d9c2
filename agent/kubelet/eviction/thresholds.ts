// Eviction thresholds: what is kept free of memory, disk and process IDs, and when a node is short of it. Pure.
import { parseDuration_ms } from '../../../src/apimachinery/duration.js';
import type { KubeletSettings } from '../../config/kubelet-configuration.js';
import { thresholdAmount } from '../allocatable.js';

interface SignalFacts {
  readonly condition: 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';
  /** As messages call what there is too little of. */
  readonly resource: 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';
}

/** In the order in which they are dealt with: memory runs out fastest. */
export const SIGNALS = {
  'memory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'pid.available': { condition: 'PIDPressure', resource: 'pids' },
} as const satisfies { readonly [signal: string]: SignalFacts };

export type Signal = keyof typeof SIGNALS;
export type PressureCondition = SignalFacts['condition'];

export interface Threshold {
  readonly signal: Signal;
  /** A quantity, or a percentage of what there is. */
  readonly value: string;
  /** Met for so long, it counts; 0: at once. */
  readonly grace_ms: number;
  /** So much more than the threshold is to be free again; absent: nothing more. */
  readonly minReclaim?: string;
}

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export type Observations = ReadonlyMap<Signal, Observation>;

export type EvictionSettings = Pick<
  KubeletSettings,
  'evictionHard' | 'evictionSoft' | 'evictionSoftGracePeriod' | 'evictionMinimumReclaim' | 'evictionPressureTransitionPeriod'
>;

/** Throws an error that names the setting where one makes no sense. */
export function parseThresholds(settings: EvictionSettings): readonly Threshold[] {
  const { evictionHard, evictionSoft, evictionSoftGracePeriod, evictionMinimumReclaim } = settings;
  const of = (setting: string, signals: { readonly [signal: string]: string }, grace: (signal: string) => number) =>
    Object.entries(signals)
      // Upstream's way to switch one off.
      .filter(([, value]) => value !== '0%' && value !== '100%')
      .map(([signal, value]) => {
        if (!isSignal(signal)) throw new Error(`${setting}: unknown eviction signal ${JSON.stringify(signal)}`);
        const minReclaim = evictionMinimumReclaim[signal];
        return { signal, value, grace_ms: grace(signal), ...(minReclaim === undefined ? {} : { minReclaim }) };
      });
  const softGrace = (signal: string) => {
    const grace_ms = parseDuration_ms(evictionSoftGracePeriod[signal] ?? '');
    if (!grace_ms) throw new Error(`evictionSoftGracePeriod: there must be one for the soft threshold of ${signal}`);
    return grace_ms;
  };
  const all = [...of('evictionHard', evictionHard, () => 0), ...of('evictionSoft', evictionSoft, softGrace)];
  const order = Object.keys(SIGNALS);
  return all.sort((a, b) => order.indexOf(a.signal) - order.indexOf(b.signal));
}

const isSignal = (text: string): text is Signal => Object.hasOwn(SIGNALS, text);

/** With `reclaimed`, also the minimum that is to be free beyond it counts. */
export function isMet(threshold: Threshold, observations: Observations, reclaimed = false): boolean {
  const observed = observations.get(threshold.signal);
  if (!observed) return false;
  const { available, capacity } = observed;
  const more = reclaimed && threshold.minReclaim !== undefined ? thresholdAmount(threshold.minReclaim, capacity) : 0;
  return available < thresholdAmount(threshold.value, capacity) + more;
}

export interface Pressure {
  readonly conditions: readonly PressureCondition[];
  /** Those that something has to be done about now, in the order to do so. */
  readonly thresholds: readonly Threshold[];
}

/** What a node is short of, as it is looked at again and again. Times are of a clock that never goes back. */
export class PressureState {
  private readonly firstMet = new Map<Threshold, number>();
  private readonly lastSeen = new Map<PressureCondition, number>();

  constructor(
    private readonly thresholds: readonly Threshold[],
    private readonly transition_ms: number,
  ) {}

  observe(observations: Observations, now_ms: number): Pressure {
    for (const threshold of this.thresholds) {
      // What was met stays so until the minimum is reclaimed.
      const since = this.firstMet.get(threshold);
      if (!isMet(threshold, observations, since !== undefined)) this.firstMet.delete(threshold);
      else if (since === undefined) this.firstMet.set(threshold, now_ms);
    }
    for (const { signal } of this.firstMet.keys()) this.lastSeen.set(SIGNALS[signal].condition, now_ms);
    for (const [condition, seen_ms] of this.lastSeen) if (now_ms - seen_ms > this.transition_ms) this.lastSeen.delete(condition);
    return {
      conditions: [...this.lastSeen.keys()],
      thresholds: this.thresholds.filter(
        (threshold) => now_ms - (this.firstMet.get(threshold) ?? Number.POSITIVE_INFINITY) >= threshold.grace_ms,
      ),
    };
  }
}
