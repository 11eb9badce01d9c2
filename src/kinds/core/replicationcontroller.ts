// The kind ReplicationController of v1.
import { defineKind } from '../define.js';
import type { ReplicationController } from '../types/core_v1.js';

export const replicationControllers = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  schema: 'core.v1.ReplicationController',
  subresources: { status: true },
});
