// How many pods a disruption budget is about, and how many of them it wants healthy: from what the pods' owners are to have.
import { controllerOf, type KubeObject } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import type { OwnerReference } from '../apimachinery/types/meta_v1.js';
import type { Client } from '../client/client.js';
import { deployments } from '../kinds/apps/deployment.js';
import { replicaSets } from '../kinds/apps/replicaset.js';
import { statefulSets } from '../kinds/apps/statefulset.js';
import { replicationControllers } from '../kinds/core/replicationcontroller.js';
import type { AnyKind, Lister } from '../kinds/define.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { PodDisruptionBudget } from '../kinds/types/policy_v1.js';
import { targetKind } from './hpa-target.js';

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

type Reader = Lister & { readonly client: Client };

/** Rejects with UnknownScale. */
export async function wantedOf(reader: Reader, { spec }: PodDisruptionBudget, own: readonly Pod[]): Promise<Wanted> {
  const { minAvailable, maxUnavailable } = spec;
  // A plain number of pods needs nobody who says how many there should be.
  if (typeof minAvailable === 'number') return { expectedPods: own.length, desiredHealthy: minAvailable, unmanaged: [] };
  if (minAvailable === undefined && maxUnavailable === undefined) return { expectedPods: 0, desiredHealthy: 0, unmanaged: [] };
  const expectedPods = await expectedOf(reader, own);
  const unmanaged = own.filter((pod) => !controllerOf(pod));
  if (minAvailable !== undefined) return { expectedPods, desiredHealthy: share(minAvailable, expectedPods), unmanaged };
  return { expectedPods, desiredHealthy: Math.max(0, expectedPods - share(maxUnavailable!, expectedPods)), unmanaged };
}

function share(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100);
}

/** As many as all the owners of the pods should have together. */
async function expectedOf(reader: Reader, own: readonly Pod[]): Promise<number> {
  const asked = new Set<string>();
  const replicas = new Map<string, number>();
  for (const pod of own) {
    const ref = controllerOf(pod);
    if (!ref || asked.has(ref.uid)) continue;
    asked.add(ref.uid);
    const { metadata, spec } = await scaleOf(reader, pod, ref);
    replicas.set(metadata.uid, spec.replicas ?? 1);
  }
  return [...replicas.values()].reduce((sum, count) => sum + count, 0);
}

type Scaled = KubeObject & { readonly spec: { readonly replicas?: number } };

/** Who says how many pods of this one's sort there should be: a Deployment for its ReplicaSets, others by their scale. */
async function scaleOf(reader: Reader, pod: Pod, ref: OwnerReference): Promise<Scaled> {
  const kind = targetKind(ref, reader);
  const nobody = new UnknownScale(`found no controllers for pod "${pod.metadata.name}"`);
  if (typeof kind === 'string') throw nobody;
  if (SCALED.includes(kind)) {
    const owner = controllerObject(reader, kind, pod);
    const above = owner && controllerOf(owner)?.kind === deployments.kind && controllerObject(reader, deployments, owner);
    if (!owner) throw nobody;
    return (above || owner) as Scaled;
  }
  try {
    return (await reader.client.get(kind, { namespace: pod.metadata.namespace, name: ref.name }, 'scale')) as Scaled;
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
    if (error.details?.name === ref.name) throw nobody;
    throw new UnknownScale(`${kind.group ? `${kind.plural}.${kind.group}` : kind.plural} does not implement the scale subresource`);
  }
}

function controllerObject(lister: Lister, kind: AnyKind, object: KubeObject): KubeObject | undefined {
  const ref = controllerOf(object)!;
  const owner = lister.get<KubeObject>(kind, { namespace: object.metadata.namespace, name: ref.name });
  return owner?.metadata.uid === ref.uid ? owner : undefined;
}
