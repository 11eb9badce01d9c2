// The kind DaemonSet of apps/v1.
import { defineKind } from '../define.js';
import type { DaemonSet } from '../types/apps_v1.js';

export const daemonSets = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.DaemonSet',
  subresources: { status: true },
});
