// The kind DeviceClass of resource.k8s.io/v1.
import { invalid } from '../../apimachinery/field.js';
import { isExtendedResource } from '../core/resource-names.js';
import { defineKind } from '../define.js';
import type { DeviceClass } from '../types/resource_v1.js';
import { checkItems, MAX_CONFIGS, validateConfiguration, validateSelectors } from './checks.js';

export const deviceClasses = defineKind<DeviceClass>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  namespaced: false,
  schema: 'resource.v1.DeviceClass',
  generation: true,
  validate: ({ spec: { selectors, config, extendedResourceName: name } }) => [
    ...validateSelectors('spec.selectors', selectors),
    ...checkItems('spec.config', config, MAX_CONFIGS, validateConfiguration),
    ...(name === undefined || isExtendedResource(name)
      ? []
      : [invalid('spec.extendedResourceName', name, 'must be a valid extended resource name')]),
  ],
});
