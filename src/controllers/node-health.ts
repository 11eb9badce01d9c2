// What a node's heartbeats and conditions amount to: its conditions once it falls silent, and its taints. Pure.

import type { Lease } from '../kinds/types/coordination_v1.js';
import type { Node, NodeCondition, Taint } from '../kinds/types/core_v1.js';
import { TAINT_NOT_READY, TAINT_UNREACHABLE, TAINT_UNSCHEDULABLE } from '../kinds/wellknown.js';

/** What a kubelet reports on, and is unknown of a node that has fallen silent. */
const REPORTED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

const TAINT_OF_CONDITION: { readonly [type: string]: string } = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};

/** The taints that are this controller's to put on and take off; all others are left alone. */
const MANAGED: ReadonlySet<string> = new Set([
  TAINT_NOT_READY,
  TAINT_UNREACHABLE,
  TAINT_UNSCHEDULABLE,
  ...Object.values(TAINT_OF_CONDITION),
]);

export const isHealthTaint = (key: string): boolean => key === TAINT_NOT_READY || key === TAINT_UNREACHABLE;

export const conditionOf = (node: Node, type: string): NodeCondition | undefined =>
  node.status.conditions?.find((condition) => condition.type === type);

export const isNodeReady = (node: Node): boolean => conditionOf(node, 'Ready')?.status === 'True';

/** Changes whenever the kubelet has given a sign of life: by its Lease or by its status. Only ever compared for equality. */
export function heartbeatOf(node: Node, lease: Lease | undefined): string {
  return `${lease?.spec.renewTime ?? ''}|${conditionOf(node, 'Ready')?.lastHeartbeatTime ?? ''}`;
}

/** The conditions of a node that has been silent for too long; undefined where they say so already. */
export function silentConditions(node: Node, now: string): readonly NodeCondition[] | undefined {
  const before = node.status.conditions ?? [];
  if (REPORTED.every((type) => conditionOf(node, type)?.status === 'Unknown')) return undefined;
  const kept = before.map((condition): NodeCondition => {
    if (!(REPORTED as readonly string[]).includes(condition.type) || condition.status === 'Unknown') return condition;
    const message = 'Kubelet stopped posting node status.';
    return { ...condition, status: 'Unknown', reason: 'NodeStatusUnknown', message, lastTransitionTime: now };
  });
  const missing = REPORTED.filter((type) => !conditionOf(node, type));
  const message = 'Kubelet never posted node status.';
  return [
    ...kept,
    ...missing.map((type) => ({ type, status: 'Unknown', reason: 'NodeStatusNeverUpdated', message, lastTransitionTime: now })),
  ];
}

/**
 * The taints the node should have. `evict: false` leaves out NoExecute: where no node at all is healthy the fault is more
 * likely here than there, and pods are better left in place.
 */
export function wantedTaints(node: Node, evict: boolean, now: string): readonly Taint[] {
  const wanted: Taint[] = (node.spec.taints ?? []).filter(({ key, effect }) => !MANAGED.has(key) || effect === 'PreferNoSchedule');
  const add = (key: string, effect: string) => {
    const known = node.spec.taints?.find((taint) => taint.key === key && taint.effect === effect);
    wanted.push(known ?? { key, effect, ...(effect === 'NoExecute' ? { timeAdded: now } : {}) });
  };
  const ready = conditionOf(node, 'Ready')?.status;
  if (ready !== 'True') {
    // A node that has not reported yet is not ready, but there is nothing on it that would have to leave.
    const key = ready === 'Unknown' ? TAINT_UNREACHABLE : TAINT_NOT_READY;
    add(key, 'NoSchedule');
    if (evict && ready !== undefined) add(key, 'NoExecute');
  }
  for (const [type, key] of Object.entries(TAINT_OF_CONDITION)) if (conditionOf(node, type)?.status === 'True') add(key, 'NoSchedule');
  if (node.spec.unschedulable) add(TAINT_UNSCHEDULABLE, 'NoSchedule');
  return wanted;
}

export function sameTaints(a: readonly Taint[], b: readonly Taint[]): boolean {
  const text = (taints: readonly Taint[]) => JSON.stringify(taints.map(({ key, value = '', effect }) => [key, value, effect]).sort());
  return text(a) === text(b);
}
