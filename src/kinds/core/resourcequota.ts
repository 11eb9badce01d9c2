// The kind ResourceQuota of v1.
import { defineKind } from '../define.js';
import type { ResourceQuota } from '../types/core_v1.js';

export const resourceQuotas = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  namespaced: true,
  schema: 'core.v1.ResourceQuota',
  subresources: { status: true },
});
