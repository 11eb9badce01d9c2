// How large each replica set of a Deployment should be now: rolling update, recreate and scaling. Pure.
import type { Deployment, ReplicaSet } from '../kinds/types/apps_v1.js';
import { ANNOTATION_DESIRED_REPLICAS, ANNOTATION_MAX_REPLICAS, byAge, replicasOf, sumReplicas } from './deployment-replicasets.js';

/** One change: this set to this size. */
export interface Resize {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

export interface Bounds {
  readonly desired: number;
  /** Pods above the desired number that there may be during an update. */
  readonly maxSurge: number;
  /** Pods below the desired number that may be available during an update. */
  readonly maxUnavailable: number;
}

/** Percentages made pods: surge rounded up, unavailability down; both zero would never move, so then one may be missing. */
export function boundsOf(deployment: Deployment): Bounds {
  const desired = replicasOf(deployment);
  if (deployment.spec.strategy.type === 'Recreate') return { desired, maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge, maxUnavailable } = deployment.spec.strategy.rollingUpdate ?? {};
  const surge = scaled(maxSurge ?? '25%', desired, Math.ceil);
  const unavailable = scaled(maxUnavailable ?? '25%', desired, Math.floor);
  return { desired, maxSurge: surge, maxUnavailable: Math.min(desired, surge === 0 && unavailable === 0 ? 1 : unavailable) };
}

function scaled(value: number | string, total: number, round: (n: number) => number): number {
  if (typeof value === 'number') return value;
  return value.endsWith('%') ? round((Number(value.slice(0, -1)) * total) / 100) : Number(value);
}

/** Never more than asked for: a set that was just scaled down may still report the pods that are leaving. */
const availableOf = (set: ReplicaSet): number => Math.min(replicasOf(set), set.status.availableReplicas ?? 0);

/** How large the new set may be: as desired, but with the old ones not above the surge. */
export function newSetSize(bounds: Bounds, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): number {
  const have = current ? replicasOf(current) : 0;
  const room = bounds.desired + bounds.maxSurge - have - sumReplicas(old);
  return room <= 0 ? have : have + Math.min(room, Math.max(0, bounds.desired - have));
}

/** The next step of a rolling update; none once the update is complete or has to wait for pods. */
export function rollingStep(bounds: Bounds, current: ReplicaSet, old: readonly ReplicaSet[]): readonly Resize[] {
  const size = replicasOf(current) > bounds.desired ? bounds.desired : newSetSize(bounds, current, old);
  if (size !== replicasOf(current)) return [{ set: current, replicas: size }];
  return scaleDownOld(bounds, current, old);
}

/** Takes pods from the old sets, those that are not available first, as far as enough stay available. */
function scaleDownOld(bounds: Bounds, current: ReplicaSet, old: readonly ReplicaSet[]): readonly Resize[] {
  const minAvailable = bounds.desired - bounds.maxUnavailable;
  const newUnavailable = replicasOf(current) - availableOf(current);
  let spare = replicasOf(current) + sumReplicas(old) - minAvailable - newUnavailable;
  let spareAvailable = [current, ...old].reduce((sum, set) => sum + availableOf(set), 0) - minAvailable;
  const sizes = new Map(old.map((set) => [set, replicasOf(set)]));
  const ordered = [...old].sort(byAge);
  for (const set of ordered) {
    const unhealthy = Math.max(0, Math.min(spare, replicasOf(set) - availableOf(set)));
    sizes.set(set, replicasOf(set) - unhealthy);
    spare -= unhealthy;
  }
  for (const set of ordered) {
    const healthy = Math.max(0, Math.min(spare, spareAvailable, sizes.get(set)!, availableOf(set)));
    sizes.set(set, sizes.get(set)! - healthy);
    spare -= healthy;
    spareAvailable -= healthy;
  }
  return changed(sizes);
}

const changed = (sizes: ReadonlyMap<ReplicaSet, number>): readonly Resize[] =>
  [...sizes].filter(([set, replicas]) => replicas !== replicasOf(set)).map(([set, replicas]) => ({ set, replicas }));

/** Old sets to nothing: recreate's first half. */
export const emptyOld = (old: readonly ReplicaSet[]): readonly Resize[] => changed(new Map(old.map((set) => [set, 0])));

/** The Deployment's size was changed since an active set was last scaled, so the sets are to be scaled, not rolled. */
export function isScalingEvent(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const desired = annotatedNumber(set, ANNOTATION_DESIRED_REPLICAS);
    return replicasOf(set) > 0 && desired !== undefined && desired !== replicasOf(deployment);
  });
}

/** Sizes for a Deployment that was scaled or is paused: each active set keeps its share. */
export function proportionalScale(
  deployment: Deployment,
  bounds: Bounds,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Resize[] {
  const all = current ? [...old, current] : [...old];
  const active = all.filter((set) => replicasOf(set) > 0);
  const only = active.length > 1 ? undefined : (active[0] ?? current ?? [...old].sort(byAge).at(-1));
  if (only) return changed(new Map([[only, bounds.desired]]));
  if (current && isSaturated(bounds, current)) return emptyOld(old);
  if (deployment.spec.strategy.type === 'Recreate') return [];
  return shares(bounds, active);
}

function isSaturated(bounds: Bounds, set: ReplicaSet): boolean {
  return (
    replicasOf(set) === bounds.desired &&
    annotatedNumber(set, ANNOTATION_DESIRED_REPLICAS) === bounds.desired &&
    set.status.availableReplicas === bounds.desired
  );
}

/** Spreads the difference over `active` by size; what rounding leaves goes to the largest. */
function shares(bounds: Bounds, active: readonly ReplicaSet[]): readonly Resize[] {
  const allowed = bounds.desired > 0 ? bounds.desired + bounds.maxSurge : 0;
  const toAdd = allowed - sumReplicas(active);
  if (toAdd === 0) return [];
  // Growing favours the newest of equals, shrinking takes from the oldest.
  const bySize = [...active].sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  const sizes = new Map<ReplicaSet, number>();
  let left = toAdd;
  for (const set of bySize) {
    const before = annotatedNumber(set, ANNOTATION_MAX_REPLICAS) || sumReplicas(active);
    const share = Math.round((replicasOf(set) * allowed) / before) - replicasOf(set);
    const step = toAdd > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
    sizes.set(set, replicasOf(set) + step);
    left -= step;
  }
  for (const set of bySize) {
    const step = Math.max(left, -sizes.get(set)!);
    sizes.set(set, sizes.get(set)! + step);
    left -= step;
  }
  return changed(sizes);
}

function annotatedNumber(set: ReplicaSet, name: string): number | undefined {
  const text = set.metadata.annotations?.[name];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
