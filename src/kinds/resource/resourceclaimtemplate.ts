// The kind ResourceClaimTemplate of resource.k8s.io/v1.
import { checkImmutable } from '../checks.js';
import { defineKind } from '../define.js';
import type { ResourceClaimTemplate } from '../types/resource_v1.js';
import { validateAnnotations, validateLabels } from '../validation.js';
import { validateDeviceClaim } from './claim-validation.js';
import { defaultClaimSpec } from './resourceclaim.js';

export const resourceClaimTemplates = defineKind<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  namespaced: true,
  schema: 'resource.v1.ResourceClaimTemplate',
  defaults: ({ spec }) => defaultClaimSpec(spec.spec),
  validate: ({ spec }, old) =>
    old
      ? checkImmutable('spec', spec, old.spec)
      : [
          ...validateLabels('spec.metadata.labels', spec.metadata?.labels),
          ...validateAnnotations('spec.metadata.annotations', spec.metadata?.annotations),
          ...validateDeviceClaim('spec.spec.devices', spec.spec.devices),
        ],
});
