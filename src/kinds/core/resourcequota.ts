// The kind ResourceQuota of v1.
import { type FieldError, invalid } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { checkImmutable, checkNonNegativeQuantity, invalids, readQuantity } from '../checks.js';
import { defineKind } from '../define.js';
import type { ResourceQuota } from '../types/core_v1.js';

/** What a quota can count or sum without a prefix. */
const STANDARD_RESOURCES = [
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
];
/** Amounts; everything else is counted in pieces. */
const AMOUNTS = /(^|\.)(cpu|memory|storage|ephemeral-storage)$/;

export const resourceQuotas = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  namespaced: true,
  schema: 'core.v1.ResourceQuota',
  generation: false,
  columns: [
    {
      name: 'Request',
      type: 'string',
      description: 'What is used, of what may be requested or made',
      cell: (quota) => usage(quota, (resource) => !resource.includes('limits')),
    },
    {
      name: 'Limit',
      type: 'string',
      description: 'What is used, of what limits may come to',
      cell: (quota) => usage(quota, (resource) => resource.includes('limits')),
    },
  ],
  validate: (quota, old) => [...validateHard(quota), ...(old ? validateUpdate(quota, old) : [])],
  prepareForCreate(quota) {
    quota.status = {};
  },
  returnDeletedObject: true,
  subresources: { status: true },
});

function usage({ status }: ResourceQuota, wanted: (resource: string) => boolean): string {
  const resources = Object.keys(status.hard ?? {}).filter(wanted);
  return resources
    .sort()
    .map((resource) => `${resource}: ${status.used?.[resource] ?? 0}/${status.hard?.[resource]}`)
    .join(', ');
}

function validateHard({ spec }: ResourceQuota): FieldError[] {
  return Object.entries(spec.hard ?? {}).flatMap(([resource, quantity]) => {
    const field = `spec.hard[${resource}]`;
    const errors = [...validateName(field, resource), ...checkNonNegativeQuantity(field, quantity)];
    const countable = AMOUNTS.test(resource) || Number.isInteger(readQuantity(field, quantity).value);
    return errors.length > 0 || countable ? errors : [invalid(field, String(quantity), 'must be an integer')];
  });
}

function validateName(field: string, resource: string): FieldError[] {
  const messages = isQualifiedName(resource);
  if (messages.length > 0) return invalids(field, resource, messages);
  // `count/deployments.apps`, `requests.nvidia.com/gpu`, `gold.storageclass.storage.k8s.io/requests.storage`.
  if (resource.includes('/') || STANDARD_RESOURCES.includes(resource)) return [];
  if (/^(requests\.|limits\.)?hugepages-/.test(resource)) return [];
  return [invalid(field, resource, 'must be a standard resource for quota')];
}

function validateUpdate(quota: ResourceQuota, old: ResourceQuota): FieldError[] {
  return checkImmutable('spec.scopes', [...(quota.spec.scopes ?? [])].sort(), [...(old.spec.scopes ?? [])].sort());
}
