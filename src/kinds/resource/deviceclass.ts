// The kind DeviceClass of resource.k8s.io/v1.
import { invalid } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
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

/** Of a domain other than Kubernetes', and fit for a quota under `requests.`. */
const isExtendedResource = (name: string): boolean =>
  /^(?!requests\.)[^/]+\//.test(name) && !/^([^/]*\.)?kubernetes\.io\//.test(name) && isQualifiedName(`requests.${name}`).length === 0;
