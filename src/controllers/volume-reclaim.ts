// What the binder does for a volume: its phase, and what its reclaim policy asks for once its claim is gone.
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { ANNOTATION_PROVISIONED_BY } from '../kinds/core/volume-binding.js';
import type { PersistentVolume, PersistentVolumeClaim } from '../kinds/types/core_v1.js';
import type { ReconcileContext } from './define.js';
import { findLive } from './find-live.js';
import { unbind, writeVolumePhase } from './volume-writes.js';

export async function syncVolume(context: ReconcileContext, volume: PersistentVolume): Promise<void> {
  if (!volume.spec.claimRef?.uid) return void (await writeVolumePhase(context, volume, 'Available'));
  const claim = await claimOf(context, volume);
  if (!claim) return release(context, volume);
  const { volumeName } = claim.spec;
  // Of a claim that is not bound yet its own sync completes the binding.
  if (!volumeName) return;
  if (volumeName === volume.metadata.name) return void (await writeVolumePhase(context, volume, 'Bound'));
  const superfluous = volume.metadata.annotations?.[ANNOTATION_PROVISIONED_BY] && volume.spec.persistentVolumeReclaimPolicy === 'Delete';
  return superfluous ? release(context, volume) : unbind(context, volume);
}

/** Asked live where the cache has none: one that lags behind must cost no data. */
async function claimOf({ get, client }: ReconcileContext, { spec }: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
  const { namespace, name = '', uid } = spec.claimRef!;
  const known = get(persistentVolumeClaims, { namespace, name });
  if (known?.metadata.uid === uid) return known;
  const live = await findLive(client, persistentVolumeClaims, { namespace, name });
  return live?.metadata.uid === uid ? live : undefined;
}

async function release(context: ReconcileContext, volume: PersistentVolume): Promise<void> {
  const { phase } = volume.status;
  const released = phase === 'Released' || phase === 'Failed' ? volume : await writeVolumePhase(context, volume, 'Released');
  switch (volume.spec.persistentVolumeReclaimPolicy) {
    case 'Recycle':
      return fail(context, released, 'VolumeFailedRecycle', 'No recycler plugin found for the volume!');
    case 'Delete':
      // What a provisioner has made it deletes by itself, now that the volume is released.
      if (volume.metadata.annotations?.[ANNOTATION_PROVISIONED_BY]) return;
      return fail(
        context,
        released,
        'VolumeFailedDelete',
        `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`,
      );
  }
}

async function fail(context: ReconcileContext, volume: PersistentVolume, reason: string, message: string): Promise<void> {
  if (volume.status.phase === 'Failed') return;
  await writeVolumePhase(context, volume, 'Failed', message);
  context.events.event(volume, 'Warning', reason, message);
}
