// Watches claims and volumes; tells of a claim that is to grow whom it waits for: all that can grow is grown by its provisioner.
import { parseKey } from '../apimachinery/object.js';
import { parseQuantity } from '../apimachinery/quantity.js';
import { persistentVolumes } from '../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { capacityOf, requestOf } from '../kinds/core/volume-binding.js';
import { defineController } from './define.js';

export const persistentVolumeExpander = defineController({
  name: 'persistentvolume-expander',
  eventSource: 'volume_expand',
  serviceAccount: 'expand-controller',
  // Volumes are read for what they are already; a claim that is to grow is brought by its own change.
  inputs: [persistentVolumeClaims, persistentVolumes.mapped(() => [])],
  outputs: [],
  async reconcile(key, { get, events }) {
    const claim = get(persistentVolumeClaims, parseKey(key));
    if (claim?.status.phase !== 'Bound' || !claim.spec.volumeName) return;
    const wanted = requestOf(claim);
    const volume = get(persistentVolumes, { name: claim.spec.volumeName });
    if (!volume || wanted <= parseQuantity(claim.status.capacity?.['storage'] ?? 0) || wanted <= capacityOf(volume)) return;
    events.event(claim, 'Normal', 'ExternalExpanding', 'waiting for an external controller to expand this PVC');
  },
});
