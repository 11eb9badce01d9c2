// Watches volumes; lets a volume that is being deleted go once no claim is bound to it.
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { FINALIZER_PV } from '../kinds/core/volume-protection.js';
import { defineController } from './define.js';

export const pvProtection = defineController({
  name: 'pv-protection',
  inputs: [persistentVolumes],
  outputs: [persistentVolumes],
  async reconcile(key, { get, client }) {
    const volume = get(persistentVolumes, parseKey(key));
    if (!volume || !isBeingDeleted(volume) || !volume.metadata.finalizers?.includes(FINALIZER_PV)) return;
    if (volume.status.phase === 'Bound') return;
    const finalizers = volume.metadata.finalizers.filter((each) => each !== FINALIZER_PV);
    await client.update(persistentVolumes, { ...volume, metadata: { ...volume.metadata, finalizers } });
  },
});
