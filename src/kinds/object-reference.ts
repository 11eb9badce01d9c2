// References to objects of any kind by group, kind and name: validation that several kinds share.
import { type FieldError, required } from '../apimachinery/field.js';
import { isDns1123Subdomain, isPathSegmentName } from '../apimachinery/names.js';
import { invalids } from './checks.js';

interface TypedReference {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
}

/** An object of the same namespace, or of none. */
export function validateTypedReference(at: string, { apiGroup, kind, name }: TypedReference): FieldError[] {
  return [
    ...(apiGroup === undefined ? [] : invalids(`${at}.apiGroup`, apiGroup, isDns1123Subdomain(apiGroup))),
    ...(kind ? invalids(`${at}.kind`, kind, isPathSegmentName(kind)) : [required(`${at}.kind`, 'kind is required')]),
    ...(name ? invalids(`${at}.name`, name, isPathSegmentName(name)) : [required(`${at}.name`, 'name is required')]),
  ];
}
