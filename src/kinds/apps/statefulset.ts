// The kind StatefulSet of apps/v1.
import { defineKind } from '../define.js';
import type { StatefulSet } from '../types/apps_v1.js';

export const statefulSets = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.StatefulSet',
  subresources: { status: true },
});
