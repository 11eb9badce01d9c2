// How many pods a disruption budget is about, and how many of them it wants healthy: from what the pods' owners are to have.
import { controllerOf, type KubeObject } from '../apimachinery/object.js';
import { deployments } from '../kinds/apps/deployment.js';
import { replicaSets } from '../kinds/apps/replicaset.js';
import { statefulSets } from '../kinds/apps/statefulset.js';
import { replicationControllers } from '../kinds/core/replicationcontroller.js';
import type { AnyKind, Lister } from '../kinds/define.js';
import { kinds } from '../kinds/index.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { PodDisruptionBudget } from '../kinds/types/policy_v1.js';

/** Kinds that say how many pods they are to have. */
export const SCALED: readonly AnyKind[] = [deployments, replicaSets, replicationControllers, statefulSets];

export interface Wanted {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
  /** Pods without any owner, of which nobody can say how many there should be. */
  readonly unmanaged: readonly Pod[];
}

/** Nobody can say how many pods there should be; its message is upstream's. */
export class UnknownScale extends Error {}

/** Throws UnknownScale. */
export function wantedOf(lister: Lister, { spec }: PodDisruptionBudget, own: readonly Pod[]): Wanted {
  const { minAvailable, maxUnavailable } = spec;
  // A plain number of pods needs nobody who says how many there should be.
  if (typeof minAvailable === 'number') return { expectedPods: own.length, desiredHealthy: minAvailable, unmanaged: [] };
  if (minAvailable === undefined && maxUnavailable === undefined) return { expectedPods: 0, desiredHealthy: 0, unmanaged: [] };
  const expectedPods = expectedOf(lister, own);
  const unmanaged = own.filter((pod) => !controllerOf(pod));
  if (minAvailable !== undefined) return { expectedPods, desiredHealthy: share(minAvailable, expectedPods), unmanaged };
  return { expectedPods, desiredHealthy: Math.max(0, expectedPods - share(maxUnavailable!, expectedPods)), unmanaged };
}

function share(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100);
}

/** As many as all the owners of the pods should have together. */
function expectedOf(lister: Lister, own: readonly Pod[]): number {
  const replicas = new Map<string, number>();
  for (const pod of own) {
    if (!controllerOf(pod)) continue;
    const owner = ownerOf(lister, pod);
    replicas.set(owner.metadata.uid, (owner as KubeObject & { spec: { replicas?: number } }).spec.replicas ?? 1);
  }
  return [...replicas.values()].reduce((sum, count) => sum + count, 0);
}

/** Who says how many pods of this one's sort there should be. */
function ownerOf(lister: Lister, pod: Pod): KubeObject {
  const { kind: name, apiVersion } = controllerOf(pod)!;
  const kind = kinds.find((each) => each.kind === name && each.apiVersion === apiVersion);
  if (kind && !kind.subresources?.scale) {
    const resource = kind.group ? `${kind.plural}.${kind.group}` : kind.plural;
    throw new UnknownScale(`${resource} does not implement the scale subresource`);
  }
  const owner = kind && controllerObject(lister, kind, pod);
  if (!owner) throw new UnknownScale(`found no controllers for pod "${pod.metadata.name}"`);
  return (controllerOf(owner)?.kind === deployments.kind && controllerObject(lister, deployments, owner)) || owner;
}

function controllerObject(lister: Lister, kind: AnyKind, object: KubeObject): KubeObject | undefined {
  const ref = controllerOf(object);
  if (!ref || !SCALED.includes(kind)) return undefined;
  const owner = lister.get<KubeObject>(kind, { namespace: object.metadata.namespace, name: ref.name });
  return owner?.metadata.uid === ref.uid ? owner : undefined;
}
