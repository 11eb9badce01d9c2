// A CustomResourceDefinition that is deleted stays until its objects are gone.
import { loadCel } from '../../apimachinery/cel/library.js';
import { customResourceDefinitions, FINALIZER_CLEANUP } from '../../kinds/apiextensions/customresourcedefinition.js';
import type { CustomResourceDefinition } from '../../kinds/types/apiextensions_v1.js';
import { hasVersionRules } from '../customresources/kind.js';
import { withCondition } from '../customresources/names.js';
import type { ResourceExtension } from './extension.js';

export const definitionCleanup: ResourceExtension<CustomResourceDefinition> = {
  kind: customResourceDefinitions,
  load: ({ spec }) => (spec.versions.some(hasVersionRules) ? loadCel() : undefined),
  // Once the deletion has begun it is a finalizer like any other.
  finalizers: ({ metadata }) => (metadata.deletionTimestamp ? [] : [FINALIZER_CLEANUP]),
  beginDeletion(draft) {
    const { metadata } = draft;
    metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), FINALIZER_CLEANUP])];
    const message = 'CustomResource deletion is in progress';
    const condition = { type: 'Terminating', status: 'True', reason: 'InstanceDeletionInProgress', message };
    draft.status = withCondition(draft.status, condition, Date.parse(metadata.deletionTimestamp!)) as typeof draft.status;
  },
};
