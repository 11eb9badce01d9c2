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

export type ShutdownSettings = Pick<KubeletSettings, 'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods'>;

/** Throws where the critical pods are to have more than there is. */
export function checkShutdown({ shutdownGracePeriod, shutdownGracePeriodCriticalPods }: ShutdownSettings): void {
  if (shutdownGracePeriodCriticalPods > shutdownGracePeriod)
    throw new Error('shutdownGracePeriodCriticalPods cannot be greater than shutdownGracePeriod');
}

export function shutdownGroups(pods: readonly Pod[], settings: ShutdownSettings): readonly ShutdownGroup[] {
  const { shutdownGracePeriod, shutdownGracePeriodCriticalPods } = settings;
  const isCritical = ({ spec }: Pod) => (spec.priority ?? 0) >= PRIORITY_CRITICAL;
  const groups = [
    { pods: pods.filter((pod) => !isCritical(pod)), period_s: Math.floor((shutdownGracePeriod - shutdownGracePeriodCriticalPods) / 1000) },
    { pods: pods.filter(isCritical), period_s: Math.floor(shutdownGracePeriodCriticalPods / 1000) },
  ];
  return groups.filter((group) => group.pods.length > 0);
}

export const terminatedByShutdown = (grace_s: number): Failure => ({
  reason: 'Terminated',
  message: 'Pod was terminated in response to imminent node shutdown.',
  disruption: true,
  grace_s,
});
