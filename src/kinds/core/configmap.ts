// The kind ConfigMap of v1.
import { defineKind } from '../define.js';
import type { ConfigMap } from '../types/core_v1.js';

export const configMaps = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  namespaced: true,
  schema: 'core.v1.ConfigMap',
});
