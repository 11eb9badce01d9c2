// Small questions that a pod's worker asks of what it sees: pure.
import { allContainers } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimePod } from '../runtime/runtime.js';
import type { PodServices } from './services.js';
import type { PodActions } from './sync-pod.js';

/** An error of the program's own, not of what it works with. */
export const isDefect = (error: Error) => error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

/** Our own status patches come back to us too; they ask for nothing. */
export function concernsUs(before: Pod, after: Pod): boolean {
  const facts = ({ metadata, spec, status }: Pod) => [
    metadata.generation,
    metadata.deletionTimestamp,
    metadata.deletionGracePeriodSeconds,
    metadata.labels,
    metadata.annotations,
    spec.activeDeadlineSeconds,
    allContainers(spec).map(({ image }) => image),
    spec.ephemeralContainers?.length ?? 0,
    status.phase === 'Failed' || status.phase === 'Succeeded',
    gates(after).map((type) => status.conditions?.find((condition) => condition.type === type)?.status),
  ];
  return JSON.stringify(facts(before)) !== JSON.stringify(facts(after));
}

const gates = ({ spec }: Pod) => (spec.readinessGates ?? []).map(({ conditionType }) => conditionType);

/** There is nothing to do. */
export function isIdle(actions: PodActions, observed: RuntimePod): boolean {
  const running = observed.sandboxes.length > 0 || observed.containers.some(({ state }) => state === 'running');
  return !(actions.killPod && running) && actions.kill.length + actions.start.length + actions.remove.length === 0;
}

/** Where its probes and hooks go: its own address, or the node's. */
export function podIp(observed: RuntimePod, { node }: PodServices): string {
  const sandbox = observed.sandboxes.find(({ ready }) => ready);
  return sandbox?.ips[0] ?? node.ips[0] ?? '';
}

/** Infinite where the pod has no deadline; its time begins with its first status. */
export function deadlineLeft_ms({ spec, status }: Pod, now_ms: number): number {
  if (spec.activeDeadlineSeconds === undefined || !status.startTime) return Number.POSITIVE_INFINITY;
  return Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - now_ms;
}
