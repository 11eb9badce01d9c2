// Watches volumes, claims and classes; gives each claim its volume, and sees to volumes whose claim is gone.
import { isBeingDeleted, objectKey, parseKey } from '../apimachinery/object.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { pods } from '../kinds/core/pod.js';
import { claimNamesOf } from '../kinds/core/pod-claims.js';
import { storageClassOf } from '../kinds/core/volume-binding.js';
import type { Lister } from '../kinds/define.js';
import { storageClasses } from '../kinds/storage/storageclass.js';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../kinds/types/core_v1.js';
import type { StorageClass } from '../kinds/types/storage_v1.js';
import { defineController } from './define.js';
import { syncClaim } from './volume-claims.js';
import { syncVolume } from './volume-reclaim.js';

/** Keys are of both kinds: claims have a namespace, and so a slash in their keys, and volumes have none. */
export const persistentVolumeBinder = defineController({
  name: 'persistentvolume-binder',
  eventSource: 'persistentvolume-controller',
  serviceAccount: 'persistent-volume-binder',
  inputs: [
    persistentVolumeClaims,
    persistentVolumeClaims.mapped(volumesConcerned),
    persistentVolumes,
    persistentVolumes.mapped(claimsConcerned),
    storageClasses.mapped(claimsOfClass),
    pods.mapped(claimsWaitingFor),
  ],
  outputs: [persistentVolumes, persistentVolumes.status, persistentVolumeClaims, persistentVolumeClaims.status],
  async reconcile(key, context) {
    const name = parseKey(key);
    if (name.namespace === undefined) {
      const volume = context.get(persistentVolumes, name);
      return volume && syncVolume(context, volume);
    }
    const claim = context.get(persistentVolumeClaims, name);
    if (claim) await syncClaim(context, claim);
  },
});

const isWaiting = (claim: PersistentVolumeClaim) => claim.status.phase !== 'Bound' && !isBeingDeleted(claim);

/** The one that it names, and those that name it: a claim may go, or get another, before it is told of a volume that was made for it. */
function volumesConcerned({ metadata, spec }: PersistentVolumeClaim, lister: Lister): readonly string[] {
  const volumes = lister.list(persistentVolumes).map((volume) => ({ name: volume.metadata.name, of: volume.spec.claimRef?.uid }));
  return volumes.filter(({ name, of }) => name === spec.volumeName || of === metadata.uid).map(({ name }) => name);
}

/** The claim that has it; of a free volume, all that could. */
function claimsConcerned(volume: PersistentVolume, lister: Lister): readonly string[] {
  const { claimRef } = volume.spec;
  if (claimRef) return [`${claimRef.namespace}/${claimRef.name}`];
  const storageClass = storageClassOf(volume);
  const waiting = lister.list(persistentVolumeClaims).filter((claim) => isWaiting(claim) && storageClassOf(claim) === storageClass);
  return waiting.map(objectKey);
}

/** Also those without any, to which a new default class is given. */
function claimsOfClass({ metadata }: StorageClass, lister: Lister): readonly string[] {
  const concerned = lister
    .list(persistentVolumeClaims)
    .filter((claim) => isWaiting(claim) && (!claim.spec.storageClassName || storageClassOf(claim) === metadata.name));
  return concerned.map(objectKey);
}

/** Claims tell which pod they wait for. */
function claimsWaitingFor(pod: Pod, lister: Lister): readonly string[] {
  const { namespace } = pod.metadata;
  const claims = claimNamesOf(pod).map((name) => lister.get(persistentVolumeClaims, { namespace, name }));
  return claims.flatMap((claim) => (claim && isWaiting(claim) ? [objectKey(claim)] : []));
}
