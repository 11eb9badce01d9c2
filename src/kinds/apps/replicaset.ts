// The kind ReplicaSet of apps/v1.
import { defineKind } from '../define.js';
import type { ReplicaSet } from '../types/apps_v1.js';

export const replicaSets = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.ReplicaSet',
  subresources: { status: true },
});
