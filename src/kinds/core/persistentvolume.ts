// The kind PersistentVolume of v1.
import { defineKind } from '../define.js';
import type { PersistentVolume } from '../types/core_v1.js';

export const persistentVolumes = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  namespaced: false,
  schema: 'core.v1.PersistentVolume',
  subresources: { status: true },
});
