// Which pods a controller deletes first when it has too many: upstream's order, cheapest loss first. Pure.
import { isPodReady, podCondition } from '../kinds/core/podutil.js';
import type { Pod } from '../kinds/types/core_v1.js';

const ANNOTATION_DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASE_ORDER: { readonly [phase: string]: number } = { Pending: 0, Unknown: 1, Running: 2 };

/** `pods` with the first to delete first; the order is total, so the same pods always come out the same. */
export function rankForDeletion(pods: readonly Pod[]): readonly Pod[] {
  const onNode = new Map<string, number>();
  for (const pod of pods) if (pod.spec.nodeName) onNode.set(pod.spec.nodeName, (onNode.get(pod.spec.nodeName) ?? 0) + 1);
  const keyed = pods.map((pod) => ({ pod, key: sortKey(pod, onNode.get(pod.spec.nodeName ?? '') ?? 0) }));
  return keyed.sort((a, b) => compare(a.key, b.key)).map(({ pod }) => pod);
}

/** Lower goes first, part by part. */
function sortKey(pod: Pod, podsOnSameNode: number): readonly (number | string)[] {
  const ready = isPodReady(pod);
  return [
    pod.spec.nodeName ? 1 : 0,
    PHASE_ORDER[pod.status.phase ?? 'Pending'] ?? 0,
    ready ? 1 : 0,
    deletionCost(pod),
    -podsOnSameNode,
    ready ? -time(podCondition(pod, 'Ready')?.lastTransitionTime) : 0,
    -restarts(pod),
    -time(pod.metadata.creationTimestamp),
    pod.metadata.name,
  ];
}

function compare(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i]! < b[i]!) return -1;
    if (a[i]! > b[i]!) return 1;
  }
  return 0;
}

function deletionCost(pod: Pod): number {
  const cost = pod.metadata.annotations?.[ANNOTATION_DELETION_COST];
  return cost !== undefined && /^-?\d+$/.test(cost) ? Number(cost) : 0;
}

const time = (rfc3339: string | undefined) => (rfc3339 ? Date.parse(rfc3339) : 0);
const restarts = (pod: Pod) => Math.max(0, ...(pod.status.containerStatuses ?? []).map((status) => status.restartCount));
