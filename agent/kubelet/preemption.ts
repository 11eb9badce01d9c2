// Which pods make room for one that the node cannot do without: as few and as light as will do, those that asked for nothing first. Pure.
import { qosClassOf } from '../../src/kinds/core/pod-qos.js';
import { isCriticalPod, podRequests } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { Failure } from './failure.js';

/** How much of each resource is missing; none is without a positive amount. */
export type Missing = ReadonlyMap<string, number>;

export const PREEMPTED: Failure = {
  reason: 'Preempting',
  message: 'Preempted in order to admit critical pod',
  disruption: 'Pod was preempted by Kubelet to accommodate a critical pod.',
};

export interface Preemption {
  readonly pods: readonly Pod[];
  /** What even all that might go do not have: then none is to. */
  readonly stillMissing: Missing;
}

export function preempt(critical: Pod, others: readonly Pod[], missing: Missing): Preemption {
  const pods = others.filter((other) => isPreemptable(critical, other));
  const stillMissing = without(missing, pods);
  if (stillMissing.size > 0) return { pods: [], stillMissing };
  const of = (qos: string) => pods.filter(({ spec }) => qosClassOf(spec) === qos);
  const [bestEffort, burstable] = [of('BestEffort'), of('Burstable')];
  // Of each class, the better first, what is needed even if all of the lesser went.
  const guaranteed = nearest(of('Guaranteed'), without(missing, [...bestEffort, ...burstable]));
  const someBurstable = nearest(burstable, without(missing, [...bestEffort, ...guaranteed]));
  const someBestEffort = nearest(bestEffort, without(missing, [...someBurstable, ...guaranteed]));
  return { pods: [...someBestEffort, ...someBurstable, ...guaranteed], stillMissing };
}

function isPreemptable(critical: Pod, other: Pod): boolean {
  if (!isCriticalPod(other)) return true;
  const [ours, its] = [critical.spec.priority, other.spec.priority];
  return ours !== undefined && its !== undefined && ours > its;
}

const requestOf = (pod: Pod, resource: string) => (resource === 'pods' ? 1 : (podRequests(pod).get(resource) ?? 0));

function without(missing: Missing, pods: readonly Pod[]): Missing {
  const left = [...missing].map(([resource, amount]) => {
    const freed = pods.reduce((sum, pod) => sum + requestOf(pod, resource), 0);
    return [resource, amount - freed] as const;
  });
  return new Map(left.filter(([, amount]) => amount > 0));
}

/** One after the other, each the one that comes nearest to what is still missing; of two alike, the one that asked for less. There are enough. */
function nearest(pods: readonly Pod[], missing: Missing): readonly Pod[] {
  const left = [...pods];
  const chosen: Pod[] = [];
  for (let still = missing; still.size > 0; still = without(still, chosen.slice(-1))) {
    const byDistance = (a: Pod, b: Pod) => distance(a, still) - distance(b, still) || compareRequests(a, b);
    const best = left.reduce((one, other) => (byDistance(other, one) < 0 ? other : one));
    left.splice(left.indexOf(best), 1);
    chosen.push(best);
  }
  return chosen;
}

/** How far a pod is from freeing all that is missing: 0 where it alone will do. */
function distance(pod: Pod, missing: Missing): number {
  return [...missing].reduce((sum, [resource, amount]) => sum + (Math.max(0, amount - requestOf(pod, resource)) / amount) ** 2, 0);
}

function compareRequests(a: Pod, b: Pod): number {
  for (const resource of ['memory', 'cpu']) {
    const difference = requestOf(a, resource) - requestOf(b, resource);
    if (difference !== 0) return difference;
  }
  return 0;
}
