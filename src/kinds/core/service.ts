// The kind Service of v1.
import { defineKind } from '../define.js';
import type { Service } from '../types/core_v1.js';

export const services = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  schema: 'core.v1.Service',
  subresources: { status: true },
});
