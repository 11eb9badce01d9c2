// Which pods a controller deletes first when it has too many: upstream's order, cheapest loss first. Pure.
import { isPodReady, podCondition } from '../kinds/core/podutil.js';
import type { Pod } from '../kinds/types/core_v1.js';

const ANNOTATION_DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASE_ORDER: { readonly [phase: string]: number } = { Pending: 0, Unknown: 1, Running: 2 };

export interface RankingOptions {
  /** Pods beside which those are a loss less: of all sets of the same owner; absent: the ranked pods themselves. */
  readonly related?: readonly Pod[];
  /** Ages of the same order count as equal then, so that not only the youngest ever go; absent: every moment counts. */
  readonly now_ms?: number;
}

/** `pods` with the first to delete first; the order is total, so the same pods always come out the same. */
export function rankForDeletion(pods: readonly Pod[], { related = pods, now_ms }: RankingOptions = {}): readonly Pod[] {
  const onNode = new Map<string, number>();
  for (const { spec } of related) if (spec.nodeName) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1);
  const keyed = pods.map((pod) => ({ pod, key: sortKey(pod, onNode.get(pod.spec.nodeName ?? '') ?? 0, now_ms) }));
  return keyed.sort((a, b) => compare(a.key, b.key)).map(({ pod }) => pod);
}

/** Lower goes first, part by part. */
function sortKey(pod: Pod, podsOnSameNode: number, now_ms: number | undefined): readonly (number | string)[] {
  const ready = isPodReady(pod);
  return [
    pod.spec.nodeName ? 1 : 0,
    PHASE_ORDER[pod.status.phase ?? 'Pending'] ?? 0,
    ready ? 1 : 0,
    deletionCost(pod),
    -podsOnSameNode,
    ready ? age(podCondition(pod, 'Ready')?.lastTransitionTime, now_ms) : 0,
    -restarts(pod),
    age(pod.metadata.creationTimestamp, now_ms),
    now_ms === undefined ? pod.metadata.name : pod.metadata.uid,
  ];
}

/** Larger is older; in powers of two where there is a now. */
function age(rfc3339: string | undefined, now_ms: number | undefined): number {
  const since_ms = rfc3339 ? Date.parse(rfc3339) : 0;
  if (now_ms === undefined || since_ms === 0) return -since_ms;
  const age_ns = (now_ms - since_ms) * 1e6;
  return age_ns > 0 ? Math.floor(Math.log2(age_ns)) : -1;
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

const restarts = (pod: Pod) => Math.max(0, ...(pod.status.containerStatuses ?? []).map((status) => status.restartCount));
