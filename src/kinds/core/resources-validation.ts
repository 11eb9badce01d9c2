// Validation of a container's resource requests and limits: known names, amounts that fit, requests within limits.
import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { canonicalQuantity } from '../../apimachinery/quantity.js';
import { checkNonNegativeQuantity, invalids, readQuantity } from '../checks.js';
import type { ResourceRequirements } from '../types/core_v1.js';

type ResourceList = { readonly [resource: string]: string | number };

const NATIVE_RESOURCES = ['cpu', 'memory', 'ephemeral-storage'];

export function validateResources(at: string, { requests = {}, limits = {} }: ResourceRequirements): FieldError[] {
  const errors = [...validateList(`${at}.limits`, limits), ...validateList(`${at}.requests`, requests)];
  if (errors.length > 0) return errors;
  for (const [resource, request] of Object.entries(requests)) errors.push(...checkWithinLimit(at, resource, request, limits[resource]));
  return errors;
}

function validateList(at: string, list: ResourceList): FieldError[] {
  return Object.entries(list).flatMap(([resource, quantity]) => {
    const field = `${at}[${resource}]`;
    const errors = [...validateResourceName(field, resource), ...checkNonNegativeQuantity(field, quantity)];
    if (errors.length === 0 && isCounted(resource) && !Number.isInteger(readQuantity(field, quantity).value)) {
      errors.push(invalid(field, String(quantity), 'must be an integer'));
    }
    return errors;
  });
}

/** What nodes offer by name and number: neither cpu, memory nor storage; it cannot be overcommitted. */
function isCounted(resource: string): boolean {
  return !NATIVE_RESOURCES.includes(resource);
}

function validateResourceName(field: string, resource: string): FieldError[] {
  if (NATIVE_RESOURCES.includes(resource) || resource.startsWith('hugepages-')) return [];
  if (resource.includes('/')) return invalids(field, resource, isQualifiedName(resource));
  const messages = isQualifiedName(resource);
  return invalids(field, resource, messages.length > 0 ? messages : ['must be a standard resource for containers']);
}

function checkWithinLimit(at: string, resource: string, request: string | number, limit: string | number | undefined): FieldError[] {
  const field = `${at}.requests`;
  if (limit === undefined)
    return isCounted(resource) ? [required(`${at}.limits`, 'Limit must be set for non overcommitable resources')] : [];
  const asked = readQuantity(field, request).value;
  const allowed = readQuantity(field, limit).value;
  const quantity = canonicalQuantity(request);
  if (isCounted(resource) && asked !== allowed) {
    return [invalid(field, quantity, `must be equal to ${resource} limit of ${canonicalQuantity(limit)}`)];
  }
  return asked > allowed
    ? [invalid(field, quantity, `must be less than or equal to ${resource} limit of ${canonicalQuantity(limit)}`)]
    : [];
}
