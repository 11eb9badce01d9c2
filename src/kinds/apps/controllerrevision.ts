// The kind ControllerRevision of apps/v1.
import { defineKind } from '../define.js';
import type { ControllerRevision } from '../types/apps_v1.js';

export const controllerRevisions = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
  schema: 'apps.v1.ControllerRevision',
});
