// PersistentVolumeClaimResize: a claim grows only where its storage class says that its volumes can.
import { parseQuantity } from '../../apimachinery/quantity.js';
import { storageClasses } from '../../kinds/storage/storageclass.js';
import type { PersistentVolumeClaim } from '../../kinds/types/core_v1.js';
import { type AdmissionPlugin, refusal } from './admission.js';
import { lookUp } from './lookup.js';

export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  operations: ['UPDATE'],
  resources: ['persistentvolumeclaims'],
  async validate(request, object, context) {
    if (request.subresource) return;
    const [claim, old] = [object as PersistentVolumeClaim, request.old as PersistentVolumeClaim];
    const [size, oldSize] = [claim, old].map(({ spec }) => spec.resources?.requests?.['storage'] ?? 0);
    if (parseQuantity(size!) <= parseQuantity(oldSize!)) return;
    if (old.status.phase !== 'Bound') throw refusal(request, claim, 'Only bound persistent volume claims can be expanded');
    const name = claim.spec.storageClassName;
    const found = name ? await lookUp(context, storageClasses, { name }) : undefined;
    if (found?.allowVolumeExpansion) return;
    const why = 'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
    throw refusal(request, claim, why);
  },
};
