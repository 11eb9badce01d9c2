// The kind LimitRange of v1.
import { defineKind } from '../define.js';
import type { LimitRange } from '../types/core_v1.js';

export const limitRanges = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  namespaced: true,
  schema: 'core.v1.LimitRange',
});
