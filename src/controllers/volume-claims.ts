// What the binder does for a claim: finds and binds its volume, has one provisioned, or says what it waits for.
import { isBeingDeleted } from '../apimachinery/object.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { pods } from '../kinds/core/pod.js';
import { claimNamesOf } from '../kinds/core/pod-claims.js';
import {
  ANNOTATION_BETA_STORAGE_PROVISIONER,
  ANNOTATION_BOUND_BY_CONTROLLER,
  ANNOTATION_SELECTED_NODE,
  ANNOTATION_STORAGE_PROVISIONER,
  findVolume,
  isBindCompleted,
  isVolumeOf,
  mismatch,
  NO_PROVISIONER,
  storageClassOf,
  waitsForConsumer,
} from '../kinds/core/volume-binding.js';
import { isDefaultClass, storageClasses } from '../kinds/storage/storageclass.js';
import type { PersistentVolumeClaim } from '../kinds/types/core_v1.js';
import type { StorageClass } from '../kinds/types/storage_v1.js';
import type { ReconcileContext } from './define.js';
import { bind, writeClaimStatus } from './volume-writes.js';

export async function syncClaim(context: ReconcileContext, found: PersistentVolumeClaim): Promise<void> {
  const claim = await withDefaultClass(context, found);
  if (isBindCompleted(claim)) await keepBound(context, claim);
  else if (claim.spec.volumeName) await bindAsked(context, claim, claim.spec.volumeName);
  else await findAndBind(context, claim);
}

/** A claim without a class, made when there was no default one, gets it as soon as there is. */
async function withDefaultClass({ client, list }: ReconcileContext, claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
  const { spec, metadata } = claim;
  if (spec.storageClassName !== undefined || storageClassOf(claim) || spec.volumeName || isBeingDeleted(claim)) return claim;
  const newest = list(storageClasses)
    .filter(isDefaultClass)
    .sort((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1))[0];
  if (!newest) return claim;
  return client.update(persistentVolumeClaims, { ...claim, spec: { ...spec, storageClassName: newest.metadata.name }, metadata });
}

/** What was bound once is never bound to anything else: a claim that has lost its volume says so. */
async function keepBound(context: ReconcileContext, claim: PersistentVolumeClaim): Promise<void> {
  const name = claim.spec.volumeName;
  if (!name) return lose(context, claim, 'ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  const volume = context.get(persistentVolumes, { name });
  if (!volume) return lose(context, claim, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const { claimRef } = volume.spec;
  if (claimRef && claimRef.uid !== claim.metadata.uid && !(isVolumeOf(volume, claim) && !claimRef.uid)) {
    return lose(context, claim, 'ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
  }
  await bind(context, volume, claim);
}

async function lose(context: ReconcileContext, claim: PersistentVolumeClaim, reason: string, message: string): Promise<void> {
  if (claim.status.phase === 'Lost') return;
  await writeClaimStatus(context, claim, 'Lost', undefined);
  context.events.event(claim, 'Warning', reason, message);
}

async function bindAsked(context: ReconcileContext, claim: PersistentVolumeClaim, name: string): Promise<void> {
  const volume = context.get(persistentVolumes, { name });
  if (volume?.spec.claimRef && !isVolumeOf(volume, claim)) {
    if (claim.metadata.annotations?.[ANNOTATION_BOUND_BY_CONTROLLER] === undefined)
      context.events.event(claim, 'Warning', 'FailedBinding', `volume "${name}" already bound to a different claim.`);
    return pending(context, claim);
  }
  const why = volume && !volume.spec.claimRef ? mismatch(volume, claim) : undefined;
  if (why) context.events.event(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume "${name}": ${why}`);
  if (!volume || why || isBeingDeleted(claim) || isBeingDeleted(volume)) return pending(context, claim);
  await bind(context, volume, claim);
}

const pending = (context: ReconcileContext, claim: PersistentVolumeClaim) => writeClaimStatus(context, claim, 'Pending', undefined);

async function findAndBind(context: ReconcileContext, claim: PersistentVolumeClaim): Promise<void> {
  if (isBeingDeleted(claim)) return pending(context, claim);
  const storageClass = context.get(storageClasses, { name: storageClassOf(claim) });
  const late = waitsForConsumer(storageClass);
  const volumes = context.list(persistentVolumes);
  // Where the first consumer decides, it is the scheduler that chooses among volumes, and reserves the chosen one.
  const volume = findVolume(claim, late ? volumes.filter((each) => isVolumeOf(each, claim)) : volumes);
  if (volume) return bind(context, volume, claim);
  const waits = late && !claim.metadata.annotations?.[ANNOTATION_SELECTED_NODE];
  if (waits) tellWaiting(context, claim);
  await pending(context, waits ? claim : await provision(context, claim, storageClass));
}

function tellWaiting({ list, events }: ReconcileContext, claim: PersistentVolumeClaim): void {
  const { name, namespace } = claim.metadata;
  const users = list(pods, namespace).filter((pod) => !pod.spec.nodeName && claimNamesOf(pod).includes(name));
  const names = users.map(({ metadata }) => metadata.name).sort();
  if (names.length === 0) {
    events.event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
    return;
  }
  const who = names.length === 1 ? `pod ${names[0]}` : `pods ${names.join(',')}`;
  events.event(claim, 'Normal', 'WaitForPodScheduled', `waiting for ${who} to be scheduled`);
}

/** Asks the class's provisioner for a volume, by annotations; it makes one that is reserved for the claim. */
async function provision(
  { client, events }: ReconcileContext,
  claim: PersistentVolumeClaim,
  storageClass: StorageClass | undefined,
): Promise<PersistentVolumeClaim> {
  const name = storageClassOf(claim);
  if (!name) {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    events.event(claim, 'Normal', 'FailedBinding', message);
    return claim;
  }
  if (!storageClass) {
    events.event(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${name}" not found`);
    return claim;
  }
  const { provisioner } = storageClass;
  if (provisioner === NO_PROVISIONER) {
    events.event(claim, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
    return claim;
  }
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  events.event(claim, 'Normal', 'ExternalProvisioning', message);
  const annotations = claim.metadata.annotations ?? {};
  if (annotations[ANNOTATION_STORAGE_PROVISIONER] === provisioner) return claim;
  const told = { [ANNOTATION_STORAGE_PROVISIONER]: provisioner, [ANNOTATION_BETA_STORAGE_PROVISIONER]: provisioner };
  const metadata = { ...claim.metadata, annotations: { ...annotations, ...told } };
  return client.update(persistentVolumeClaims, { ...claim, metadata });
}
