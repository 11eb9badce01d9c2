// How a volume and its claim are bound to one another: volume first, then claim, each step done again where it was cut off.
import { rfc3339 } from '../apimachinery/clock.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import {
  ANNOTATION_BIND_COMPLETED,
  ANNOTATION_BOUND_BY_CONTROLLER,
  claimReference,
  isBindCompleted,
  isVolumeOf,
} from '../kinds/core/volume-binding.js';
import type { PersistentVolume, PersistentVolumeClaim } from '../kinds/types/core_v1.js';
import type { ReconcileContext } from './define.js';

type Phase = 'Available' | 'Bound' | 'Released' | 'Failed';
const YES = { [ANNOTATION_BOUND_BY_CONTROLLER]: 'yes' };

/** All writes carry the version that they were decided on: of two claims that want one volume, the second is refused. */
export async function bind(context: ReconcileContext, volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
  const reserved = await reserve(context, volume, claim);
  await writeVolumePhase(context, reserved, 'Bound');
  const bound = await completeClaim(context, claim, reserved);
  await writeClaimStatus(context, bound, 'Bound', reserved);
}

async function reserve({ client }: ReconcileContext, volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
  if (volume.spec.claimRef?.uid === claim.metadata.uid) return volume;
  const annotations = { ...volume.metadata.annotations, ...(isVolumeOf(volume, claim) ? {} : YES) };
  return client.update(persistentVolumes, {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: { ...volume.spec, claimRef: claimReference(claim) },
  });
}

async function completeClaim({ client }: ReconcileContext, claim: PersistentVolumeClaim, volume: PersistentVolume) {
  const { name } = volume.metadata;
  const asked = claim.spec.volumeName === name;
  if (asked && isBindCompleted(claim)) return claim;
  const annotations = { ...claim.metadata.annotations, ...(asked ? {} : YES), [ANNOTATION_BIND_COMPLETED]: 'yes' };
  return client.update(persistentVolumeClaims, {
    ...claim,
    metadata: { ...claim.metadata, annotations },
    spec: { ...claim.spec, volumeName: name },
  });
}

/** The size is taken over when the claim becomes bound; from then on whoever expands the volume tells of it. */
export async function writeClaimStatus(
  { client }: ReconcileContext,
  claim: PersistentVolumeClaim,
  phase: 'Pending' | 'Bound' | 'Lost',
  volume: PersistentVolume | undefined,
): Promise<void> {
  if (claim.status.phase === phase) return;
  const { accessModes: _modes, capacity: _capacity, ...rest } = claim.status;
  const { accessModes, capacity, volumeAttributesClassName } = volume?.spec ?? {};
  const status = {
    ...rest,
    phase,
    ...(accessModes ? { accessModes } : {}),
    ...(capacity ? { capacity } : {}),
    ...(volumeAttributesClassName ? { currentVolumeAttributesClassName: volumeAttributesClassName } : {}),
  };
  await client.update(persistentVolumeClaims, { ...claim, status }, 'status');
}

export async function writeVolumePhase(
  { client, clock }: ReconcileContext,
  volume: PersistentVolume,
  phase: Phase,
  message?: string,
): Promise<PersistentVolume> {
  if (volume.status.phase === phase) return volume;
  const status = { phase, ...(message ? { message } : {}), lastPhaseTransitionTime: rfc3339(clock.now()) };
  return client.update(persistentVolumes, { ...volume, status }, 'status');
}

/** Takes a binding back: wholly where a controller made it, else down to the reservation that its maker wrote. */
export async function unbind(context: ReconcileContext, volume: PersistentVolume): Promise<void> {
  const { [ANNOTATION_BOUND_BY_CONTROLLER]: ours, ...annotations } = volume.metadata.annotations ?? {};
  const { claimRef, ...spec } = volume.spec;
  const { uid: _uid, ...reserved } = claimRef ?? {};
  const updated = await context.client.update(persistentVolumes, {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: ours === undefined ? { ...spec, claimRef: reserved } : spec,
  });
  await writeVolumePhase(context, updated, 'Available');
}
