// StorageObjectInUseProtection: a claim that a pod uses, and a volume that a claim is bound to, stay until that is over.
import { persistentVolumes } from '../../kinds/core/persistentvolume.js';
import { FINALIZER_PV, FINALIZER_PVC } from '../../kinds/core/volume-protection.js';
import type { AdmissionPlugin } from './admission.js';

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  operations: ['CREATE'],
  resources: ['persistentvolumes', 'persistentvolumeclaims'],
  admit({ subresource, resource }, object) {
    if (subresource || !object) return;
    const finalizer = resource.kind === persistentVolumes ? FINALIZER_PV : FINALIZER_PVC;
    const { finalizers = [] } = object.metadata;
    if (!finalizers.includes(finalizer)) object.metadata.finalizers = [...finalizers, finalizer];
  },
};
