// What is wrong with a question about access: it is about a resource or about a path, and about somebody.
import { type FieldError, invalid } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import type { ObjectMeta } from '../../apimachinery/types/meta_v1.js';
import type { SelfSubjectAccessReviewSpec, SubjectAccessReviewSpec } from '../types/authorization_v1.js';

export function validateAccess(spec: SubjectAccessReviewSpec | undefined, metadata: ObjectMeta): FieldError[] {
  return [...validateSpec(spec), ...validateMetadata(metadata, 'must be empty')];
}

export function validateSelfAccess(spec: SelfSubjectAccessReviewSpec | undefined, metadata: ObjectMeta): FieldError[] {
  return [...validateWhat(spec), ...validateMetadata(metadata, 'must be empty')];
}

export function validateLocalAccess(spec: SubjectAccessReviewSpec | undefined, { namespace, ...metadata }: ObjectMeta): FieldError[] {
  const errors = [...validateSpec(spec), ...validateMetadata(metadata, 'must be empty except for namespace')];
  const { resourceAttributes, nonResourceAttributes } = spec ?? {};
  if (resourceAttributes && resourceAttributes.namespace !== namespace) {
    errors.push(invalid('spec.resourceAttributes.namespace', resourceAttributes.namespace ?? '', 'must match metadata.namespace'));
  }
  if (nonResourceAttributes) {
    errors.push(invalid('spec.nonResourceAttributes', nonResourceAttributes as Json, 'disallowed on this kind of request'));
  }
  return errors;
}

function validateSpec(spec: SubjectAccessReviewSpec = {}): FieldError[] {
  const errors = validateWhat(spec);
  if (!spec.user && !spec.groups?.length)
    errors.push(invalid('spec.user', spec.user ?? '', 'at least one of user or group must be specified'));
  return errors;
}

function validateWhat({ resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec = {}): FieldError[] {
  if (resourceAttributes && nonResourceAttributes) {
    const why = 'cannot be specified in combination with resourceAttributes';
    return [invalid('spec.nonResourceAttributes', nonResourceAttributes as Json, why)];
  }
  if (resourceAttributes || nonResourceAttributes) return [];
  return [invalid('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')];
}

function validateMetadata(metadata: Partial<ObjectMeta>, why: string): FieldError[] {
  const { managedFields: _, ...given } = metadata;
  const isEmpty = Object.values(given).every((value) => value === undefined || value === null || value === '');
  return isEmpty ? [] : [invalid('metadata', given as Json, why)];
}
