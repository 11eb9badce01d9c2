// The volume claims of a StatefulSet's pods: made before their pod, kept, and owned by whom the retention policy lets them go with.
import { controllerOf, isBeingDeleted, type KubeObject } from '../apimachinery/object.js';
import { StatusError } from '../apimachinery/status.js';
import type { OwnerReference } from '../apimachinery/types/meta_v1.js';
import { statefulSets } from '../kinds/apps/statefulset.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { pods } from '../kinds/core/pod.js';
import type { StatefulSet } from '../kinds/types/apps_v1.js';
import type { PersistentVolumeClaim, Pod } from '../kinds/types/core_v1.js';
import { controllerRef } from './controller-ref.js';
import type { ReconcileContext } from './define.js';
import { findLive } from './find-live.js';
import { claimFrom, claimName, claimTemplates, isWanted, ordinalOf } from './statefulset-identity.js';

/** Keys of the sets that may have made a claim, by its name. */
export function setsOfClaim({ metadata: { name } }: KubeObject, all: readonly StatefulSet[]): readonly StatefulSet[] {
  return all.filter((set) => claimTemplates(set).some((template) => name.startsWith(`${template.metadata.name}-${set.metadata.name}-`)));
}

/** Makes the claims that a pod lacks; throws where one cannot be made, or is there but going. */
export async function createClaims(context: ReconcileContext, set: StatefulSet, ordinal: number): Promise<void> {
  for (const template of claimTemplates(set)) {
    const claim = claimFrom(set, template, ordinal);
    const name = claimName(set, template, ordinal);
    const pod = `${set.metadata.name}-${ordinal}`;
    const there = context.get(persistentVolumeClaims, { namespace: set.metadata.namespace, name });
    if (there && isBeingDeleted(there)) throw new StatusError(409, 'Conflict', `pvc ${name} is being deleted`);
    if (there) continue;
    try {
      await context.client.create(persistentVolumeClaims, claim);
      context.events.event(
        set,
        'Normal',
        'SuccessfulCreate',
        `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`,
      );
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const what = `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${error.message}`;
      context.events.event(set, 'Warning', 'FailedCreate', what);
      throw new StatusError(error.code, error.reason, `failed to create PVC ${name}: ${error.message}`, error.details);
    }
  }
}

/** A claim still goes with an earlier pod of that name: a new pod must wait for a new one. */
export function hasStaleClaim(context: ReconcileContext, set: StatefulSet, ordinal: number): boolean {
  const pod = `${set.metadata.name}-${ordinal}`;
  return ownClaims(context, set, ordinal).some(({ metadata }) =>
    metadata.ownerReferences?.some(({ kind, name }) => kind === pods.kind && name === pod),
  );
}

/** Owner references by the retention policy: the garbage collector deletes claims with what these name. */
export async function retainClaims(context: ReconcileContext, set: StatefulSet, pod: Pod): Promise<void> {
  for (const claim of ownClaims(context, set, ordinalOf(set, pod)!)) {
    const refs = claim.metadata.ownerReferences ?? [];
    const wanted = retentionRefs(set, pod, claim);
    const isRight = refs.length === wanted.length && wanted.every((ref) => refs.includes(ref));
    if (isRight || isBeingDeleted(claim)) continue;
    if (wanted.some((ref) => ref.uid === pod.metadata.uid && !refs.includes(ref))) await ensureCurrent(context, set);
    await context.client.update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, ownerReferences: wanted } });
  }
}

/** Asked live before data is given up with a pod: a cache that lags behind may show a set that was smaller. */
async function ensureCurrent({ client }: ReconcileContext, set: StatefulSet): Promise<void> {
  const { uid, generation } = set.metadata;
  const live = await findLive(client, statefulSets, set.metadata);
  if (live?.metadata.uid === uid && live.metadata.generation === generation) return;
  throw new StatusError(409, 'Conflict', `StatefulSet ${set.metadata.name} has changed since it was seen`);
}

function ownClaims(context: ReconcileContext, set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  const { namespace } = set.metadata;
  return claimTemplates(set).flatMap((template) => {
    return context.get(persistentVolumeClaims, { namespace, name: claimName(set, template, ordinal) }) ?? [];
  });
}

/** The references that a claim should have; those it has already are the same objects. Pure. */
export function retentionRefs(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): readonly OwnerReference[] {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const refs = claim.metadata.ownerReferences ?? [];
  const others = refs.filter(({ uid }) => uid !== set.metadata.uid && uid !== pod.metadata.uid);
  const controller = controllerOf(claim);
  // Somebody else's claim is only let go of.
  if (controller && others.includes(controller)) return others;
  const isScaledDown = !isWanted(set, ordinalOf(set, pod)!);
  const owner = ownerOf({ whenDeleted, whenScaled, isScaledDown }, set, pod);
  if (!owner) return others;
  const known = refs.find((ref) => ref.uid === owner.uid && ref.kind === owner.kind && ref.controller);
  return [...others, known ?? owner];
}

interface Retention {
  readonly whenDeleted: string | undefined;
  readonly whenScaled: string | undefined;
  readonly isScaledDown: boolean;
}

/** With whom a claim goes: with its pod, which is going for good, or with the set. */
function ownerOf({ whenDeleted, whenScaled, isScaledDown }: Retention, set: StatefulSet, pod: Pod): OwnerReference | undefined {
  if (isScaledDown && whenScaled === 'Delete') return controllerRef(pods, pod);
  return whenDeleted === 'Delete' ? controllerRef(statefulSets, set) : undefined;
}
