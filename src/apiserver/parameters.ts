// Query parameters that several verbs share: dryRun, fieldValidation, resourceVersion, and numbers.
import { notSupported } from '../apimachinery/field.js';
import { badRequest, invalidObject } from '../apimachinery/status.js';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';
const FIELD_VALIDATIONS: readonly FieldValidation[] = ['Ignore', 'Strict', 'Warn'];

/** Whether to go through everything but the store. Throws 422 for anything but `All`. */
export function isDryRun(values: readonly string[], optionsKind: string): boolean {
  const unsupported = values.find((value) => value !== 'All');
  if (unsupported === undefined) return values.length > 0;
  throw invalidObject('meta.k8s.io', optionsKind, '', [notSupported('dryRun', unsupported, ['All'])]);
}

/** What to do about fields that the kind does not have; `Warn` unless the client says otherwise. */
export function fieldValidation(query: URLSearchParams, optionsKind: string): FieldValidation {
  const value = query.get('fieldValidation') || 'Warn';
  const known = FIELD_VALIDATIONS.find((each) => each === value);
  if (known) return known;
  throw invalidObject('meta.k8s.io', optionsKind, '', [notSupported('fieldValidation', value, FIELD_VALIDATIONS)]);
}

/** A resourceVersion as the revision it is; undefined if unset. Throws 400. */
export function revisionOf(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`Invalid value: ${JSON.stringify(text)}: resourceVersion is not a number`);
  return Number(text);
}

/** A number that is zero or more; undefined if unset. Throws 400. */
export function countOf(query: URLSearchParams, parameter: string): number | undefined {
  const text = query.get(parameter);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${parameter} must be a number that is not negative, not ${JSON.stringify(text)}`);
  return Number(text);
}
