// Which volume a claim can have, and the annotations by which binder, provisioners and scheduler talk of it. Pure.
import { selectorOf } from '../../apimachinery/labels.js';
import { parseQuantity } from '../../apimachinery/quantity.js';
import type { Node, ObjectReference, PersistentVolume, PersistentVolumeClaim } from '../types/core_v1.js';
import type { StorageClass } from '../types/storage_v1.js';
import { matchesTerm } from './node-selector.js';

/** On a claim whose binding is complete: what it was bound to must never be replaced by another volume. */
export const ANNOTATION_BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** On a volume or claim whose reference to the other was written by a controller, and may be taken back by one. */
export const ANNOTATION_BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
export const ANNOTATION_PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
export const ANNOTATION_STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
export const ANNOTATION_BETA_STORAGE_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner';
/** On a claim that waited for its first consumer: the node that the scheduler chose for that. */
export const ANNOTATION_SELECTED_NODE = 'volume.kubernetes.io/selected-node';
/** How claims and volumes once named their class. */
const ANNOTATION_CLASS = 'volume.beta.kubernetes.io/storage-class';
/** The provisioner of classes whose volumes are made by hand. */
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

/** Empty: none, which only volumes without a class match. */
export const storageClassOf = ({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string =>
  metadata.annotations?.[ANNOTATION_CLASS] ?? spec.storageClassName ?? '';

export const waitsForConsumer = (storageClass: StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer';

export const isBindCompleted = ({ metadata }: PersistentVolumeClaim): boolean =>
  metadata.annotations?.[ANNOTATION_BIND_COMPLETED] !== undefined;

/** As the scheduler and kubelets understand it: nothing is left to do. */
export const isFullyBound = (claim: PersistentVolumeClaim): boolean => Boolean(claim.spec.volumeName) && isBindCompleted(claim);

/** Whether the volume is, or is reserved to be, this very claim's. */
export function isVolumeOf({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (claimRef?.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return !claimRef.uid || claimRef.uid === metadata.uid;
}

export const claimReference = ({ metadata }: PersistentVolumeClaim): ObjectReference => ({
  kind: 'PersistentVolumeClaim',
  apiVersion: 'v1',
  name: metadata.name,
  ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
  uid: metadata.uid,
  ...(metadata.resourceVersion ? { resourceVersion: metadata.resourceVersion } : {}),
});

/** Whether the volume can be reached from the node. */
export function isReachable({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec.nodeAffinity?.required;
  return !required || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

export const capacityOf = ({ spec }: PersistentVolume): number => parseQuantity(spec.capacity?.['storage'] ?? 0);
export const requestOf = ({ spec }: PersistentVolumeClaim): number => parseQuantity(spec.resources?.requests?.['storage'] ?? 0);

/** Why a volume is not what the claim asks for; undefined where it is. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (capacityOf(volume) < requestOf(claim)) return 'requested PV is too small';
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match';
  if ((volume.spec.volumeMode ?? 'Filesystem') !== (claim.spec.volumeMode ?? 'Filesystem')) return 'incompatible volumeMode';
  if ((volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? ''))
    return 'volumeAttributesClassName does not match';
  const modes: readonly string[] = volume.spec.accessModes ?? [];
  if (!(claim.spec.accessModes ?? []).every((mode) => modes.includes(mode))) return 'incompatible accessMode';
  return undefined;
}

/** Where a claim is to be used, if that is decided already, and what is spoken for. */
export interface Search {
  readonly node?: Node;
  readonly taken?: ReadonlySet<string>;
}

/** The volume that is reserved for the claim, else the smallest that is free and does. */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  { node, taken }: Search = {},
): PersistentVolume | undefined {
  const selector = claim.spec.selector && selectorOf(claim.spec.selector);
  let smallest: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (volume.metadata.deletionTimestamp || taken?.has(volume.metadata.name)) continue;
    const reachable = !node || isReachable(volume, node);
    if (volume.spec.claimRef) {
      const { volumeMode = 'Filesystem' } = volume.spec;
      if (isVolumeOf(volume, claim) && volumeMode === (claim.spec.volumeMode ?? 'Filesystem')) return reachable ? volume : undefined;
      continue;
    }
    if (!reachable || volume.status.phase !== 'Available' || mismatch(volume, claim)) continue;
    if (selector && !selector.matches(volume.metadata.labels)) continue;
    if (!smallest || capacityOf(volume) < capacityOf(smallest)) smallest = volume;
  }
  return smallest;
}
