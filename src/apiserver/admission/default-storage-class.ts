// DefaultStorageClass: a volume claim that names no class gets the default one, where there is one.
import type { Mutable } from '../../kinds/define.js';
import { storageClasses } from '../../kinds/storage/storageclass.js';
import type { PersistentVolumeClaim } from '../../kinds/types/core_v1.js';
import type { AdmissionPlugin } from './admission.js';
import { lookUpDefault } from './lookup.js';

const ANNOTATION_DEFAULT = 'storageclass.kubernetes.io/is-default-class';
/** How claims once named their class. */
const ANNOTATION_CLASS = 'volume.beta.kubernetes.io/storage-class';

export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  operations: ['CREATE'],
  resources: ['persistentvolumeclaims'],
  async admit({ subresource }, object, context) {
    const claim = object as Mutable<PersistentVolumeClaim>;
    if (subresource || claim.spec.storageClassName !== undefined || claim.metadata.annotations?.[ANNOTATION_CLASS] !== undefined) return;
    const found = await lookUpDefault(context, storageClasses, ANNOTATION_DEFAULT);
    if (found) claim.spec.storageClassName = found.metadata.name;
  },
};
