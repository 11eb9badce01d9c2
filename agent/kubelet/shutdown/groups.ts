// The order in which pods end when the machine goes down: the critical last, each group in its part of the time. Pure.
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import type { KubeletSettings } from '../../config/kubelet-configuration.js';
import type { Failure } from '../failure.js';

export interface ShutdownGroup {
  readonly pods: readonly Pod[];
  readonly period_s: number;
}

/** Upstream's system-cluster-critical. */
const PRIORITY_CRITICAL = 2_000_000_000;

export type ShutdownSettings = Pick<
  KubeletSettings,
  'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods' | 'shutdownGracePeriodByPodPriority'
>;

/** Throws where the settings contradict each other. */
export function checkShutdown(settings: ShutdownSettings): void {
  const { shutdownGracePeriod, shutdownGracePeriodCriticalPods, shutdownGracePeriodByPodPriority } = settings;
  if (shutdownGracePeriodCriticalPods > shutdownGracePeriod)
    throw new Error('shutdownGracePeriodCriticalPods cannot be greater than shutdownGracePeriod');
  if (shutdownGracePeriodByPodPriority.length > 0 && shutdownGracePeriod > 0)
    throw new Error('Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time');
}

interface Share {
  /** From this priority on, to the next share's. */
  readonly priority: number;
  readonly period_s: number;
}

/** By rising priority. */
function shares({ shutdownGracePeriod, shutdownGracePeriodCriticalPods, ...settings }: ShutdownSettings): readonly Share[] {
  const given = settings.shutdownGracePeriodByPodPriority;
  if (given.length > 0) {
    const all = given.map(({ priority, shutdownGracePeriodSeconds: period_s }) => ({ priority, period_s }));
    return all.sort((a, b) => a.priority - b.priority);
  }
  return [
    { priority: 0, period_s: Math.floor((shutdownGracePeriod - shutdownGracePeriodCriticalPods) / 1000) },
    { priority: PRIORITY_CRITICAL, period_s: Math.floor(shutdownGracePeriodCriticalPods / 1000) },
  ];
}

/** How long a shutdown is held up; 0: it is not. */
export const shutdownPeriod_ms = (settings: ShutdownSettings) => 1000 * shares(settings).reduce((sum, { period_s }) => sum + period_s, 0);

/** A pod below the lowest share has its part of that. */
export function shutdownGroups(pods: readonly Pod[], settings: ShutdownSettings): readonly ShutdownGroup[] {
  const all = shares(settings);
  const shareOf = ({ spec }: Pod) =>
    Math.max(
      0,
      all.findLastIndex(({ priority }) => priority <= (spec.priority ?? 0)),
    );
  const groups = all.map(({ period_s }, index) => ({ pods: pods.filter((pod) => shareOf(pod) === index), period_s }));
  return groups.filter((group) => group.pods.length > 0);
}

const IMMINENT = 'Pod was terminated in response to imminent node shutdown.';

export const terminatedByShutdown = (grace_s: number): Failure => ({
  reason: 'Terminated',
  message: IMMINENT,
  disruption: IMMINENT,
  grace_s,
});
