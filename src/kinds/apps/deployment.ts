// The kind Deployment of apps/v1.
import { defineKind } from '../define.js';
import type { Deployment } from '../types/apps_v1.js';

export const deployments = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.Deployment',
  subresources: { status: true },
});
