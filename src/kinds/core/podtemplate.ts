// The kind PodTemplate of v1.
import { defineKind } from '../define.js';
import type { PodTemplate } from '../types/core_v1.js';

export const podTemplates = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  namespaced: true,
  schema: 'core.v1.PodTemplate',
});
