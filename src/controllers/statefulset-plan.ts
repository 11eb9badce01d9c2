// What is to be done next about the pods of a StatefulSet: which to make, which to delete, whose claims to look after. Pure.
import { isBeingDeleted } from '../apimachinery/object.js';
import { isPodReady, isPodTerminal } from '../kinds/core/podutil.js';
import type { StatefulSet, StatefulSetStatus } from '../kinds/types/apps_v1.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { isPodAvailable } from './availability.js';
import { firstOrdinal, isWanted, ordinalOf, replicasOf, revisionOf } from './statefulset-identity.js';

export interface PlanInput {
  readonly set: StatefulSet;
  /** All of the set, those that are terminating among them. */
  readonly pods: readonly Pod[];
  readonly updateRevision: string;
  readonly now_ms: number;
}

export interface Plan {
  /** Ordinals, lowest first. */
  readonly create: readonly number[];
  readonly remove: readonly Pod[];
  /** Their identity and their claims are to be put right. */
  readonly keep: readonly Pod[];
}

interface MutablePlan {
  readonly create: number[];
  readonly remove: Pod[];
  readonly keep: Pod[];
}

/** By ordinal, lowest first; undefined is a pod that is to be made. */
type Slots = readonly (Pod | undefined)[];

export function planStatefulSet(input: PlanInput): Plan {
  const { set, pods } = input;
  const start = firstOrdinal(set);
  const slots: (Pod | undefined)[] = Array.from({ length: replicasOf(set) });
  const condemned: Pod[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined) continue;
    if (isWanted(set, ordinal)) slots[ordinal - start] = pod;
    else condemned.push(pod);
  }
  condemned.sort((a, b) => ordinalOf(set, b)! - ordinalOf(set, a)!);
  const plan: MutablePlan = { create: [], remove: [], keep: [] };
  if (set.spec.podManagementPolicy === 'Parallel') planParallel(input, slots, condemned, plan);
  else planOrdered(input, slots, condemned, plan);
  return plan;
}

/** All at once, but for updates. */
function planParallel(input: PlanInput, slots: Slots, condemned: readonly Pod[], plan: MutablePlan): void {
  slots.forEach((pod, i) => {
    if (!pod) plan.create.push(firstOrdinal(input.set) + i);
    else if (!isPodTerminal(pod)) plan.keep.push(pod);
    else if (!isBeingDeleted(pod)) plan.remove.push(pod);
  });
  plan.keep.push(...condemned);
  plan.remove.push(...condemned.filter((pod) => !isBeingDeleted(pod)));
  const old = outdated(input, slots).filter((pod) => !plan.remove.includes(pod));
  // What is of an older template and does not work is nothing that could become unavailable by its update.
  plan.remove.push(...old.filter((pod) => isUnavailable(input, pod)));
  plan.remove.push(...old.filter((pod) => !isUnavailable(input, pod)).slice(0, room(input, slots)));
}

/** One pod after the other, each only while all before it are available: upwards when they are made, downwards when they go. */
function planOrdered(input: PlanInput, slots: Slots, condemned: readonly Pod[], plan: MutablePlan): void {
  for (const [i, pod] of slots.entries()) {
    if (!pod) {
      plan.create.push(firstOrdinal(input.set) + i);
      return;
    }
    if (isPodTerminal(pod)) {
      if (!isBeingDeleted(pod)) plan.remove.push(pod);
      return;
    }
    if (isPending(pod) || !isUnavailable(input, pod)) plan.keep.push(pod);
    if (isUnavailable(input, pod)) return;
  }
  plan.keep.push(...condemned);
  const [last] = condemned;
  if (last) {
    // The lowest that is not available may go though it is not; others wait for it, unless they are over for good.
    const firstUnavailable = condemned.findLast((pod) => isUnavailable(input, pod));
    const mayGo = !isUnavailable(input, last) || last === firstUnavailable || isPodTerminal(last);
    if (mayGo && !isBeingDeleted(last)) plan.remove.push(last);
    return;
  }
  plan.remove.push(...outdated(input, slots).slice(0, room(input, slots)));
}

/** Pods that an update replaces, the highest first. */
function outdated({ set, updateRevision }: PlanInput, slots: Slots): readonly Pod[] {
  const { type, rollingUpdate } = set.spec.updateStrategy;
  if (type === 'OnDelete') return [];
  const updated = slots.slice(rollingUpdate?.partition ?? 0).filter((pod): pod is Pod => pod !== undefined);
  return updated.filter((pod) => revisionOf(pod) !== updateRevision && !isBeingDeleted(pod)).reverse();
}

/** How many more pods an update may make unavailable. */
function room(input: PlanInput, slots: Slots): number {
  const unavailable = slots.filter((pod) => !pod || isUnavailable(input, pod)).length;
  return Math.max(0, maxUnavailable(input.set) - unavailable);
}

/** A percentage is rounded down; one pod is the least, or nothing would move. */
function maxUnavailable(set: StatefulSet): number {
  const { maxUnavailable: value = 1 } = set.spec.updateStrategy.rollingUpdate ?? {};
  return Math.max(1, typeof value === 'number' ? value : Math.floor((Number.parseInt(value, 10) * replicasOf(set)) / 100));
}

const isPending = (pod: Pod): boolean => pod.status.phase === 'Pending';
const isRunningAndReady = (pod: Pod): boolean => pod.status.phase === 'Running' && isPodReady(pod);

function isUnavailable({ set, now_ms }: PlanInput, pod: Pod): boolean {
  return isBeingDeleted(pod) || !isRunningAndReady(pod) || !isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now_ms);
}

export interface StatusInput {
  readonly set: StatefulSet;
  /** As they are after what was done. */
  readonly pods: readonly Pod[];
  /** Those of them whose deletion has just begun. */
  readonly removed: ReadonlySet<Pod>;
  readonly currentRevision: string;
  readonly updateRevision: string;
  readonly collisionCount: number | undefined;
  readonly now_ms: number;
}

export function statefulSetStatus(input: StatusInput): StatefulSetStatus {
  const { set, pods, removed, updateRevision, now_ms } = input;
  const count = (is: (pod: Pod) => boolean) => pods.filter(is).length;
  const ready = pods.filter(isRunningAndReady);
  const staying = pods.filter((pod) => !isBeingDeleted(pod) && !removed.has(pod));
  const ofRevision = (name: string) => staying.filter((pod) => revisionOf(pod) === name).length;
  const updatedReplicas = ofRevision(updateRevision);
  const isComplete =
    set.spec.updateStrategy.type === 'RollingUpdate' &&
    [updatedReplicas, ready.length, pods.length].every((number) => number === replicasOf(set));
  const currentRevision = isComplete ? updateRevision : input.currentRevision;
  const { conditions } = set.status;
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: count((pod) => isRunningAndReady(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now_ms)),
    currentReplicas: ofRevision(currentRevision),
    updatedReplicas,
    currentRevision,
    updateRevision,
    collisionCount: input.collisionCount ?? 0,
    ...(conditions && { conditions }),
  };
}

/** Equal texts for statuses that say the same: storage leaves zeros out. */
export function statusText(status: StatefulSetStatus): string {
  const { observedGeneration, replicas, readyReplicas, availableReplicas, currentReplicas, updatedReplicas, collisionCount } = status;
  const counts = [observedGeneration, replicas, readyReplicas, availableReplicas, currentReplicas, updatedReplicas, collisionCount];
  return JSON.stringify([...counts.map((count) => count ?? 0), status.currentRevision, status.updateRevision]);
}
