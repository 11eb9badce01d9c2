// The kind Pod of v1.
import { defineKind } from '../define.js';
import type { Pod } from '../types/core_v1.js';

export const pods = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  schema: 'core.v1.Pod',
  subresources: { status: true },
});
