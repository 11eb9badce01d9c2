// The kind PersistentVolumeClaim of v1.
import { defineKind } from '../define.js';
import type { PersistentVolumeClaim } from '../types/core_v1.js';

export const persistentVolumeClaims = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  namespaced: true,
  schema: 'core.v1.PersistentVolumeClaim',
  subresources: { status: true },
});
