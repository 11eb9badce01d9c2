// Watches claims of classes that are provisioned as folders of nodes, and those volumes: makes, grows and gives up the volumes. The
// folders themselves are their nodes' (agent/volumes/local-path.ts): made when first mounted, removed before the volume goes.
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { nodes } from '../kinds/core/node.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { ANNOTATION_PROVISIONED_BY, capacityOf, requestOf } from '../kinds/core/volume-binding.js';
import type { Lister } from '../kinds/define.js';
import { FINALIZER_LOCAL_PATH, LOCAL_PATH_PROVISIONER } from '../kinds/storage/local-path.js';
import { storageClasses } from '../kinds/storage/storageclass.js';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../kinds/types/core_v1.js';
import { LABEL_HOSTNAME } from '../kinds/wellknown.js';
import { defineController, type ReconcileContext } from './define.js';
import { findLive } from './find-live.js';
import { provisionLocalPath } from './localpath-provision.js';

/** Keys are of both kinds: only claims' have a slash. */
export const localPath = defineController({
  name: 'local-path',
  serviceAccount: 'persistent-volume-binder',
  inputs: [
    persistentVolumeClaims,
    persistentVolumes.mapped((volume) => (isOurs(volume) ? keysOf(volume) : [])),
    // Read to know a class and a node by name.
    storageClasses.mapped(() => []),
    nodes.mapped(volumesIfGone),
  ],
  outputs: [persistentVolumes, persistentVolumeClaims, persistentVolumeClaims.status],
  async reconcile(key, context) {
    const name = parseKey(key);
    if (name.namespace === undefined) {
      const volume = context.get(persistentVolumes, name);
      return volume && isOurs(volume) ? reclaim(context, volume) : undefined;
    }
    const claim = context.get(persistentVolumeClaims, name);
    if (!claim || isBeingDeleted(claim)) return;
    if (!claim.spec.volumeName) return provisionLocalPath(context, claim);
    const volume = context.get(persistentVolumes, { name: claim.spec.volumeName });
    if (volume && isOurs(volume) && volume.spec.claimRef?.uid === claim.metadata.uid) await grow(context, claim, volume);
  },
});

const isOurs = ({ metadata }: PersistentVolume) => metadata.annotations?.[ANNOTATION_PROVISIONED_BY] === LOCAL_PATH_PROVISIONER;

function keysOf({ metadata, spec: { claimRef } }: PersistentVolume): readonly string[] {
  return [metadata.name, ...(claimRef ? [`${claimRef.namespace}/${claimRef.name}`] : [])];
}

/** Its volumes lose nothing that is still there. */
function volumesIfGone({ metadata: { name } }: Node, lister: Lister): readonly string[] {
  if (lister.get(nodes, { name })) return [];
  const left = lister.list(persistentVolumes).filter((volume) => isOurs(volume) && volume.metadata.labels?.[LABEL_HOSTNAME] === name);
  return left.map(({ metadata }) => metadata.name);
}

/** A released volume is deleted where its policy says so; its node lets it go once the folder is removed, and we for a node that is gone. */
async function reclaim(context: ReconcileContext, volume: PersistentVolume): Promise<void> {
  const { metadata, spec, status } = volume;
  if (!isBeingDeleted(volume)) {
    if (status.phase !== 'Released' || spec.persistentVolumeReclaimPolicy !== 'Delete') return;
    const { uid, resourceVersion } = metadata;
    return context.client.delete(persistentVolumes, metadata, {
      preconditions: { uid, ...(resourceVersion ? { resourceVersion } : {}) },
    });
  }
  if (status.phase === 'Bound' || !metadata.finalizers?.includes(FINALIZER_LOCAL_PATH)) return;
  if (await nodeExists(context, metadata.labels?.[LABEL_HOSTNAME] ?? '')) return;
  const finalizers = metadata.finalizers.filter((each) => each !== FINALIZER_LOCAL_PATH);
  await context.client.update(persistentVolumes, { ...volume, metadata: { ...metadata, finalizers } });
}

/** Also asked live: a cache that lags behind must leave no folder behind. */
async function nodeExists({ get, client }: ReconcileContext, name: string): Promise<boolean> {
  return (get(nodes, { name }) ?? (await findLive(client, nodes, { name }))) !== undefined;
}

/** A folder has no size of its own: that the volume has another now is all there is to it. */
async function grow({ client, events }: ReconcileContext, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
  const { storage } = claim.spec.resources?.requests ?? {};
  if (claim.status.phase !== 'Bound' || storage === undefined) return;
  if (requestOf(claim) > capacityOf(volume)) {
    events.event(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${volume.metadata.name}`);
    await client.update(persistentVolumes, { ...volume, spec: { ...volume.spec, capacity: { ...volume.spec.capacity, storage } } });
  } else if (requestOf(claim) < capacityOf(volume) || claim.status.capacity?.['storage'] === storage) return;
  const { allocatedResourceStatuses: _statuses, conditions = [], ...status } = claim.status;
  const left = conditions.filter(({ type }) => type !== 'Resizing' && type !== 'FileSystemResizePending');
  const grown = {
    ...status,
    capacity: { ...status.capacity, storage },
    allocatedResources: { storage },
    ...(left.length > 0 ? { conditions: left } : {}),
  };
  await client.update(persistentVolumeClaims, { ...claim, status: grown }, 'status');
  events.event(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
}
